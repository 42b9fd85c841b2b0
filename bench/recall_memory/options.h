// The command line of bench_recall_memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/ann/options.h"
#include "index/status.h"

namespace tessera::bench {

struct LadderOptions {
  // Of bench_ann's options those that name files, metric, rows, k, rounds, CSV, commit; query_count
  // = queries of the second half of the file that are reported, 0 = all of it.
  Options run;
  std::vector<std::string> specs;  // in the order to be measured, as given
  size_t pick_count = 1000;        // queries of the first half of the file, to choose specs by
  bool speed = false;              // also times, and searches that probe fewer lists
  uint32_t depth = 200;            // candidates reranked
  size_t raw_queries = 1000;  // of the reported ones, for rerank by raw vectors; 0 = no such rows
};

// InvalidArgument names the option. Sets `help` to the text to print if help was asked for.
StatusOr<LadderOptions> ParseLadderOptions(const std::vector<std::string>& args, std::string& help);

}  // namespace tessera::bench

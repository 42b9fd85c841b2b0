// The command line of bench_ann.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "index/collection.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::bench {

// Written none, refine:DEPTH or raw:DEPTH.
struct RerankChoice {
  RerankTier tier = RerankTier::kNone;
  uint32_t depth = 0;  // 0 exactly for kNone

  static StatusOr<RerankChoice> Parse(const std::string& text);
  std::string tier_name() const;
  friend bool operator==(const RerankChoice&, const RerankChoice&) = default;
};

struct Options {
  std::string base;
  std::string queries;
  std::string truth;                   // empty: computed by exact search
  std::string name;                    // of the data set; empty: the folder of `base`
  std::string base_dataset = "train";  // HDF5 only, also the next two
  std::string query_dataset = "test";
  std::string truth_dataset = "neighbors";
  Metric metric = Metric::kL2;
  QuantizerSpec quantizer;
  QuantizerGoal goal;  // if given, in the place of the quantizer

  std::string data;         // directory of the collection; empty: a temporary one
  bool keep = false;        // leave it there, and take it up again if it fits
  bool refine_on_disk = false;  // of the collection, also of one that is taken up
  uint64_t block_cache_mib = 64;
  uint64_t max_rows = 0;    // of the base; 0 = all
  bool train = true;        // false: rows are loaded only, for whoever trains then
  uint64_t train_rows = 0;  // train once so many are loaded, then load the rest; 0 = load all first

  uint32_t k = 10;
  std::vector<uint32_t> nprobe = {8, 16, 32, 64};
  std::vector<RerankChoice> rerank;  // at least one
  bool single = true;
  bool in_batches = true;
  size_t batch = 1000;
  std::vector<size_t> threads = {1};  // no 0: "all" is already the number of cores
  size_t query_begin = 0;
  size_t query_count = 0;  // 0 = to the end

  std::vector<double> tune_recall;  // ascending as given; empty: a plain sweep
  size_t rounds = 5;
  double round_seconds = 0.4;  // of each configuration in each round, at least one call
  bool explain = false;
  std::string csv;     // file; empty: none
  std::string commit;  // only repeated in the CSV

  std::string command;  // as typed
};

// InvalidArgument names the option. Sets `help` to the text to print if help was asked for.
StatusOr<Options> ParseOptions(const std::vector<std::string>& args, std::string& help);

}  // namespace tessera::bench

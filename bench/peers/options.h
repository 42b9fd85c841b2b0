// The command line of bench_peers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/ann/options.h"
#include "index/status.h"

namespace tessera::bench {

struct PeerOptions {
  // Of bench_ann's options those that name files, metric, queries, k, nprobe, rerank, modes, rounds
  // and the CSV; one thread.
  Options run;
  std::string engine;              // faiss or hnswlib
  std::vector<std::string> specs;  // at least one
  std::string keep;                // directory of built indexes; empty: they are not kept
  bool build_only = false;         // build what is not in `keep`, measure nothing
};

// InvalidArgument names the option. Sets `help` to the text to print if help was asked for.
StatusOr<PeerOptions> ParsePeerOptions(const std::vector<std::string>& args, std::string& help);

}  // namespace tessera::bench

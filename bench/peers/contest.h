// A rival built (or taken up) and measured: the part of bench_peers that is no command line.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/peers/options.h"
#include "bench/peers/rival.h"
#include "bench/report/row.h"
#include "index/status.h"

namespace tessera::bench {

struct Contest {
  std::vector<Row> rows;             // a row an index, rerank, nprobe and mode
  std::vector<std::string> remarks;  // of the engine's build
};

// Every index of options.specs in turn: built, or taken up from options.keep; recall in one pass,
// then rounds in which every setting of the index has its turn; medians over the rounds. All on the
// calling thread, as far as the engine obeys OMP_NUM_THREADS=1. Errors name option or file.
StatusOr<Contest> RunContest(const PeerOptions& options,
                             const std::function<void(const std::string&)>& log);

}  // namespace tessera::bench

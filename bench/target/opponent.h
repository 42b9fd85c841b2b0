// The best fixed parameters for a recall, found with the very queries that they are judged on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/ann/sweep.h"
#include "index/status.h"

namespace tessera::bench {

// For each target of options.tune_recall the settings that reach it on `queries` at the least CPU
// time, one query at a time on one thread: each form of options.rerank with the fewest lists that
// reach it, and of these the three fastest, since times differ from one measurement to the next.
// A form that takes longer with one list than another takes for the target is passed over. Targets
// that nothing reaches are told to `log`.
StatusOr<std::vector<Trial>> FindOpponents(Subject& subject, const QuerySet& queries,
                                           const Options& options,
                                           const std::function<void(const std::string&)>& log);

}  // namespace tessera::bench

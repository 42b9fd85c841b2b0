// Many settings measured side by side, and settings found for a wanted recall.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/ann/measure.h"
#include "bench/ann/options.h"
#include "bench/report/row.h"
#include "index/status.h"

namespace tessera::bench {

// A setting to be measured, and the recall it was chosen for.
struct Trial {
  Setting setting;
  double target = kNotMeasured;
};

// All settings of the command line: rerank x nprobe x mode x threads.
std::vector<Trial> AllTrials(const Options& options);

// A row a trial: recall in one pass, then rounds in which every trial has its turn, so that a slow
// minute of the machine falls on all of them; medians over the rounds.
// Without rounds no times.
StatusOr<std::vector<Row>> Sweep(Subject& subject, const QuerySet& queries, const Options& options,
                                 const std::vector<Trial>& trials);

// For each choice of rerank tier and each target: the fastest pair of nprobe and depth that reaches
// the target on `queries`, one query at a time on one thread; as trials in all modes and threads of
// the command line. Depths are those of options.rerank, nprobe is the smallest that reaches. What
// cannot be reached is told to `log` and left out.
StatusOr<std::vector<Trial>> Tune(Subject& subject, const QuerySet& queries, const Options& options,
                                  const std::function<void(const std::string&)>& log);

}  // namespace tessera::bench

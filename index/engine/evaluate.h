// Quantizers compared on a sample: see index/evaluation.h for what is measured.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/evaluation.h"
#include "index/executor.h"
#include "index/status.h"

namespace tessera::engine {

// Fewer rows than this are not measured: a tenth of them are queries.
inline constexpr uint64_t kMinEvaluateRows = 1000;

// Evaluates on the live rows of `snapshot`, beside whatever else the collection does.
StatusOr<EvaluateResult> EvaluateSnapshot(const Core& core, const Snapshot& snapshot,
                                          const EvaluateOptions& options);

// The same of a model at hand, which takes the place of options.quantizers: on rows that trainings leave out as
// queries, others as base.
StatusOr<EvaluateResult> EvaluateTrained(const Core& core, const Snapshot& snapshot,
                                         const quant::TrainedModel& trained, EvaluateOptions options);

// Evaluates on all of `sample` (n x dim, normalised under cosine), which is taken apart into
// queries and base rows. Options were checked. `closing` (may be null) stops it between two specs.
StatusOr<EvaluateResult> EvaluateSample(std::vector<float> sample, uint32_t dim, Metric metric,
                                        const EvaluateOptions& options, Executor& executor,
                                        const std::atomic<bool>* closing);

}  // namespace tessera::engine

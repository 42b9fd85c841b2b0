// The choice of a quantizer by measurement on the collection's own rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/executor.h"
#include "index/quantizer_goal.h"
#include "index/quantizer_spec.h"
#include "index/training.h"

namespace tessera::engine {

struct Plan {
  QuantizerSpec spec;  // lists are left to training
  std::string text;    // why: the goal, what was measured, a table of the candidates
};

// What a plan is made for.
struct PlanInput {
  QuantizerGoal goal;
  Metric metric = Metric::kL2;
  uint32_t dim = 0;
  uint64_t rows = 0;              // of the collection
  double external_id_bytes = 0;   // a row takes for its id
  bool refine_on_disk = false;    // refine codes take no memory
};

// Chooses on `sample` (n x dim, normalised under cosine). FailedPrecondition: too few rows, or no
// candidate could be trained or fits. Progress is reported as stage "plan".
StatusOr<Plan> MakePlan(const PlanInput& input, std::vector<float> sample, Executor& executor,
                        const TrainingContext& context);

// The same on a bounded sample of the snapshot's rows.
StatusOr<Plan> PlanCollection(const Core& core, const Snapshot& snapshot, const QuantizerGoal& goal,
                              Executor& executor, const TrainingContext& context);

}  // namespace tessera::engine

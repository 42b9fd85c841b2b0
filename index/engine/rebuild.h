// The next generation: a codebook, trained or at hand, encode beside the old one, catch up, switch by one Put. First
// training, retraining and activation are this one path. A crash at any point leaves the old generation in force,
// or the new one.
#pragma once

#include <memory>

#include "index/collection.h"
#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/status.h"

namespace tessera::engine {

// Both run on the calling thread and the compute executor; commits go on meanwhile. The caller has made sure that
// only one runs.
//
// Trains a codebook, which becomes a version with the switch.
Status RebuildCollection(Core& core, Committer& committer, const TrainOptions& options);
// With the codebook `version`. NotFound, DataLoss, FailedPrecondition if it is in force; Aborted if it was deleted
// meanwhile.
Status RebuildWith(Core& core, Committer& committer, uint32_t version, const TrainingContext& context);

}  // namespace tessera::engine

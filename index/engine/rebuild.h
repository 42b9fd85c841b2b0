// The next generation: sample, train, encode beside the old one, catch up, switch by one Put. First training
// and retraining are this one path. A crash at any point leaves the old generation in force, or the new one.
#pragma once

#include <memory>

#include "index/collection.h"
#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/status.h"

namespace tessera::engine {

// Runs on the calling thread and the compute executor; commits go on meanwhile. The caller has made sure that
// only one runs.
Status RebuildCollection(Core& core, Committer& committer, const TrainOptions& options);

}  // namespace tessera::engine

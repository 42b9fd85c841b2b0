// Measures a collection's recall curve and puts it in force.
#pragma once

#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/recall.h"
#include "index/status.h"

namespace tessera::engine {

// Blocks; searches and writes go on. Reads one snapshot, then takes a committer's turn to write the
// curve as a record of its generation. FailedPrecondition without a model or with fewer than two
// rows, InvalidArgument for bad queries, Aborted if another model came into force meanwhile,
// Cancelled by options.context.stop, asked often, or core->closing, asked between stages. Nothing changes unless it succeeds.
// Precondition: the caller holds a pass of the gate.
Status TuneCollection(const std::shared_ptr<Core>& core, Committer& committer,
                      const TuneOptions& options);

// True if none was measured with the snapshot's model yet, or the collection changed much since the last attempt
// to measure one: half as many rows again, a quarter fewer, or a quarter replaced.
bool NeedsTuning(const Core& core, const Snapshot& snapshot);

// The curve of the snapshot's model, if it is stored: for opening.
Status LoadCurve(Core& core, const Snapshot& snapshot);

}  // namespace tessera::engine

// Whether the codebook in force still fits the rows.
#pragma once

#include "index/drift.h"
#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/status.h"
#include "index/training.h"

namespace tessera::engine {

// From what the snapshot carries; no row is read.
DriftReport AssessDrift(const Snapshot& snapshot, double list_imbalance);
// With the error of a sample of the live rows, which are read and encoded.
StatusOr<DriftReport> MeasureDrift(const Core& core, const Snapshot& snapshot);
// Enough was written since the codebook is in force, and with a larger error than the advice's threshold. Cheap:
// asked after every write.
bool WantsRetraining(const Snapshot& snapshot);

// nlist * sum n_l^2 / (sum n_l)^2 of the live rows of lists; 1 = all equal, 0 = no rows.
double ListImbalance(const Snapshot& snapshot);

}  // namespace tessera::engine

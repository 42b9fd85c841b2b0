// Rows of the collection as queries that its model never saw.
#pragma once

#include <cstdint>
#include <vector>

#include "index/engine/snapshot.h"
#include "index/types.h"

namespace tessera::engine {

// Up to `count` live rows, ascending, chosen by `seed`: those that trainings leave out
// (sample.h), or any if fewer than 250 live
// rows are (small collections, whose trainings spare none).
std::vector<RowId> CalibrationRows(const Snapshot& snapshot, size_t count, uint64_t seed);

}  // namespace tessera::engine

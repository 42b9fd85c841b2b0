// Rows of a snapshot as floats: what trainings and evaluations learn from.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "index/engine/core.h"
#include "index/engine/snapshot.h"
#include "index/status.h"

namespace tessera::engine {

// A stored vector -> out[core.dim], of unit length under cosine. DataLoss names the row.
Status StoredFloats(const Core& core, RowId row, const store::VectorView& vector, float* out);
// norm: of the vector as it was sent; may be null.
Status StoredFloats(uint32_t dim, Metric metric, RowId row, const store::VectorView& vector, float* out, double* norm);

// One row of 32, by a hash of its number: the same for every training and after every restart.
// Trainings leave these out, so that models are measured on rows that they never saw.
bool IsHeldOut(RowId row);
uint64_t CountHeldOut(const Snapshot& snapshot);  // of the live rows

// kHeldOut: all rows where there are fewer than kEnoughHeldOut of them.
inline constexpr uint64_t kEnoughHeldOut = 50;
enum class SampleFrom : uint8_t { kAll, kTraining, kHeldOut };

// A uniform sample of min(rows, live rows) rows in order of row ids, read from the snapshot's view:
// n x dim. The same for the same rows and seed. `check_stop` is asked every few thousand rows.
StatusOr<std::vector<float>> ReadSample(const Core& core, const Snapshot& snapshot, uint64_t rows,
                                        uint64_t seed, const std::function<Status()>& check_stop,
                                        SampleFrom from = SampleFrom::kAll);

}  // namespace tessera::engine

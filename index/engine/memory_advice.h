// What is said of something that does not fit into memory: the numbers, and what would fit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "index/engine/core.h"
#include "index/engine/memory_budget.h"
#include "index/quantizer_spec.h"
#include "index/status.h"

namespace tessera::engine {

// A quantizer that some rows fit with, and the bytes that they then take.
struct FittingSpec {
  QuantizerSpec spec;
  uint64_t bytes = 0;
};

// Rows looking for a quantizer.
struct RowsToFit {
  uint64_t rows = 0;
  uint32_t dim = 0;
  Metric metric = Metric::kL2;
  double external_id_bytes = 0;
  // Theirs, if it has refine records that are kept in memory and could be left on disk.
  std::optional<QuantizerSpec> refined = std::nullopt;
};

// Of the planner's first kind of quantizer: the largest within `bytes`, which keeps the most recall, and the
// smallest there is, whatever it takes.
std::optional<FittingSpec> LargestFitting(const RowsToFit& rows, uint64_t bytes);
FittingSpec SmallestFitting(const RowsToFit& rows);

// ResourceExhausted: `what` ("an upsert of 10 points") needs how much of which limit, of what is there how much is
// left, which quantizer would hold the rows, and the limit that would do. The rows may have `room` bytes.
Status OutOfMemory(const std::string& collection, const std::string& what, const MemoryShortage& shortage,
                   const RowsToFit& rows, uint64_t room);

// The same for a collection that is there, whose index is to have `rows` rows in `room` bytes; counts it as a refusal.
Status OutOfMemory(const Core& core, const Snapshot& snapshot, const std::string& what, const MemoryShortage& shortage,
                   uint64_t rows, uint64_t room);

// Holds memory for a sample of `wanted` rows as floats, or fewer where there is not as much room, and returns how
// many. ResourceExhausted if `least` do not fit. `what`: that it is for.
StatusOr<uint64_t> ReserveSample(const Core& core, const Snapshot& snapshot, const std::string& what, uint64_t least,
                                 uint64_t wanted, MemoryReservation& memory);

// Holds memory for all rows encoded anew, beside the lists in force: those that come, and what the encoding takes.
// Of a spec that is not trained yet, or of a model; `beside`: as much is held anyhow.
Status ReserveGeneration(const Core& core, const Snapshot& snapshot, const QuantizerSpec& spec, uint64_t beside,
                         MemoryReservation& memory);
Status ReserveGeneration(const Core& core, const Snapshot& snapshot, const quant::Model& model,
                         const quant::ListTable& lists, MemoryReservation& memory);

// Bytes that an untrained collection which trains by itself keeps free for that, as it could not be trained ever after
// otherwise; 0 of others.
uint64_t RoomForTraining(const Core& core, const Snapshot& snapshot);

// Of a write of so many points, after which the collection would be as `after` is; counted.
Status RefuseWrite(const Core& core, const Snapshot& after, uint64_t points, const MemoryShortage& shortage);

// Before `points` points are encoded: refused if they cannot fit however they are written. ResourceExhausted.
Status CheckRoomForWrite(const Core& core, const Snapshot& snapshot, uint64_t points);

// Creation with a number of rows that is expected: whether they fit into the collection's own limit, and into what
// the catalog has left.
Status CheckExpectedRows(const std::string& name, const CollectionSpec& spec, const std::shared_ptr<MemoryPool>& pool);

}  // namespace tessera::engine

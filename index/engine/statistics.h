// What a collection tells of itself.
#pragma once

#include "index/collection.h"
#include "index/engine/core.h"

namespace tessera::engine {

// Of the state in force. Goes over the lists, reads no row. Precondition: the caller holds a pass of core.gate.
CollectionStats ReadStatistics(const Core& core);

// Resident bytes of a snapshot, and of what the collection has beside it. Goes over no list.
MemoryUsage ReadMemoryUsage(const Core& core, const Snapshot& snapshot);
// The same without what filters keep, which comes and goes between commits.
uint64_t ReadIndexBytes(const Core& core, const Snapshot& snapshot);

}  // namespace tessera::engine

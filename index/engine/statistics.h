// What a collection tells of itself.
#pragma once

#include "index/collection.h"
#include "index/engine/core.h"

namespace tessera::engine {

// Of the state in force. Goes over the lists, reads no row. Precondition: the caller holds a pass of core.gate.
CollectionStats ReadStatistics(const Core& core);

}  // namespace tessera::engine

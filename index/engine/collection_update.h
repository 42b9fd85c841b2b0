// Settings of a collection that may change while it serves.
#pragma once

#include "index/collection.h"
#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/status.h"

namespace tessera::engine {

// See Collection::Update. Precondition: the caller holds a pass of core.gate.
Status UpdateCollection(Core& core, Committer& committer, const CollectionUpdate& update);

}  // namespace tessera::engine

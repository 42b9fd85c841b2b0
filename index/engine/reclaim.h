// What deleted and replaced rows leave behind, on disk, in the lists and in the allocator, given back.
#pragma once

#include <memory>

#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/status.h"

namespace tessera::engine {

// Packs lists anew and rewrites the files of the store without what is gone, and returns free memory to the system. Reads and writes go on.
// Precondition: the caller holds a pass. Cancelled if the collection is closed meanwhile.
Status ReclaimSpace(Core& core, Committer& committer);

// Does so on the background executor, if there is one, when a quarter as many rows as there are (and 8,192) were
// deleted or replaced since it was done last, and it is not running. Cheap if not.
void PostReclaim(const std::shared_ptr<Core>& core, const std::shared_ptr<Committer>& committer);

}  // namespace tessera::engine

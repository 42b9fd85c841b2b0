// Writes that go on when a full disk has space again.
#pragma once

#include "index/engine/committer.h"
#include "index/engine/core.h"

namespace tessera::engine {

// Ends the read-only state of a collection whose disk was full, if there is space again and the store holds what
// searches see; else it stays, and a later call or a restart ends it. Blocks while the store flushes. Precondition: the
// caller holds a pass. Not from inside a commit.
void ResumeWrites(Core& core, Committer& committer);

}  // namespace tessera::engine

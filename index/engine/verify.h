// Reads everything of a collection at one state, and tells what is damaged or does not agree.
#pragma once

#include "index/engine/core.h"
#include "index/engine/verify_run.h"
#include "index/status.h"
#include "index/verification.h"

namespace tessera::engine {

// Of a collection that is open: the store's view of the current snapshot against itself and the snapshot's lists.
// Begun anew if another generation comes into force meanwhile; Aborted if that happens again and again.
StatusOr<VerifyReport> VerifyCollection(const Core& core, const VerifyOptions& options);

// Of a store alone; what its small records say is a part of what is checked.
StatusOr<VerifyReport> VerifyStore(const store::Store& store, const VerifyOptions& options);

}  // namespace tessera::engine

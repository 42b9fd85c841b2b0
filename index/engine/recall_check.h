// The exact run behind live recall.
#pragma once

#include "index/engine/core.h"
#include "index/engine/live_recall.h"

namespace tessera::engine {

// Queues a drawn query; its exact run comes on the background executor, on the state that it was
// answered from. All that wait on one state share one pass over the vectors. Dropped while a
// training or a tuning has the background. Precondition: core.live_recall.is_on(), which implies a
// background executor.
void WatchRecall(const Core& core, AnsweredQuery query);

}  // namespace tessera::engine

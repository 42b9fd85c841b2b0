// A collection's records, as far as they can be read, into a new store.
#pragma once

#include "index/engine/core.h"
#include "index/repair.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

// `damaged` is open for reading only, its last durable commit was `durable`; `fresh` is empty. Fills the report but for its
// places. True if the rows must be trained: they were, and no model could be read.
StatusOr<bool> CopySurvivors(const store::Store& damaged, uint64_t durable, store::Store& fresh,
                             const RepairOptions& options, RepairReport& report);

}  // namespace tessera::engine

// The edge between code that may throw (allocation) and threads that must not.
#pragma once

#include <absl/functional/function_ref.h>

#include "index/status.h"

namespace tessera::server {

// Runs `work`; what it throws becomes INTERNAL, out of memory RESOURCE_EXHAUSTED.
Status Guarded(absl::FunctionRef<Status()> work);

}  // namespace tessera::server

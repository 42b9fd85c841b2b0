// Named places where a test can make the process die or an operation fail.
//
// TESSERA_FAILPOINTS="name=kill,other=error:3": at the 3rd passing of `other` an error, at the first of
// `name` SIGKILL. An unknown action is ignored. Without the variable a failpoint is one load of a bool.
#pragma once

#include <string>

#include "index/status.h"

namespace tessera {

// OK, or Unavailable("failpoint <name>"), or the process is gone. Thread-safe.
Status Failpoint(const char* name);

// Replaces what the environment said; empty turns all off. For tests.
void SetFailpoints(const std::string& spec);

}  // namespace tessera

// Refusals that pass by themselves.
#pragma once

#include <string>

#include "index/status.h"

namespace tessera {

// ResourceExhausted as well, but of what is under way at the moment: the same request may be taken a little later. A full
// disk or a memory limit is not.
Status Busy(const std::string& message);
bool IsBusy(const Status& status);

}  // namespace tessera

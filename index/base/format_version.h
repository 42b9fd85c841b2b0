// Bytes of a format that this build does not know: one wording for all of them.
#pragma once

#include <cstdint>
#include <string>

#include "index/status.h"

namespace tessera {

// `what` was written by a newer version: FailedPrecondition that says what to do. `formats` names the versions.
Status NewerFormat(const std::string& what, const std::string& formats);
// OK if `found` is `known`. Above it, NewerFormat with both numbers; below, or thousands above, DataLoss: no release
// writes that.
Status CheckFormatVersion(const std::string& what, uint64_t found, uint64_t known);
// Whether a status is of NewerFormat, whatever was put before its message. Not damage: nothing of it is to be mended.
bool IsNewerFormat(const Status& status);

}  // namespace tessera

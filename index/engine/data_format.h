// The file FORMAT of a data directory: whose it is, and of which version.
#pragma once

#include <string>

#include "index/status.h"

namespace tessera::engine {

inline constexpr const char* kFormatFile = "FORMAT";
inline constexpr const char* kFormatLine = "tessera 1\n";

// NotFound if there is no such file, FailedPrecondition if it says anything else than kFormatLine: it needs no checksum.
Status CheckFormat(const std::string& data);

}  // namespace tessera::engine

// The file FORMAT of a data directory: whose it is, and of which version.
#pragma once

#include <cstdint>
#include <string>

#include "index/status.h"

namespace tessera::engine {

inline constexpr const char* kFormatFile = "FORMAT";
inline constexpr uint64_t kDataFormat = 1;
inline constexpr const char* kFormatLine = "tessera 1\n";

// Unavailable if FORMAT cannot be read, NotFound if there is no such file, FailedPrecondition if it says anything else than kFormatLine, of a higher number what
// to do: it needs no checksum.
Status CheckFormat(const std::string& data);

}  // namespace tessera::engine

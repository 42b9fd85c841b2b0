// Whether a disk has room.
#pragma once

#include <cstdint>
#include <string>

#include "index/status.h"

namespace tessera {

// ResourceExhausted, with the bytes, unless the disk of `path` has `bytes` free beside `reserve`. OK where the system
// does not tell: the write itself will. Thread-safe.
Status CheckDiskSpace(const std::string& path, uint64_t reserve, uint64_t bytes);

}  // namespace tessera

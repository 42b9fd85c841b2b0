#include "index/base/bytes.h"

#include <crc32c/crc32c.h>

namespace tessera {

uint32_t Crc32c(std::string_view data) { return ::crc32c::Crc32c(data.data(), data.size()); }

}  // namespace tessera

#include "index/base/disk_space.h"

#include <filesystem>
#include <system_error>

namespace tessera {

Status CheckDiskSpace(const std::string& path, uint64_t reserve, uint64_t bytes) {
  std::error_code unknown;
  const uint64_t free = std::filesystem::space(path, unknown).available;
  if (unknown || (free >= reserve && free - reserve >= bytes)) return OkStatus();
  return ResourceExhausted("the disk of " + path + " is full: " + std::to_string(free) + " bytes are free, " +
                           std::to_string(reserve) + " are kept in reserve, " + std::to_string(bytes) +
                           " more are needed");
}

}  // namespace tessera

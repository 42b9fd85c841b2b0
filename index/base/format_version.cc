#include "index/base/format_version.h"

namespace tessera {
namespace {

// Formats are counted one by one: what is further off is no format, but any bytes.
constexpr uint64_t kMostFormats = 1000;
constexpr const char* kNewer = " was written by a newer tessera (";

}  // namespace

Status NewerFormat(const std::string& what, const std::string& formats) {
  return FailedPrecondition(what + kNewer + formats + "): upgrade this one, or restore a backup that an older one made");
}

Status CheckFormatVersion(const std::string& what, uint64_t found, uint64_t known) {
  if (found == known) return OkStatus();
  const std::string reads = "this one reads " + std::to_string(known);
  if (found > known && found <= kMostFormats) return NewerFormat(what, "format " + std::to_string(found) + ", " + reads);
  return DataLoss(what + " has format " + std::to_string(found) + ", " + reads);
}

bool IsNewerFormat(const Status& status) {
  return status.code() == absl::StatusCode::kFailedPrecondition && MessageOf(status).find(kNewer) != std::string::npos;
}

}  // namespace tessera

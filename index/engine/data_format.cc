#include "index/engine/data_format.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>

#include "index/base/format_version.h"
#include "index/engine/data_directory.h"

namespace tessera::engine {

namespace {

constexpr std::string_view kName = "tessera ";

}  // namespace

Status CheckFormat(const std::string& data) {
  const std::string path = data + "/" + kFormatFile;
  std::ifstream in(path, std::ios::binary);
  if (!in && errno != ENOENT && errno != ENOTDIR) return IoError("cannot read", path);
  if (!in) return NotFound("no tessera data in " + data + " (" + path + " is not there)");
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (text == kFormatLine) return OkStatus();
  uint64_t format = 0;
  const size_t at = std::min(text.size(), kName.size());
  std::from_chars(text.data() + at, text.data() + text.size(), format);
  if (format == 0 || text != std::string(kName) + std::to_string(format) + "\n") {
    return FailedPrecondition("no tessera data in " + data + ": " + path + " says \"" + text.substr(0, 40) + "\"");
  }
  return CheckFormatVersion("the data in " + data, format, kDataFormat);
}

}  // namespace tessera::engine

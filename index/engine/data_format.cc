#include "index/engine/data_format.h"

#include <fstream>
#include <iterator>

namespace tessera::engine {

Status CheckFormat(const std::string& data) {
  const std::string path = data + "/" + kFormatFile;
  std::ifstream in(path, std::ios::binary);
  if (!in) return NotFound("no tessera data in " + data + " (" + path + " is not there)");
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (text == kFormatLine) return OkStatus();
  return FailedPrecondition(path + " says \"" + text.substr(0, 40) + "\", this version knows \"tessera 1\": " +
                            "use the version that wrote it, or a newer one");
}

}  // namespace tessera::engine

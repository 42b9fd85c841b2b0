// Opens a file and finds out its format: what every reader begins with.
#pragma once

#include <memory>
#include <string>

#include "client/formats/byte_source.h"
#include "client/formats/format.h"
#include "index/status.h"

namespace tessera::formats {

struct DetectedSource {
  std::unique_ptr<ByteSource> source;  // at its first byte
  Format format = Format::kAuto;       // never kAuto
};

// `format` if it is not kAuto, else by name, else by first bytes. InvalidArgument if the file is
// empty, if nothing tells the format, or if it is HDF5 in a pipe or gzip data, where HDF5 cannot
// go.
StatusOr<DetectedSource> OpenDetected(const std::string& path, Format format);

}  // namespace tessera::formats

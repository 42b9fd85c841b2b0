#include "client/formats/detect.h"

#include <utility>

namespace tessera::formats {
namespace {

constexpr size_t kMagicBytes = 16;

}  // namespace

StatusOr<DetectedSource> OpenDetected(const std::string& path, Format format) {
  TESSERA_ASSIGN_OR_RETURN(auto source, ByteSource::Open(path));
  const std::span<const uint8_t> head = source->Window(kMagicBytes);
  if (head.empty()) {
    TESSERA_RETURN_IF_ERROR(source->status());
    return InvalidArgument(source->name() + " is empty");
  }
  if (format == Format::kAuto) format = FormatOfName(path);
  if (format == Format::kAuto) format = FormatOfMagic(head);
  if (format == Format::kAuto) {
    return InvalidArgument(source->name() +
                           ": neither its name nor its first bytes tell the format; name one");
  }
  if (format == Format::kHdf5 && (path == "-" || source->compressed())) {
    return InvalidArgument(source->name() + ": HDF5 needs a plain file, not a pipe or gzip data");
  }
  return DetectedSource{std::move(source), format};
}

}  // namespace tessera::formats

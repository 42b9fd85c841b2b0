#include "client/formats/matrix_header.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

namespace tessera::formats {
namespace {

constexpr size_t kBinHeaderBytes = 8;
constexpr size_t kIdxMagicBytes = 4;
constexpr size_t kIdxMaxDimensions = 8;

uint32_t LoadBigEndian(const uint8_t* p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  return __builtin_bswap32(value);
}

Status HeaderCutOff(const ByteSource& source, size_t expected, size_t found) {
  TESSERA_RETURN_IF_ERROR(source.status());
  return DataLoss(source.name() + ": header cut off: expected " + std::to_string(expected) +
                  " bytes, found " + std::to_string(found));
}

StatusOr<ItemType> IdxItemType(uint8_t code, const std::string& file) {
  switch (code) {
    case 0x08:
      return ItemType::kU8;
    case 0x09:
      return ItemType::kI8;
    case 0x0d:
      return ItemType::kF32Big;
    default:
      return InvalidArgument(file + ": IDX item type " + std::to_string(code) +
                             " is not supported, expected 8 (u8), 9 (i8) or 13 (f32)");
  }
}

}  // namespace

Status CheckShape(const MatrixHeader& header, const std::string& file) {
  if (header.dim == 0 || header.dim > kMaxDim) {
    return InvalidArgument(file + ": header says dim " + std::to_string(header.dim) +
                           ", expected 1 to " + std::to_string(kMaxDim));
  }
  // Signed, since file positions are.
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (header.rows > kMost / (header.dim * ItemSize(header.item))) {
    return InvalidArgument(file + ": header says " + std::to_string(header.rows) + " rows of dim " +
                           std::to_string(header.dim) + ", more bytes than a file can have");
  }
  return OkStatus();
}

StatusOr<MatrixHeader> ReadBinHeader(ByteSource& source, ItemType item) {
  const std::span<const uint8_t> window = source.Window(kBinHeaderBytes);
  if (window.size() < kBinHeaderBytes) {
    return HeaderCutOff(source, kBinHeaderBytes, window.size());
  }
  uint32_t shape[2];
  std::memcpy(shape, window.data(), sizeof shape);
  const MatrixHeader header = {item, shape[0], shape[1], false};
  TESSERA_RETURN_IF_ERROR(CheckShape(header, source.name()));
  source.Consume(kBinHeaderBytes);
  return header;
}

StatusOr<MatrixHeader> RawHeader(const ByteSource& source, ItemType item, uint64_t dim) {
  MatrixHeader header = {item, 0, dim, true};
  TESSERA_RETURN_IF_ERROR(CheckShape(header, source.name()));
  const uint64_t row_bytes = dim * ItemSize(item);
  if (source.size() && *source.size() % row_bytes != 0) {
    return InvalidArgument(source.name() + ": " + std::to_string(*source.size()) +
                           " bytes are no whole rows of " + std::to_string(row_bytes));
  }
  header.rows = std::numeric_limits<int64_t>::max() / row_bytes;
  return header;
}

// Magic (0, 0, item type, number of dimensions), then each dimension as a big-endian u32. The first
// counts the rows; the others, an image's height and width, are flattened.
StatusOr<MatrixHeader> ReadIdxHeader(ByteSource& source) {
  const std::span<const uint8_t> magic = source.Window(kIdxMagicBytes);
  if (magic.size() < kIdxMagicBytes) return HeaderCutOff(source, kIdxMagicBytes, magic.size());
  if (magic[0] != 0 || magic[1] != 0) {
    return InvalidArgument(source.name() + ": not an IDX file: it does not begin with two zeros");
  }
  TESSERA_ASSIGN_OR_RETURN(ItemType item, IdxItemType(magic[2], source.name()));
  const size_t dimensions = magic[3];
  if (dimensions < 2 || dimensions > kIdxMaxDimensions) {
    return InvalidArgument(source.name() + ": IDX data of " + std::to_string(dimensions) +
                           " dimensions, expected 2 to " + std::to_string(kIdxMaxDimensions) +
                           (dimensions == 1 ? "; are these labels?" : ""));
  }
  const size_t bytes = kIdxMagicBytes + 4 * dimensions;
  const std::span<const uint8_t> window = source.Window(bytes);
  if (window.size() < bytes) return HeaderCutOff(source, bytes, window.size());
  MatrixHeader header = {item, LoadBigEndian(window.data() + kIdxMagicBytes), 1, false};
  for (size_t i = 1; i < dimensions; ++i) {
    // The product stops just above kMaxDim: then it cannot overflow, and CheckShape refuses it.
    const uint64_t length = LoadBigEndian(window.data() + kIdxMagicBytes + 4 * i);
    header.dim = std::min<uint64_t>(header.dim * length, kMaxDim + 1);
  }
  TESSERA_RETURN_IF_ERROR(CheckShape(header, source.name()));
  source.Consume(bytes);
  return header;
}

}  // namespace tessera::formats

#include "client/formats/row_appender.h"

#include <bit>
#include <cstring>

#include "index/elements.h"
#include "index/status.h"

namespace tessera::formats {
namespace {

static_assert(std::endian::native == std::endian::little,
              "rows are copied as they stand in little-endian files");

template <typename T>
T Load(const uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

void StoreFloat(float value, uint8_t* out) { std::memcpy(out, &value, sizeof value); }

// Writes `dim` items as floats. False at the first i32 without an equal float, then *at is its
// place.
bool ConvertRow(ItemType type, const uint8_t* in, size_t dim, uint8_t* out, size_t* at) {
  for (size_t i = 0; i < dim; ++i) {
    if (type == ItemType::kF64) {
      StoreFloat(static_cast<float>(Load<double>(in + 8 * i)), out + 4 * i);
    } else if (type == ItemType::kF32Big) {
      StoreFloat(std::bit_cast<float>(__builtin_bswap32(Load<uint32_t>(in + 4 * i))), out + 4 * i);
    } else {
      const int32_t item = Load<int32_t>(in + 4 * i);
      const auto value = static_cast<float>(item);
      *at = i;
      if (static_cast<double>(value) != item) return false;
      StoreFloat(value, out + 4 * i);
    }
  }
  return true;
}

bool StaysAsItIs(ItemType type) {
  return type != ItemType::kF32Big && type != ItemType::kF64 && type != ItemType::kI32;
}

void AppendOneConverted(const ItemRows& rows, size_t i, uint64_t row, const std::string& file,
                        VectorBatch& out) {
  const uint8_t* in = rows.data + i * rows.stride;
  size_t at = 0;
  if (ConvertRow(rows.type, in, rows.dim, out.data.data() + out.rows * rows.dim * sizeof(float),
                 &at)) {
    out.row_numbers.push_back(row);
    ++out.rows;
    return;
  }
  out.bad.push_back({row, InvalidArgument(RowName(file, row) + "vector[" + std::to_string(at) +
                                          "] is " + std::to_string(Load<int32_t>(in + 4 * at)) +
                                          ", which no 32-bit float equals")});
}

}  // namespace

size_t ItemSize(ItemType type) {
  switch (type) {
    case ItemType::kF64:
      return 8;
    case ItemType::kF16:
    case ItemType::kBf16:
      return 2;
    case ItemType::kI8:
    case ItemType::kU8:
      return 1;
    default:
      return 4;
  }
}

ElementType ElementOf(ItemType type) {
  switch (type) {
    case ItemType::kF16:
      return ElementType::kF16;
    case ItemType::kBf16:
      return ElementType::kBf16;
    case ItemType::kI8:
      return ElementType::kI8;
    case ItemType::kU8:
      return ElementType::kU8;
    default:
      return ElementType::kF32;
  }
}

ItemType ItemOf(ElementType type) {
  switch (type) {
    case ElementType::kF16:
      return ItemType::kF16;
    case ElementType::kBf16:
      return ItemType::kBf16;
    case ElementType::kI8:
      return ItemType::kI8;
    case ElementType::kU8:
      return ItemType::kU8;
    case ElementType::kF32:
      break;
  }
  return ItemType::kF32;
}

void AppendRows(const ItemRows& rows, uint64_t first_row, const std::string& file,
                VectorBatch& out) {
  const size_t row_bytes = rows.dim * ElementSize(out.type);
  const size_t needed = (out.rows + rows.count) * row_bytes;
  if (out.data.size() < needed) out.data.resize(needed);
  if (!StaysAsItIs(rows.type)) {
    for (size_t i = 0; i < rows.count; ++i) AppendOneConverted(rows, i, first_row + i, file, out);
    return;
  }
  uint8_t* to = out.data.data() + out.rows * row_bytes;
  if (rows.stride == row_bytes) {
    std::memcpy(to, rows.data, rows.count * row_bytes);
  } else {
    for (size_t i = 0; i < rows.count; ++i) {
      std::memcpy(to + i * row_bytes, rows.data + i * rows.stride, row_bytes);
    }
  }
  for (size_t i = 0; i < rows.count; ++i) out.row_numbers.push_back(first_row + i);
  out.rows += rows.count;
}

void StartBatch(ElementType type, size_t dim, uint64_t first_row, VectorBatch& out) {
  out.type = type;
  out.dim = dim;
  out.rows = 0;
  out.first_row = out.end_row = first_row;
  out.row_numbers.clear();
  out.ids.clear();
  out.payloads.clear();
  out.bad.clear();
}

void TrimBatch(VectorBatch& out) { out.data.resize(out.rows * out.dim * ElementSize(out.type)); }

std::string RowName(const std::string& file, uint64_t row) {
  return file + " row " + std::to_string(row) + ": ";
}

void AppendFloats(const VectorBatch& batch, std::vector<float>& out) {
  const size_t count = batch.rows * batch.dim;
  const size_t begin = out.size();
  out.resize(begin + count);
  ToFloats(batch.type, batch.quantization, batch.data.data(), count, out.data() + begin);
}

}  // namespace tessera::formats

// Layer 0: ids, views and enums that every folder shares. Standard library only.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace tessera {

// A strong integer: no implicit conversion between different tags or from raw integers.
template <typename Tag>
struct StrongU32 {
  uint32_t value = 0;
  constexpr StrongU32() = default;
  constexpr explicit StrongU32(uint32_t v) : value(v) {}
  friend constexpr auto operator<=>(StrongU32, StrongU32) = default;
};

// A version of one vector, dense and ascending inside a collection; every upsert gets a new one.
using RowId = StrongU32<struct RowIdTag>;
// An inverted list of one generation.
using ListId = StrongU32<struct ListIdTag>;
// A trained model of a collection. Generation 0 is "untrained".
using Generation = StrongU32<struct GenerationTag>;

inline constexpr size_t kMaxPointKeyBytes = 256;
inline constexpr size_t kMaxDim = 65535;

// What users name a vector by: an unsigned integer or a string of 1 to 256 bytes.
// Numbers order before strings. (Plain members: a std::variant draws false warnings from GCC 12 in users' code.)
class PointId {
 public:
  PointId() = default;
  PointId(uint64_t number) : number_(number) {}  // NOLINT: ids read naturally in calls
  explicit PointId(std::string key) : is_key_(true), key_(std::move(key)) {}

  bool is_number() const { return !is_key_; }
  uint64_t number() const { return number_; }        // precondition: is_number()
  const std::string& key() const { return key_; }    // precondition: !is_number()
  // "17" or "\"a-key\"" for messages.
  std::string ToString() const;

  friend auto operator<=>(const PointId&, const PointId&) = default;
  friend bool operator==(const PointId&, const PointId&) = default;

 private:
  bool is_key_ = false;
  uint64_t number_ = 0;
  std::string key_;
};

// L2 is the squared Euclidean distance (smaller first); inner product and cosine are similarities
// (larger first).
enum class Metric : uint8_t { kL2 = 0, kInnerProduct = 1, kCosine = 2 };
const char* MetricName(Metric metric);  // "l2", "ip", "cosine"
// True if score a ranks strictly before score b under `metric`.
inline bool RanksBefore(Metric metric, float a, float b) {
  return metric == Metric::kL2 ? a < b : a > b;
}

// How the components of a vector are stored and sent. Little-endian, packed.
enum class ElementType : uint8_t { kF32 = 0, kF16 = 1, kI8 = 2, kU8 = 3, kBf16 = 4 };
size_t ElementSize(ElementType type);           // 4, 2, 1, 1, 2
const char* ElementTypeName(ElementType type);  // "f32", "f16", "i8", "u8", "bf16"

// What an integer of a quantized vector stands for: (integer - zero_point) * scale. As it is by
// default, an integer is itself.
struct ScalarParams {
  float scale = 1;
  int32_t zero_point = 0;

  friend bool operator==(const ScalarParams&, const ScalarParams&) = default;
};

// Borrowed rows x dim matrix, row-major with a stride in elements. Never owns.
template <typename T>
class MatrixView {
 public:
  MatrixView() = default;
  MatrixView(T* data, size_t rows, size_t dim) : MatrixView(data, rows, dim, dim) {}
  MatrixView(T* data, size_t rows, size_t dim, size_t stride)
      : data_(data), rows_(rows), dim_(dim), stride_(stride) {}
  // A mutable view converts to a const one.
  operator MatrixView<const T>() const { return {data_, rows_, dim_, stride_}; }

  T* data() const { return data_; }
  size_t rows() const { return rows_; }
  size_t dim() const { return dim_; }
  size_t stride() const { return stride_; }
  T* row(size_t i) const { return data_ + i * stride_; }
  MatrixView Slice(size_t begin, size_t count) const { return {row(begin), count, dim_, stride_}; }

 private:
  T* data_ = nullptr;
  size_t rows_ = 0;
  size_t dim_ = 0;
  size_t stride_ = 0;
};

}  // namespace tessera

template <typename Tag>
struct std::hash<tessera::StrongU32<Tag>> {
  size_t operator()(tessera::StrongU32<Tag> id) const noexcept {
    return std::hash<uint32_t>()(id.value);
  }
};
template <>
struct std::hash<tessera::PointId> {
  size_t operator()(const tessera::PointId& id) const noexcept;
};

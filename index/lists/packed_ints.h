// Integers of a narrow range, packed at the width that the range needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace tessera::lists {

// Immutable. Value i = base + `width()` bits at bit i * width. A constant sequence takes no bytes.
class PackedInts {
 public:
  PackedInts() = default;
  // Values are taken as signed for the choice of the base, so that small negative differences (which wrap
  // around) stay narrow.
  explicit PackedInts(std::span<const uint64_t> values);

  uint64_t operator[](size_t i) const {
    if (width_ == 0) return base_;
    const size_t bit = i * width_;
    uint64_t word;
    std::memcpy(&word, data_.get() + bit / 8, sizeof(word));  // 8 spare bytes follow the data
    return base_ + ((word >> (bit % 8)) & mask_);
  }
  unsigned width() const { return width_; }
  // Where value i begins, for prefetching; null if values take no bytes.
  const void* Address(size_t i) const { return width_ == 0 ? nullptr : data_.get() + i * width_ / 8; }
  // Heap bytes, spare bytes included.
  size_t bytes() const { return width_ == 0 ? 0 : data_bytes_ + kSpare; }

 private:
  static constexpr size_t kSpare = 8;
  uint64_t base_ = 0;
  uint64_t mask_ = 0;
  size_t data_bytes_ = 0;
  unsigned width_ = 0;  // 0..56, or 64
  std::unique_ptr<uint8_t[]> data_;
};

}  // namespace tessera::lists

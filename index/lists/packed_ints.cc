#include "index/lists/packed_ints.h"

#include <algorithm>
#include <bit>

namespace tessera::lists {

PackedInts::PackedInts(std::span<const uint64_t> values) {
  if (values.empty()) return;
  int64_t low = INT64_MAX;
  int64_t high = INT64_MIN;
  for (const uint64_t v : values) {
    low = std::min(low, static_cast<int64_t>(v));
    high = std::max(high, static_cast<int64_t>(v));
  }
  base_ = static_cast<uint64_t>(low);
  const uint64_t span = static_cast<uint64_t>(high) - base_;
  width_ = static_cast<unsigned>(std::bit_width(span));
  if (width_ == 0) return;
  // An 8-byte load at a byte boundary holds at most 57 wanted bits, so wider values take whole words.
  if (width_ > 56) width_ = 64;
  mask_ = width_ == 64 ? ~uint64_t{0} : (uint64_t{1} << width_) - 1;
  data_bytes_ = (values.size() * width_ + 7) / 8;
  data_ = std::make_unique<uint8_t[]>(data_bytes_ + kSpare);
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t bit = i * width_;
    uint64_t word;
    std::memcpy(&word, data_.get() + bit / 8, sizeof(word));
    word |= (values[i] - base_) << (bit % 8);
    std::memcpy(data_.get() + bit / 8, &word, sizeof(word));
  }
}

}  // namespace tessera::lists

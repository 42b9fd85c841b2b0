// The best R candidates of a scan, with a threshold that only tightens.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "index/types.h"

namespace tessera::lists {

// Order-preserving map of floats (no NaN) to unsigned integers. -0 comes as 0.
inline uint32_t OrderedBits(float f) {
  const auto bits = std::bit_cast<uint32_t>(f + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
inline float FromOrderedBits(uint32_t u) {
  return std::bit_cast<float>(u & 0x80000000u ? u & 0x7fffffffu : ~u);
}

// Where a candidate was found: enough to reach its records without a lookup.
struct Candidate {
  uint64_t key = 0;      // OrderedBits(estimate) << 32 | row id: ties go to the smaller row id
  uint32_t probe = 0;    // index into the probed lists
  uint32_t position = 0; // chunk * 512 + row in chunk

  float estimate() const { return FromOrderedBits(static_cast<uint32_t>(key >> 32)); }
  RowId row() const { return RowId{static_cast<uint32_t>(key)}; }
  static uint64_t Key(float estimate, RowId row) {
    return uint64_t{OrderedBits(estimate)} << 32 | row.value;
  }
};

// Smaller estimates are better. Keeps at least the best `capacity`; a buffer of twice that is cut back by
// selection. Reuse by Reset. Not thread-safe.
class TopK {
 public:
  void Reset(size_t capacity) {
    capacity_ = capacity;
    limit_ = 2 * capacity + 64;
    worst_ = std::numeric_limits<uint64_t>::max();
    items_.clear();
    items_.reserve(limit_);
  }
  // A candidate whose key is above this cannot enter.
  uint64_t worst_key() const { return worst_; }
  // Estimates above this cannot enter; +infinity until the buffer was cut for the first time.
  float threshold() const {
    return worst_ == std::numeric_limits<uint64_t>::max() ? std::numeric_limits<float>::infinity()
                                                          : FromOrderedBits(static_cast<uint32_t>(worst_ >> 32));
  }
  bool bounded() const { return worst_ != std::numeric_limits<uint64_t>::max(); }
  void Push(const Candidate& c) {
    if (c.key > worst_) return;
    items_.push_back(c);
    if (items_.size() >= limit_) Cut();
  }
  // How many of the best are held now (up to capacity).
  size_t size() const { return std::min(items_.size(), capacity_); }
  // The best, ascending by key. Valid until the next Push or Reset.
  const std::vector<Candidate>& Sorted() {
    if (items_.size() > capacity_) Cut();
    std::sort(items_.begin(), items_.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    return items_;
  }

 private:
  void Cut() {
    const auto nth = items_.begin() + static_cast<ptrdiff_t>(capacity_) - 1;
    std::nth_element(items_.begin(), nth, items_.end(),
                     [](const auto& a, const auto& b) { return a.key < b.key; });
    worst_ = nth->key;
    items_.resize(capacity_);
  }

  size_t capacity_ = 1;
  size_t limit_ = 66;
  uint64_t worst_ = std::numeric_limits<uint64_t>::max();
  std::vector<Candidate> items_;
};

}  // namespace tessera::lists

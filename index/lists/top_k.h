// The best R candidates of a scan, with a threshold that only tightens.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace tessera::lists {

// Order-preserving map of floats (no NaN) to unsigned integers. -0 comes as 0.
inline uint32_t OrderedBits(float f) {
  const auto bits = std::bit_cast<uint32_t>(f + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
inline float FromOrderedBits(uint32_t u) {
  return std::bit_cast<float>(u & 0x80000000u ? u & 0x7fffffffu : ~u);
}

// Where a candidate was found: enough to reach its records without a lookup. Ordered by probe, then
// position.
struct Place {
  uint32_t probe = 0;     // index into the probed lists
  uint32_t position = 0;  // chunk * 512 + row in chunk
  friend auto operator<=>(const Place&, const Place&) = default;
};

// Candidates are ordered by key (OrderedBits of the estimate: smaller is better), of equal keys by
// place. Both follow from the query and the snapshot, so the best do not depend on the order of
// visits. Keys and places stand in arrays of their own: cutting back looks at keys alone, by whole
// vectors. Reuse by Reset. Not thread-safe.
class TopK {
 public:
  // capacity >= 1. Keeps the memory of earlier uses.
  void Reset(size_t capacity);

  // A candidate whose key is above this cannot enter; the largest integer until `capacity` were
  // seen.
  uint32_t worst_key() const { return worst_; }
  bool bounded() const { return worst_ != std::numeric_limits<uint32_t>::max(); }
  // Estimates above this cannot enter. Precondition: bounded().
  float threshold() const { return FromOrderedBits(worst_); }

  // Room for `count` more candidates is made first, then they are pushed; those above worst_key()
  // are dropped. Cuts back when enough have gathered.
  void Reserve(size_t count) {
    if (size_ + count + kSlack > keys_.size()) Grow(count);
  }
  void Push(uint32_t key, Place place) {
    keys_[size_] = key;
    places_[size_] = place;
    size_ += key <= worst_ ? 1 : 0;
  }
  void CutIfFull() {
    if (size_ >= limit_) Cut(capacity_ + capacity_ / 8 + 8);
  }

  // Leaves the best `capacity` (or all, if fewer), in no order.
  void Finish();
  size_t size() const { return size_; }
  std::span<const uint32_t> keys() const { return {keys_.data(), size_}; }
  std::span<const Place> places() const { return {places_.data(), size_}; }

 private:
  static constexpr size_t kSlack = 16;

  void Grow(size_t count);
  // Keeps at least the best `capacity`, at most `most`.
  void Cut(size_t most);
  // Keeps exactly the best `capacity` among those up to `bound`, whose ties exceed it.
  void CutTies(uint32_t bound);

  size_t capacity_ = 1;
  size_t limit_ = 1;
  size_t size_ = 0;
  uint32_t worst_ = std::numeric_limits<uint32_t>::max();
  std::vector<uint32_t> keys_;
  std::vector<Place> places_;
  std::vector<uint32_t> kept_;
  std::vector<Place> ties_;
};

}  // namespace tessera::lists

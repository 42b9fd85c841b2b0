#include "index/lists/top_k.h"

#include <algorithm>

#include "index/simd/kernels.h"

namespace tessera::lists {

void TopK::Reset(size_t capacity) {
  capacity_ = capacity;
  // A cut costs about a hundred nanoseconds, and until it comes the threshold lags behind: half as
  // many again balances both (README).
  limit_ = capacity + std::max<size_t>(64, capacity / 2);
  size_ = 0;
  worst_ = std::numeric_limits<uint32_t>::max();
  Reserve(limit_);
}

void TopK::Grow(size_t count) {
  const size_t room = size_ + count + kSlack;
  keys_.resize(room);
  places_.resize(room);
  kept_.resize(room);
  ties_.reserve(room);
}

void TopK::Cut(size_t most) {
  const simd::Kernels& kernels = simd::ActiveKernels();
  const uint32_t bound = kernels.bound_keys(keys_.data(), size_, capacity_, most);
  const size_t kept = kernels.select_keys(keys_.data(), size_, bound, kept_.data());
  worst_ = bound;
  if (kept > most) return CutTies(bound);
  for (size_t i = 0; i < kept; ++i) {
    keys_[i] = keys_[kept_[i]];
    places_[i] = places_[kept_[i]];
  }
  size_ = kept;
}

void TopK::CutTies(uint32_t bound) {
  ties_.clear();
  size_t below = 0;
  for (size_t i = 0; i < size_; ++i) {
    if (keys_[i] == bound) ties_.push_back(places_[i]);
    if (keys_[i] >= bound) continue;
    keys_[below] = keys_[i];
    places_[below++] = places_[i];
  }
  const size_t wanted = capacity_ - below;
  std::nth_element(ties_.begin(), ties_.begin() + static_cast<ptrdiff_t>(wanted), ties_.end());
  for (size_t i = 0; i < wanted; ++i) {
    keys_[below + i] = bound;
    places_[below + i] = ties_[i];
  }
  size_ = capacity_;
}

void TopK::Finish() {
  if (size_ > capacity_) Cut(capacity_);
}

}  // namespace tessera::lists

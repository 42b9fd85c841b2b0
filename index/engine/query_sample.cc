#include "index/engine/query_sample.h"

#include <algorithm>

namespace tessera::engine {

void QuerySample::Start(uint32_t capacity, uint32_t dim) {
  capacity_ = capacity;
  dim_ = dim;
}

void QuerySample::Consider(const float* q) {
  const uint64_t n = seen_.fetch_add(1, std::memory_order_relaxed);
  uint64_t x = (n + 1) * 0x9e3779b97f4a7c15u;  // splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  x ^= x >> 31;
  const uint64_t place = n < capacity_ ? n : x % (n + 1);
  if (place >= capacity_) return;
  std::lock_guard lock(mutex_);
  const size_t at = place * dim_;
  // Two of the first may come in the other order.
  if (kept_.size() < at + dim_)
    kept_.insert(kept_.end(), q, q + dim_);
  else
    std::copy_n(q, dim_, kept_.begin() + static_cast<ptrdiff_t>(at));
}

std::vector<float> QuerySample::Take(size_t most) const {
  std::lock_guard lock(mutex_);
  const size_t floats = std::min(kept_.size(), most * dim_);
  return {kept_.begin(), kept_.begin() + static_cast<ptrdiff_t>(floats)};
}

}  // namespace tessera::engine

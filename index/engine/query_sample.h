// Live queries kept for tuning: a uniform choice of those seen.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace tessera::engine {

// Thread-safe after Start. In memory only.
class QuerySample {
 public:
  // Keeps up to `capacity` queries of `dim` floats; 0 = none. Once, before the rest.
  void Start(uint32_t capacity, uint32_t dim);

  // q: prepared (normalised under cosine). Reservoir sampling (Vitter 1985, algorithm R): the n-th
  // query takes a place with probability capacity / n. Without a lock or an allocation unless it
  // does.
  void Offer(const float* q) {
    if (capacity_ > 0) Consider(q);
  }
  // Up to `most` of the kept queries, rows x dim: those that were kept first.
  std::vector<float> Take(size_t most) const;

 private:
  void Consider(const float* q);

  uint32_t capacity_ = 0;
  uint32_t dim_ = 0;
  std::atomic<uint64_t> seen_{0};
  mutable std::mutex mutex_;
  std::vector<float> kept_;  // guarded by mutex_
};

}  // namespace tessera::engine

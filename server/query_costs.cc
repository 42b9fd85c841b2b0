#include "server/query_costs.h"

#include <time.h>

#include <algorithm>
#include <limits>

namespace tessera::server {
namespace {

constexpr uint64_t kLow = std::numeric_limits<uint32_t>::max();

}  // namespace

std::chrono::nanoseconds QueryCosts::Stopwatch::Now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

bool QueryCosts::IsCheap(uint64_t kind) const {
  const uint64_t slot = slots_[kind % kSlots].load(std::memory_order_relaxed);
  return slot != 0 && slot >> 32 == kind >> 32 &&
         (slot & kLow) <= static_cast<uint64_t>(std::chrono::nanoseconds(kCheap).count());
}

void QueryCosts::Record(uint64_t kind, std::chrono::nanoseconds took) {
  std::atomic<uint64_t>& place = slots_[kind % kSlots];
  const uint64_t slot = place.load(std::memory_order_relaxed);
  const bool known = slot != 0 && slot >> 32 == kind >> 32;
  uint64_t cost =
      std::clamp<uint64_t>(static_cast<uint64_t>(std::max<int64_t>(took.count(), 1)), 1, kLow);
  if (const uint64_t before = slot & kLow; known && cost < before)
    cost = before - (before - cost + 7) / 8;
  // Of two recorded at once one is lost: an estimate stays an estimate.
  place.store((kind >> 32) << 32 | cost, std::memory_order_relaxed);
}

}  // namespace tessera::server

// How long queries of a kind took lately: short ones run where they arrive and are spared the hop to
// another thread and back.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tessera::server {

// Thread-safe, without locks. A kind is a hash of what decides a query's cost: collection and
// parameters. Two kinds that meet in one slot take turns in it, which costs them speed and nothing
// else.
class QueryCosts {
 public:
  // A search at most so long is run where it arrives (server/README.md has what it saves), and a
  // transport thread is held as long as this at worst.
  static constexpr std::chrono::microseconds kCheap{250};

  // Processor time of the calling thread: being preempted makes nothing dear.
  class Stopwatch {
   public:
    std::chrono::nanoseconds Elapsed() const { return Now() - start_; }

   private:
    static std::chrono::nanoseconds Now();
    const std::chrono::nanoseconds start_ = Now();
  };

  // True if queries of this kind are known and cheap.
  bool IsCheap(uint64_t kind) const;
  // A slower one counts at once, faster ones bring the estimate down by an eighth each: what is
  // slow now and then is not cheap.
  void Record(uint64_t kind, std::chrono::nanoseconds took);

 private:
  static constexpr size_t kSlots = 1024;  // a power of two
  // The upper 32 bits name the kind, the lower ones are nanoseconds, saturated. 0: nothing known.
  std::array<std::atomic<uint64_t>, kSlots> slots_{};
};

}  // namespace tessera::server

// The clock of the core as it runs now, to print bytes a cycle: the time stamp counter of most
// processors counts something else.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace tessera::bench {

// Cycles a second, from a chain of additions that each wait for the one before and take one cycle;
// 0 where it is not known how to write one. The fastest of several tries, a few milliseconds in
// all.
inline double CoreHertz() {
#if defined(__x86_64__)
  static const double hertz = [] {
    constexpr int kRounds = 100000;
    double best = 0;
    for (int attempt = 0; attempt < 20; ++attempt) {
      uint64_t x = 0;
      const auto begin = std::chrono::steady_clock::now();
      for (int i = 0; i < kRounds; ++i) {
        asm volatile(
            "add $1, %0\n add $3, %0\n add $5, %0\n add $7, %0\n"
            "add $9, %0\n add $2, %0\n add $4, %0\n add $6, %0\n"
            : "+r"(x)::"cc");
      }
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
      best = std::max(best, 8.0 * kRounds / taken.count());
    }
    return best;
  }();
  return hertz;
#else
  return 0;
#endif
}

}  // namespace tessera::bench

// Asks for cache lines before they are needed.
#pragma once

#include <cstddef>

namespace tessera {

inline constexpr size_t kCacheLineBytes = 64;

// Always inlined: GCC 12 takes a function that only prefetches for one without effects and drops
// the calls.
[[gnu::always_inline]] inline void Prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }

// Every line of [p, p + bytes).
[[gnu::always_inline]] inline void PrefetchRange(const void* p, size_t bytes) {
  const auto* first = static_cast<const char*>(p);
  for (size_t at = 0; at < bytes; at += kCacheLineBytes) __builtin_prefetch(first + at, 0, 3);
  if (bytes > 0) __builtin_prefetch(first + bytes - 1, 0, 3);
}

}  // namespace tessera

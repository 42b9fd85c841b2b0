// Least and greatest of float arrays, the loops beside the kernels that training, encoding and
// tables spend time in. The compiler's own vectors of four: it does not vectorise minima of floats
// without leave to reorder, and four are what every processor has.
#pragma once

#include <cstddef>
#include <cstring>

namespace tessera::quant {

using Float4 = float __attribute__((vector_size(16)));

inline Float4 LoadFloat4(const float* p) {
  Float4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline Float4 Min(Float4 a, Float4 b) { return a < b ? a : b; }
inline Float4 Max(Float4 a, Float4 b) { return a > b ? a : b; }
inline float Least(Float4 v) {
  const float a = v[0] < v[1] ? v[0] : v[1];
  const float b = v[2] < v[3] ? v[2] : v[3];
  return a < b ? a : b;
}
inline float Greatest(Float4 v) { return -Least(-v); }

struct Range {
  float low;
  float high;
};
// Of n values, n a positive multiple of 16. With a NaN among them the answer is any of the values.
inline Range FindRange(const float* values, size_t n) {
  Float4 low[4];
  Float4 high[4];
  for (size_t l = 0; l < 4; ++l) low[l] = high[l] = LoadFloat4(values + 4 * l);
  for (size_t i = 16; i < n; i += 16) {
    for (size_t l = 0; l < 4; ++l) {
      const Float4 v = LoadFloat4(values + i + 4 * l);
      low[l] = Min(v, low[l]);
      high[l] = Max(v, high[l]);
    }
  }
  return {Least(Min(Min(low[0], low[1]), Min(low[2], low[3]))),
          Greatest(Max(Max(high[0], high[1]), Max(high[2], high[3])))};
}

}  // namespace tessera::quant

// The integer kernels from their definition. Included by scalar.cc, and by the files of instruction
// sets whose vector form would be no faster.

namespace tessera::simd {
namespace {

[[maybe_unused]] void ProductsU8S8Scalar(const uint8_t* packed, size_t groups, size_t quads,
                                         const int8_t* vectors, size_t n, size_t stride,
                                         int32_t* out, size_t out_stride) {
  for (size_t g = 0; g < groups; ++g) {
    const uint8_t* group = packed + g * quads * 64;
    for (size_t i = 0; i < n; ++i) {
      int32_t sums[16] = {};
      for (size_t q = 0; q < quads; ++q) {
        const int8_t* v = vectors + i * stride + 4 * q;
        const uint8_t* rows = group + 64 * q;
        for (size_t r = 0; r < 16; ++r) {
          const uint8_t* row = rows + 4 * r;
          sums[r] += row[0] * v[0] + row[1] * v[1] + row[2] * v[2] + row[3] * v[3];
        }
      }
      for (size_t r = 0; r < 16; ++r) out[i * out_stride + 16 * g + r] = sums[r];
    }
  }
}

// The product is rounded before it is added.
inline float ScoreOf(float add, float weight, int32_t product) {
  const float scaled = weight * static_cast<float>(product);
  return add + scaled;
}

// Bits that order as unsigned numbers the way finite floats do; both zeros give the same.
inline uint32_t OrderedBits(float score) {
  const float positive_zero = score + 0.0f;
  uint32_t bits;
  __builtin_memcpy(&bits, &positive_zero, sizeof(bits));
  return bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
}

[[maybe_unused]] void ScoreKeysScalar(const int32_t* products, const float* add, float weight,
                                      size_t n, uint32_t* keys) {
  for (size_t i = 0; i < n; ++i) keys[i] = OrderedBits(ScoreOf(add[i], weight, products[i]));
}

[[maybe_unused]] size_t LeastScoreScalar(const int32_t* products, const float* add, float weight,
                                         size_t n) {
  size_t best = 0;
  float least = ScoreOf(add[0], weight, products[0]);
  for (size_t i = 1; i < n; ++i) {
    const float score = ScoreOf(add[i], weight, products[i]);
    if (score < least) {
      least = score;
      best = i;
    }
  }
  return best;
}

// The bisection of bound_keys between the least and the greatest key. count(t): keys <= t.
template <typename Count>
inline uint32_t BisectKeys(uint32_t low, uint32_t high, size_t at_least, size_t at_most,
                           Count count) {
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const size_t found = count(middle);
    if (found < at_least) {
      low = middle + 1;
    } else if (found <= at_most) {
      return middle;
    } else {
      high = middle;
    }
  }
  return high;
}

[[maybe_unused]] uint32_t BoundKeysScalar(const uint32_t* keys, size_t n, size_t at_least,
                                          size_t at_most) {
  uint32_t low = keys[0];
  uint32_t high = keys[0];
  for (size_t i = 1; i < n; ++i) {
    low = keys[i] < low ? keys[i] : low;
    high = keys[i] > high ? keys[i] : high;
  }
  return BisectKeys(low, high, at_least, at_most, [&](uint32_t bound) {
    size_t count = 0;
    for (size_t i = 0; i < n; ++i) count += keys[i] <= bound;
    return count;
  });
}

[[maybe_unused]] size_t SelectKeysScalar(const uint32_t* keys, size_t n, uint32_t bound,
                                         uint32_t* indices) {
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    // Always written, counted if selected: no branch to mispredict.
    indices[count] = static_cast<uint32_t>(i);
    count += keys[i] <= bound;
  }
  return count;
}

[[maybe_unused]] void DotLimbsScalar(const uint8_t* codes, const int8_t* high, const int8_t* low,
                                     size_t dim, int32_t* sums) {
  sums[0] = sums[1] = 0;
  for (size_t j = 0; j < dim; ++j) {
    sums[0] += (codes[j] ^ 0x80) * high[j];
    sums[1] += (codes[j] ^ 0x80) * low[j];
  }
}

[[maybe_unused]] void DotNibblesScalar(const uint8_t* codes, const int8_t* high, const int8_t* low,
                                       size_t dim, int32_t* sums) {
  const size_t n = (dim + 1) / 2;
  sums[0] = sums[1] = 0;
  for (size_t j = 0; j < dim; ++j) {
    const int32_t code = j < n ? codes[j] & 15 : codes[j - n] >> 4;
    sums[0] += code * high[j];
    sums[1] += code * low[j];
  }
}

[[maybe_unused]] void DotBitsScalar(const uint8_t* codes, const int8_t* high, const int8_t* low,
                                    size_t dim, int32_t* sums) {
  sums[0] = sums[1] = 0;
  for (size_t j = 0; j < dim; ++j) {
    const int32_t code = codes[j / 8] >> (j % 8) & 1;
    sums[0] += code * high[j];
    sums[1] += code * low[j];
  }
}

// Words of eight bytes; where the instruction set counts bits, the compiler uses that.
[[maybe_unused]] uint32_t Hamming(const uint8_t* a, const uint8_t* b, size_t bytes) {
  uint32_t count = 0;
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    uint64_t x;
    uint64_t y;
    __builtin_memcpy(&x, a + i, 8);
    __builtin_memcpy(&y, b + i, 8);
    count += static_cast<uint32_t>(__builtin_popcountll(x ^ y));
  }
  for (; i < bytes; ++i) {
    count += static_cast<uint32_t>(__builtin_popcount(static_cast<uint32_t>(a[i] ^ b[i])));
  }
  return count;
}

}  // namespace
}  // namespace tessera::simd

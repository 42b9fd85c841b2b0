// Float kernels over a layer of 16 lanes, compiled once for each instruction set. The including
// file has defined, in the anonymous namespace of tessera::simd:
// - F16: 16 floats; ZeroF(), Broadcast(x)
// - Load(p), LoadPart(p, n): floats, or int8_t converted to float; n in 1..15, zeros after them
// - Store(p, v); Add, Sub, Mul: lane by lane, each rounded
// - ReduceAdd(v): lane i + lane i+8, +4, +2, +1; ReduceAdd4(v[4], out): the same of four
// - StoreRounded(out, v): 16 bytes, clamped to [0, 127] (NaN to 0), rounded half to even
// - Index: 16 integers; FirstIndices() 0..15, NextIndices(i) i + 16
// - Best, BestNone(), Improve(best, score, index), BestIndex(best): running minimum of 16 lanes
// - MaskLess(a, b): a bit a lane
// - kTableGroups, kNearestRows, kNearestGroups: register blocking
// Multiplications and additions stay separate: fused ones round differently, and on processors with
// separate pipes for both they would not be faster.

namespace tessera::simd {
namespace {

inline F16 Product(F16 a, F16 b) { return Mul(a, b); }
inline F16 SquaredDifference(F16 a, F16 b) {
  const F16 difference = Sub(a, b);
  return Mul(difference, difference);
}

template <F16 (*Term)(F16, F16), typename T>
inline float SumOfTerms(const float* a, const T* b, size_t dim) {
  F16 sum = ZeroF();
  size_t i = 0;
  for (; i + 16 <= dim; i += 16) sum = Add(sum, Term(Load(a + i), Load(b + i)));
  if (i < dim) sum = Add(sum, Term(LoadPart(a + i, dim - i), LoadPart(b + i, dim - i)));
  return ReduceAdd(sum);
}

float Dot(const float* a, const float* b, size_t dim) { return SumOfTerms<Product>(a, b, dim); }
float L2Sqr(const float* a, const float* b, size_t dim) {
  return SumOfTerms<SquaredDifference>(a, b, dim);
}
float DotI8(const float* a, const int8_t* b, size_t dim) { return SumOfTerms<Product>(a, b, dim); }

// Four rows at once: one addition alone would wait for the one before it.
void DotRows(const float* query, const float* rows, size_t n, size_t dim, size_t stride,
             float* out) {
  size_t row = 0;
  for (; row + 4 <= n; row += 4) {
    const float* first = rows + row * stride;
    F16 sums[4] = {ZeroF(), ZeroF(), ZeroF(), ZeroF()};
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
      const F16 q = Load(query + i);
#pragma GCC unroll 4
      for (size_t r = 0; r < 4; ++r) sums[r] = Add(sums[r], Mul(q, Load(first + r * stride + i)));
    }
    if (i < dim) {
      const F16 q = LoadPart(query + i, dim - i);
#pragma GCC unroll 4
      for (size_t r = 0; r < 4; ++r) {
        sums[r] = Add(sums[r], Mul(q, LoadPart(first + r * stride + i, dim - i)));
      }
    }
    ReduceAdd4(sums, out + row);
  }
  for (; row < n; ++row) out[row] = Dot(query, rows + row * stride, dim);
}

// `kGroups` groups of 16 entries of a table.
template <size_t kGroups>
inline void TableGroups(const float* query, const float* codebook, size_t dsub, size_t ksub,
                        float* out) {
  F16 sums[kGroups];
#pragma GCC unroll 16
  for (size_t g = 0; g < kGroups; ++g) sums[g] = ZeroF();
  for (size_t j = 0; j < dsub; ++j) {
    const F16 q = Broadcast(query[j]);
#pragma GCC unroll 16
    for (size_t g = 0; g < kGroups; ++g) {
      sums[g] = Add(sums[g], Mul(q, Load(codebook + j * ksub + 16 * g)));
    }
  }
#pragma GCC unroll 16
  for (size_t g = 0; g < kGroups; ++g) Store(out + 16 * g, sums[g]);
}

void Table(const float* query, const float* codebook, size_t dsub, size_t ksub, float* out) {
  if (ksub == 16) return TableGroups<1>(query, codebook, dsub, ksub, out);
  if (ksub == 64 && kTableGroups > 4) return TableGroups<4>(query, codebook, dsub, ksub, out);
  for (size_t k = 0; k < ksub; k += 16 * kTableGroups) {
    TableGroups<kTableGroups>(query, codebook + k, dsub, ksub, out + k);
  }
}

void QuantizeTable(const float* in, size_t n, float minimum, float inverse_step, uint8_t* out) {
  const F16 lowest = Broadcast(minimum);
  const F16 inverse = Broadcast(inverse_step);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) StoreRounded(out + i, Mul(Sub(Load(in + i), lowest), inverse));
  if (i == n) return;
  uint8_t last[16];
  StoreRounded(last, Mul(Sub(LoadPart(in + i, n - i), lowest), inverse));
  for (size_t j = 0; i + j < n; ++j) out[i + j] = last[j];
}

// kRows sub-vectors against kGroups groups of 16 codewords at a time: a loaded codeword serves all
// rows, a broadcast component all groups.
template <size_t kRows, size_t kGroups>
inline void NearestRows(const float* x, size_t x_stride, size_t dsub, const float* codebook,
                        const float* norms, size_t ksub, uint8_t* codes, size_t code_stride) {
  const F16 two = Broadcast(2.0f);
  Index index = FirstIndices();
  Best best[kRows];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) best[r] = BestNone();
  for (size_t k = 0; k < ksub; k += 16 * kGroups) {
    F16 sums[kRows][kGroups];
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
      for (size_t g = 0; g < kGroups; ++g) sums[r][g] = ZeroF();
    }
    for (size_t j = 0; j < dsub; ++j) {
      F16 words[kGroups];
#pragma GCC unroll 16
      for (size_t g = 0; g < kGroups; ++g) words[g] = Load(codebook + j * ksub + k + 16 * g);
#pragma GCC unroll 16
      for (size_t r = 0; r < kRows; ++r) {
        const F16 component = Broadcast(x[r * x_stride + j]);
#pragma GCC unroll 16
        for (size_t g = 0; g < kGroups; ++g) {
          sums[r][g] = Add(sums[r][g], Mul(component, words[g]));
        }
      }
    }
#pragma GCC unroll 16
    for (size_t g = 0; g < kGroups; ++g) {
      const F16 norm = Load(norms + k + 16 * g);
#pragma GCC unroll 16
      for (size_t r = 0; r < kRows; ++r) {
        Improve(best[r], Sub(norm, Mul(two, sums[r][g])), index);
      }
      index = NextIndices(index);
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
    codes[r * code_stride] = static_cast<uint8_t>(BestIndex(best[r]));
  }
}

template <size_t kGroups>
inline void NearestAll(const float* x, size_t n, size_t x_stride, size_t dsub,
                       const float* codebook, const float* norms, size_t ksub, uint8_t* codes,
                       size_t code_stride) {
  size_t i = 0;
  for (; i + kNearestRows <= n; i += kNearestRows) {
    NearestRows<kNearestRows, kGroups>(x + i * x_stride, x_stride, dsub, codebook, norms, ksub,
                                       codes + i * code_stride, code_stride);
  }
  for (; i < n; ++i) {
    NearestRows<1, kGroups>(x + i * x_stride, x_stride, dsub, codebook, norms, ksub,
                            codes + i * code_stride, code_stride);
  }
}

void Nearest(const float* x, size_t n, size_t x_stride, size_t dsub, const float* codebook,
             const float* norms, size_t ksub, uint8_t* codes, size_t code_stride) {
  if (ksub == 16) {
    NearestAll<1>(x, n, x_stride, dsub, codebook, norms, ksub, codes, code_stride);
  } else {
    NearestAll<kNearestGroups>(x, n, x_stride, dsub, codebook, norms, ksub, codes, code_stride);
  }
}

// Four groups of 16 at once, so that the pointers of the terms are read for all of them.
template <size_t kGroups>
inline void ExtendGroups(F16 first, const float* start, const float* const* terms, size_t count, size_t k,
                         F16 limit, float* sums, uint16_t* below) {
  F16 groups[kGroups];
#pragma GCC unroll 4
  for (size_t g = 0; g < kGroups; ++g) groups[g] = Add(first, Load(start + k + 16 * g));
  for (size_t i = 0; i < count; ++i) {
    const float* term = terms[i] + k;
#pragma GCC unroll 4
    for (size_t g = 0; g < kGroups; ++g) groups[g] = Add(groups[g], Load(term + 16 * g));
  }
#pragma GCC unroll 4
  for (size_t g = 0; g < kGroups; ++g) {
    Store(sums + k + 16 * g, groups[g]);
    below[k / 16 + g] = static_cast<uint16_t>(MaskLess(groups[g], limit));
  }
}

void ExtendSums(float first, const float* start, const float* const* terms, size_t count, size_t n,
                float limit, float* sums, uint16_t* below) {
  const F16 base = Broadcast(first);
  const F16 bound = Broadcast(limit);
  size_t k = 0;
  for (; k + 64 <= n; k += 64) ExtendGroups<4>(base, start, terms, count, k, bound, sums, below);
  for (; k < n; k += 16) ExtendGroups<1>(base, start, terms, count, k, bound, sums, below);
}

}  // namespace
}  // namespace tessera::simd

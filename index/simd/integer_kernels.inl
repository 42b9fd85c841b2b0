// Integer kernels over a layer of 16 integers, compiled once for each instruction set. The
// including file has defined, besides what float_kernels.inl asks for:
// - Raw: 64 bytes; LoadRaw(p), any alignment; LoadRawPart(p, n), n in 1..63, zeros after them;
//   BroadcastQuad(p): four bytes 16 times; FlipTops(raw): the top bit of each byte; LowHalves(raw),
//   HighHalves(raw): the halves of each byte as bytes; SpreadBits(word): 64 bytes of 0 or 1
// - AsUnsigned(raw), AsSigned(raw): operands of MulAdd, which adds the four products of each four
//   bytes to a lane: lane i += sum_j unsigned[4 i + j] * signed[4 i + j], exact
// - Index as 16 integers: ZeroInts(), SetInts(x), AddInts(a, b), LoadInts(p), StoreInts(p, v),
// SumInts(v);
//   MinInts, MaxInts (unsigned); CountAtMost(counts, keys, bound): counts + 1 where keys <= bound,
//   unsigned; MaskAtMost(keys, bound): a bit a lane
// - ToFloat(v): each integer rounded to a float; OrderedKeys(v): the key of each float
// - EmitIndices(mask, first, out): the numbers of the set bits, counted from `first`; may write 16
//   places; returns how many
// - Min(a, b): floats, lane by lane; MaskEqual(a, b): a bit a lane
// - kProductVectors x kProductGroups: register blocking of products_u8s8; kProductDepth: sums side
//   by side for one or two vectors, 0 where AsSigned costs more than it gains

#include "index/simd/integer_scalar.inl"

namespace tessera::simd {
namespace {

// `kVectors` vectors with `kGroups` groups of 16 rows: loaded bytes serve all vectors, a broadcast
// quad all groups.
template <size_t kVectors, size_t kGroups>
inline void ProductTile(const uint8_t* packed, size_t quads, const int8_t* vectors, size_t stride,
                        int32_t* out, size_t out_stride) {
  Index sums[kVectors][kGroups];
#pragma GCC unroll 16
  for (size_t i = 0; i < kVectors; ++i) {
#pragma GCC unroll 16
    for (size_t g = 0; g < kGroups; ++g) sums[i][g] = ZeroInts();
  }
  for (size_t q = 0; q < quads; ++q) {
    decltype(AsUnsigned(LoadRaw(packed))) rows[kGroups];
#pragma GCC unroll 16
    for (size_t g = 0; g < kGroups; ++g) {
      rows[g] = AsUnsigned(LoadRaw(packed + (g * quads + q) * 64));
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < kVectors; ++i) {
      const auto quad = AsSigned(BroadcastQuad(vectors + i * stride + 4 * q));
#pragma GCC unroll 16
      for (size_t g = 0; g < kGroups; ++g) sums[i][g] = MulAdd(sums[i][g], rows[g], quad);
    }
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kVectors; ++i) {
#pragma GCC unroll 16
    for (size_t g = 0; g < kGroups; ++g) StoreInts(out + i * out_stride + 16 * g, sums[i][g]);
  }
}

// All n vectors with `kGroups` groups, which stay in the first cache meanwhile.
template <size_t kVectors, size_t kGroups>
inline void ProductColumn(const uint8_t* packed, size_t quads, const int8_t* vectors, size_t n,
                          size_t stride, int32_t* out, size_t out_stride) {
  size_t i = 0;
  for (; i + kVectors <= n; i += kVectors) {
    ProductTile<kVectors, kGroups>(packed, quads, vectors + i * stride, stride,
                                   out + i * out_stride, out_stride);
  }
  if constexpr (kVectors > 1) {
    if (i == n) return;
    ProductColumn<kVectors / 2, kGroups>(packed, quads, vectors + i * stride, n - i, stride,
                                         out + i * out_stride, out_stride);
  }
}

template <size_t kVectors, size_t kGroups>
inline void ProductAll(const uint8_t* packed, size_t groups, size_t quads, const int8_t* vectors,
                       size_t n, size_t stride, int32_t* out, size_t out_stride) {
  size_t g = 0;
  for (; g + kGroups <= groups; g += kGroups) {
    ProductColumn<kVectors, kGroups>(packed + g * quads * 64, quads, vectors, n, stride,
                                     out + 16 * g, out_stride);
  }
  for (; g < groups; ++g) {
    ProductColumn<kVectors, 1>(packed + g * quads * 64, quads, vectors, n, stride, out + 16 * g,
                               out_stride);
  }
}

// One or two vectors, where reading the matrix is most of the work: it is read from front to back,
// a group at a time, and sums of every kProductDepth-th quad hide the latency of MulAdd.
template <size_t kVectors>
inline void ProductStream(const uint8_t* packed, size_t groups, size_t quads, const int8_t* vectors,
                          size_t stride, int32_t* out, size_t out_stride) {
  for (size_t g = 0; g < groups; ++g) {
    Index sums[kVectors][kProductDepth];
#pragma GCC unroll 16
    for (size_t i = 0; i < kVectors; ++i) {
#pragma GCC unroll 16
      for (size_t k = 0; k < kProductDepth; ++k) sums[i][k] = ZeroInts();
    }
    size_t q = 0;
    const auto add = [&](size_t k) {
      const auto rows = AsUnsigned(LoadRaw(packed + (g * quads + q + k) * 64));
#pragma GCC unroll 16
      for (size_t i = 0; i < kVectors; ++i) {
        const auto quad = AsSigned(BroadcastQuad(vectors + i * stride + 4 * (q + k)));
        sums[i][k] = MulAdd(sums[i][k], rows, quad);
      }
    };
    for (; q + kProductDepth <= quads; q += kProductDepth) {
#pragma GCC unroll 16
      for (size_t k = 0; k < kProductDepth; ++k) add(k);
    }
    for (; q < quads; ++q) add(0);
#pragma GCC unroll 16
    for (size_t i = 0; i < kVectors; ++i) {
#pragma GCC unroll 16
      for (size_t k = 1; k < kProductDepth; ++k) sums[i][0] = AddInts(sums[i][0], sums[i][k]);
      StoreInts(out + i * out_stride + 16 * g, sums[i][0]);
    }
  }
}

void ProductsU8S8(const uint8_t* packed, size_t groups, size_t quads, const int8_t* vectors,
                  size_t n, size_t stride, int32_t* out, size_t out_stride) {
  if constexpr (kProductDepth > 0) {
    if (n == 1) return ProductStream<1>(packed, groups, quads, vectors, stride, out, out_stride);
    if (n == 2) return ProductStream<2>(packed, groups, quads, vectors, stride, out, out_stride);
  }
  if (n == 1) {
    return ProductAll<1, 2>(packed, groups, quads, vectors, n, stride, out, out_stride);
  }
  ProductAll<kProductVectors, kProductGroups>(packed, groups, quads, vectors, n, stride, out,
                                              out_stride);
}

void ScoreKeys(const int32_t* products, const float* add, float weight, size_t n, uint32_t* keys) {
  const F16 factor = Broadcast(weight);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const F16 scaled = Mul(factor, ToFloat(LoadInts(products + i)));
    StoreInts(keys + i, OrderedKeys(Add(Load(add + i), scaled)));
  }
  ScoreKeysScalar(products + i, add + i, weight, n - i, keys + i);
}

inline F16 ScoresAt(const int32_t* products, const float* add, F16 factor) {
  return Add(Load(add), Mul(factor, ToFloat(LoadInts(products))));
}

// The least, then its first place: to carry the place along would chain a comparison and a
// selection to each step.
size_t LeastScore(const int32_t* products, const float* add, float weight, size_t n) {
  const F16 factor = Broadcast(weight);
  F16 least[4];
#pragma GCC unroll 4
  for (size_t k = 0; k < 4; ++k) least[k] = Broadcast(__builtin_inff());
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
#pragma GCC unroll 4
    for (size_t k = 0; k < 4; ++k) {
      least[k] = Min(least[k], ScoresAt(products + i + 16 * k, add + i + 16 * k, factor));
    }
  }
  for (; i + 16 <= n; i += 16) {
    least[0] = Min(least[0], ScoresAt(products + i, add + i, factor));
  }
  float lanes[16];
  Store(lanes, Min(Min(least[0], least[1]), Min(least[2], least[3])));
  float found = lanes[0];
  for (size_t lane = 1; lane < 16; ++lane) found = lanes[lane] < found ? lanes[lane] : found;
  for (size_t k = i; k < n; ++k) {
    const float score = ScoreOf(add[k], weight, products[k]);
    found = score < found ? score : found;
  }
  const F16 wanted = Broadcast(found);
  for (i = 0; i + 16 <= n; i += 16) {
    const uint32_t mask = MaskEqual(ScoresAt(products + i, add + i, factor), wanted);
    if (mask != 0) return i + static_cast<size_t>(__builtin_ctz(mask));
  }
  while (i + 1 < n && ScoreOf(add[i], weight, products[i]) != found) ++i;
  return i;
}

inline size_t CountKeys(const uint32_t* keys, size_t n, uint32_t bound) {
  const Index limit = SetInts(bound);
  Index counts[4] = {ZeroInts(), ZeroInts(), ZeroInts(), ZeroInts()};
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
#pragma GCC unroll 4
    for (size_t k = 0; k < 4; ++k) {
      counts[k] = CountAtMost(counts[k], LoadInts(keys + i + 16 * k), limit);
    }
  }
  for (; i + 16 <= n; i += 16) counts[0] = CountAtMost(counts[0], LoadInts(keys + i), limit);
  size_t count = 0;
#pragma GCC unroll 4
  for (size_t k = 0; k < 4; ++k) count += static_cast<size_t>(SumInts(counts[k]));
  for (; i < n; ++i) count += keys[i] <= bound;
  return count;
}

uint32_t BoundKeys(const uint32_t* keys, size_t n, size_t at_least, size_t at_most) {
  if (n < 16) return BoundKeysScalar(keys, n, at_least, at_most);
  // The last 16 overlap those before: they change neither the least nor the greatest.
  Index least = LoadInts(keys + n - 16);
  Index greatest = least;
  for (size_t i = 0; i + 16 <= n; i += 16) {
    const Index some = LoadInts(keys + i);
    least = MinInts(least, some);
    greatest = MaxInts(greatest, some);
  }
  uint32_t lows[16];
  uint32_t highs[16];
  StoreInts(lows, least);
  StoreInts(highs, greatest);
  uint32_t low = lows[0];
  uint32_t high = highs[0];
  for (size_t lane = 1; lane < 16; ++lane) {
    low = lows[lane] < low ? lows[lane] : low;
    high = highs[lane] > high ? highs[lane] : high;
  }
  return BisectKeys(low, high, at_least, at_most,
                    [&](uint32_t bound) { return CountKeys(keys, n, bound); });
}

size_t SelectKeys(const uint32_t* keys, size_t n, uint32_t bound, uint32_t* indices) {
  const Index limit = SetInts(bound);
  size_t count = 0;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const uint32_t mask = MaskAtMost(LoadInts(keys + i), limit);
    if (mask != 0) count += EmitIndices(mask, static_cast<uint32_t>(i), indices + count);
  }
  for (; i < n; ++i) {
    indices[count] = static_cast<uint32_t>(i);
    count += keys[i] <= bound;
  }
  return count;
}

void DotLimbs(const uint8_t* codes, const int8_t* high, const int8_t* low, size_t dim,
              int32_t* sums) {
  Index highs = ZeroInts();
  Index lows = ZeroInts();
  size_t i = 0;
  for (; i + 64 <= dim; i += 64) {
    const auto code = AsUnsigned(FlipTops(LoadRaw(codes + i)));
    highs = MulAdd(highs, code, AsSigned(LoadRaw(high + i)));
    lows = MulAdd(lows, code, AsSigned(LoadRaw(low + i)));
  }
  if (i < dim) {
    // Codes of zero become 128 past the end, where the limbs are zero.
    const auto code = AsUnsigned(FlipTops(LoadRawPart(codes + i, dim - i)));
    highs = MulAdd(highs, code, AsSigned(LoadRawPart(high + i, dim - i)));
    lows = MulAdd(lows, code, AsSigned(LoadRawPart(low + i, dim - i)));
  }
  sums[0] = SumInts(highs);
  sums[1] = SumInts(lows);
}

// Adds the products of up to 64 codes with their limbs; `count` limbs are there.
template <typename Codes>
inline void AddProducts(const Codes& codes, const int8_t* high, const int8_t* low, size_t count,
                        Index& highs, Index& lows) {
  if (count >= 64) {
    highs = MulAdd(highs, codes, AsSigned(LoadRaw(high)));
    lows = MulAdd(lows, codes, AsSigned(LoadRaw(low)));
  } else if (count > 0) {
    highs = MulAdd(highs, codes, AsSigned(LoadRawPart(high, count)));
    lows = MulAdd(lows, codes, AsSigned(LoadRawPart(low, count)));
  }
}

void DotNibbles(const uint8_t* codes, const int8_t* high, const int8_t* low, size_t dim,
                int32_t* sums) {
  const size_t n = (dim + 1) / 2;
  Index highs = ZeroInts();
  Index lows = ZeroInts();
  for (size_t i = 0; i < n; i += 64) {
    const Raw both = n - i >= 64 ? LoadRaw(codes + i) : LoadRawPart(codes + i, n - i);
    const size_t seconds = dim - n - i < 64 ? dim - n - i : 64;
    const size_t firsts = n - i < 64 ? n - i : 64;
    AddProducts(AsUnsigned(LowHalves(both)), high + i, low + i, firsts, highs, lows);
    AddProducts(AsUnsigned(HighHalves(both)), high + n + i, low + n + i, seconds, highs, lows);
  }
  sums[0] = SumInts(highs);
  sums[1] = SumInts(lows);
}

void DotBits(const uint8_t* codes, const int8_t* high, const int8_t* low, size_t dim,
             int32_t* sums) {
  Index highs = ZeroInts();
  Index lows = ZeroInts();
  for (size_t i = 0; i < dim; i += 64) {
    const size_t count = dim - i < 64 ? dim - i : 64;
    uint64_t bits = 0;
    __builtin_memcpy(&bits, codes + i / 8, (count + 7) / 8);
    AddProducts(AsUnsigned(SpreadBits(bits)), high + i, low + i, count, highs, lows);
  }
  sums[0] = SumInts(highs);
  sums[1] = SumInts(lows);
}

}  // namespace
}  // namespace tessera::simd

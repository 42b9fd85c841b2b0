// AVX2: 32 bytes a register. 4-bit codes are looked up with pshufb, 8-bit codes with 16 of them and
// a tree of blends.
#include <immintrin.h>

#include "index/simd/kernel_table.h"

#include "index/simd/emit_bits.inl"
#include "index/simd/sse_reduce.inl"

namespace tessera::simd {
namespace {

struct F16 {
  __m256 v[2];
};

inline F16 Broadcast(float x) { return {{_mm256_set1_ps(x), _mm256_set1_ps(x)}}; }
inline F16 ZeroF() { return Broadcast(0.0f); }
inline F16 Load(const float* p) { return {{_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}}; }
inline F16 Load(const int8_t* p) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {{_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(x)),
           _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(x, 8)))}};
}
inline F16 LoadPart(const float* p, size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i count = _mm256_set1_epi32(static_cast<int>(n));
  const __m256i low = _mm256_cmpgt_epi32(count, lane);
  if (n <= 8) return {{_mm256_maskload_ps(p, low), _mm256_setzero_ps()}};
  const __m256i high = _mm256_cmpgt_epi32(count, _mm256_add_epi32(lane, _mm256_set1_epi32(8)));
  return {{_mm256_loadu_ps(p), _mm256_maskload_ps(p + 8, high)}};
}
inline F16 LoadPart(const int8_t* p, size_t n) {
  alignas(16) int8_t padded[16] = {};
  for (size_t i = 0; i < n; ++i) padded[i] = p[i];
  return Load(padded);
}
inline void Store(float* p, const F16& a) {
  _mm256_storeu_ps(p, a.v[0]);
  _mm256_storeu_ps(p + 8, a.v[1]);
}
inline F16 Add(F16 a, F16 b) {
  return {{_mm256_add_ps(a.v[0], b.v[0]), _mm256_add_ps(a.v[1], b.v[1])}};
}
inline F16 Sub(F16 a, F16 b) {
  return {{_mm256_sub_ps(a.v[0], b.v[0]), _mm256_sub_ps(a.v[1], b.v[1])}};
}
inline F16 Mul(F16 a, F16 b) {
  return {{_mm256_mul_ps(a.v[0], b.v[0]), _mm256_mul_ps(a.v[1], b.v[1])}};
}
inline __m128 Quarter(const F16& a) {
  const __m256 half = _mm256_add_ps(a.v[0], a.v[1]);
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
inline float ReduceAdd(const F16& a) { return ReduceQuarter(Quarter(a)); }
inline void ReduceAdd4(const F16* a, float* out) {
  ReduceQuarters4(Quarter(a[0]), Quarter(a[1]), Quarter(a[2]), Quarter(a[3]), out);
}
inline void StoreRounded(uint8_t* out, const F16& a) {
  const auto rounded = [&](int i) {
    const __m256 positive = _mm256_max_ps(a.v[i], _mm256_setzero_ps());  // the second one for NaN
    return _mm256_cvtps_epi32(_mm256_min_ps(positive, _mm256_set1_ps(127.0f)));
  };
  // Packing works within halves: the middle quarters change places.
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(rounded(0), rounded(1)), 0xd8);
  const __m128i low = _mm256_castsi256_si128(words);
  const __m128i high = _mm256_extracti128_si256(words, 1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(low, high));
}

struct Index {
  __m256i v[2];
};
inline Index FirstIndices() {
  return {
      {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)}};
}
inline Index NextIndices(const Index& i) {
  const __m256i step = _mm256_set1_epi32(16);
  return {{_mm256_add_epi32(i.v[0], step), _mm256_add_epi32(i.v[1], step)}};
}

struct Best {
  F16 score;
  Index index;
};
inline Best BestNone() { return {Broadcast(__builtin_inff()), FirstIndices()}; }
inline void Improve(Best& best, const F16& score, const Index& index) {
  for (int i = 0; i < 2; ++i) {
    const __m256 less = _mm256_cmp_ps(score.v[i], best.score.v[i], _CMP_LT_OQ);
    best.score.v[i] = _mm256_min_ps(score.v[i], best.score.v[i]);  // the second one for NaN
    best.index.v[i] = _mm256_blendv_epi8(best.index.v[i], index.v[i], _mm256_castps_si256(less));
  }
}
inline __m256 Rotated(__m256 a, int step) {
  if (step == 4) return _mm256_permute2f128_ps(a, a, 1);
  return step == 2 ? _mm256_permute_ps(a, 0x4e) : _mm256_permute_ps(a, 0xb1);
}
inline __m256i Rotated(__m256i a, int step) {
  return _mm256_castps_si256(Rotated(_mm256_castsi256_ps(a), step));
}
// The smallest index among the lanes that hold the least score.
inline int BestIndex(const Best& best) {
  __m256 least = _mm256_min_ps(best.score.v[0], best.score.v[1]);
  for (int step = 4; step > 0; step /= 2) least = _mm256_min_ps(least, Rotated(least, step));
  const auto index = [&](int i) {
    const __m256 other = _mm256_cmp_ps(best.score.v[i], least, _CMP_NEQ_OQ);
    return _mm256_or_si256(best.index.v[i], _mm256_castps_si256(other));
  };
  __m256i k = _mm256_min_epu32(index(0), index(1));
  for (int step = 4; step > 0; step /= 2) k = _mm256_min_epu32(k, Rotated(k, step));
  return _mm256_cvtsi256_si32(k);
}

inline Index ZeroInts() { return {{_mm256_setzero_si256(), _mm256_setzero_si256()}}; }
inline Index SetInts(uint32_t x) {
  const __m256i all = _mm256_set1_epi32(static_cast<int>(x));
  return {{all, all}};
}
inline Index LoadInts(const void* p) {
  const auto* from = static_cast<const __m256i*>(p);
  return {{_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)}};
}
inline void StoreInts(void* p, const Index& a) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), a.v[0]);
  _mm256_storeu_si256(static_cast<__m256i*>(p) + 1, a.v[1]);
}
template <typename Function>
inline Index EachInt(Function function) {
  return {{function(0), function(1)}};
}
inline Index MinInts(const Index& a, const Index& b) {
  return EachInt([&](int i) { return _mm256_min_epu32(a.v[i], b.v[i]); });
}
inline Index MaxInts(const Index& a, const Index& b) {
  return EachInt([&](int i) { return _mm256_max_epu32(a.v[i], b.v[i]); });
}
inline Index AddInts(const Index& a, const Index& b) {
  return EachInt([&](int i) { return _mm256_add_epi32(a.v[i], b.v[i]); });
}
inline F16 Min(const F16& a, const F16& b) {
  return {{_mm256_min_ps(a.v[0], b.v[0]), _mm256_min_ps(a.v[1], b.v[1])}};
}
inline uint32_t MaskEqual(const F16& a, const F16& b) {
  const auto mask = [&](int i) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a.v[i], b.v[i], _CMP_EQ_OQ)));
  };
  return mask(0) | mask(1) << 8;
}
inline uint32_t MaskLess(const F16& a, const F16& b) {
  const auto mask = [&](int i) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a.v[i], b.v[i], _CMP_LT_OQ)));
  };
  return mask(0) | mask(1) << 8;
}
// All ones where key <= bound, unsigned.
inline __m256i AtMost(__m256i key, __m256i bound) {
  return _mm256_cmpeq_epi32(_mm256_min_epu32(key, bound), key);
}
inline Index CountAtMost(const Index& counts, const Index& keys, const Index& bound) {
  return EachInt(
      [&](int i) { return _mm256_sub_epi32(counts.v[i], AtMost(keys.v[i], bound.v[i])); });
}
inline uint32_t MaskAtMost(const Index& keys, const Index& bound) {
  const auto mask = [&](int i) {
    const __m256 some = _mm256_castsi256_ps(AtMost(keys.v[i], bound.v[i]));
    return static_cast<uint32_t>(_mm256_movemask_ps(some));
  };
  return mask(0) | mask(1) << 8;
}
inline size_t EmitIndices(uint32_t mask, uint32_t first, uint32_t* out) {
  return EmitIndexBits(mask, first, out);
}
inline int32_t SumInts(const Index& a) {
  const __m256i eight = _mm256_add_epi32(a.v[0], a.v[1]);
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}
inline F16 ToFloat(const Index& a) {
  return {{_mm256_cvtepi32_ps(a.v[0]), _mm256_cvtepi32_ps(a.v[1])}};
}
inline Index OrderedKeys(const F16& a) {
  return EachInt([&](int i) {
    const __m256i bits = _mm256_castps_si256(_mm256_add_ps(a.v[i], _mm256_setzero_ps()));
    const __m256i top = _mm256_set1_epi32(static_cast<int>(0x80000000));
    return _mm256_xor_si256(bits, _mm256_or_si256(_mm256_srai_epi32(bits, 31), top));
  });
}

using Raw = Index;
inline Raw LoadRaw(const void* p) { return LoadInts(p); }
inline Raw LoadRawPart(const void* p, size_t n) {
  alignas(32) uint8_t padded[64] = {};
  __builtin_memcpy(padded, p, n);
  return LoadRaw(padded);
}
inline Raw BroadcastQuad(const int8_t* p) {
  uint32_t quad;
  __builtin_memcpy(&quad, p, sizeof(quad));
  return SetInts(quad);
}
inline Raw FlipTops(const Raw& a) {
  return EachInt(
      [&](int i) { return _mm256_xor_si256(a.v[i], _mm256_set1_epi8(static_cast<char>(0x80))); });
}
inline Raw LowHalves(const Raw& a) {
  return EachInt([&](int i) { return _mm256_and_si256(a.v[i], _mm256_set1_epi8(15)); });
}
inline Raw HighHalves(const Raw& a) {
  return LowHalves(EachInt([&](int i) { return _mm256_srli_epi16(a.v[i], 4); }));
}
inline Raw SpreadBits(uint64_t bits) {
  // Byte k of each lane shows byte k / 8 of its 16 bits, of which it looks at bit k % 8.
  const __m256i places =
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i one_bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  return EachInt([&](int i) {
    const __m256i word = _mm256_set1_epi32(static_cast<int>(bits >> (32 * i)));
    const __m256i shown = _mm256_and_si256(_mm256_shuffle_epi8(word, places), one_bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(shown, one_bit), _mm256_set1_epi8(1));
  });
}
// Bytes widened to 16 bits, those of even and of odd places apart: vpmaddwd then adds two products
// of each row. vpmaddubsw would saturate.
struct Operand {
  Index even;
  Index odd;
};
inline Operand AsUnsigned(const Raw& a) {
  return {EachInt([&](int i) { return _mm256_and_si256(a.v[i], _mm256_set1_epi16(0xff)); }),
          EachInt([&](int i) { return _mm256_srli_epi16(a.v[i], 8); })};
}
inline Operand AsSigned(const Raw& a) {
  return {EachInt([&](int i) { return _mm256_srai_epi16(_mm256_slli_epi16(a.v[i], 8), 8); }),
          EachInt([&](int i) { return _mm256_srai_epi16(a.v[i], 8); })};
}
inline Index MulAdd(const Index& sums, const Operand& a, const Operand& b) {
  return EachInt([&](int i) {
    const __m256i even = _mm256_madd_epi16(a.even.v[i], b.even.v[i]);
    const __m256i odd = _mm256_madd_epi16(a.odd.v[i], b.odd.v[i]);
    return _mm256_add_epi32(sums.v[i], _mm256_add_epi32(even, odd));
  });
}

constexpr size_t kTableGroups = 4;
constexpr size_t kNearestRows = 2;
constexpr size_t kNearestGroups = 2;
constexpr size_t kProductVectors = 4;
constexpr size_t kProductGroups = 1;
constexpr size_t kProductDepth = 0;

using V = __m256i;
constexpr size_t kPassVectors = 4;

inline V LoadV(const uint8_t* p) { return _mm256_load_si256(reinterpret_cast<const V*>(p)); }
// A table of 16 bytes in both halves.
inline V LoadTable(const uint8_t* p) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
}
inline V ZeroV() { return _mm256_setzero_si256(); }
inline V Set16(uint16_t x) { return _mm256_set1_epi16(static_cast<short>(x)); }
inline V Add8(V a, V b) { return _mm256_add_epi8(a, b); }
inline V Add16(V a, V b) { return _mm256_add_epi16(a, b); }
inline V Sub16(V a, V b) { return _mm256_sub_epi16(a, b); }
inline V AddSaturated16(V a, V b) { return _mm256_adds_epu16(a, b); }
inline V MulHigh16(V a, V b) { return _mm256_mulhi_epu16(a, b); }
inline V High8(V a) { return _mm256_srli_epi16(a, 8); }
inline V Low8Up(V a) { return _mm256_slli_epi16(a, 8); }
inline V Only8Up(V a) { return _mm256_and_si256(a, Set16(0xff00)); }
inline V LowNibbles(V a) { return _mm256_and_si256(a, _mm256_set1_epi8(15)); }

struct Nibbles {
  static constexpr size_t kTableBytes = 32;
  static constexpr size_t kPlanesPerSum = 1;
  struct Tables {
    V low;
    V high;
  };
  static Tables LoadTables(const uint8_t* p) { return {LoadTable(p), LoadTable(p + 16)}; }
  static V Look(const Tables& tables, const uint8_t* codes) {
    const V x = LoadV(codes);
    return Add8(_mm256_shuffle_epi8(tables.low, LowNibbles(x)),
                _mm256_shuffle_epi8(tables.high, LowNibbles(_mm256_srli_epi16(x, 4))));
  }
};

// 256 entries as 16 tables of 16: bits 0-3 index each, bits 4 to 7 choose, a level of blends each.
struct Bytes {
  static constexpr size_t kTableBytes = 256;
  static constexpr size_t kPlanesPerSum = 2;
  using Tables = const uint8_t*;
  static Tables LoadTables(const uint8_t* p) { return p; }
  // The entry that bits 0 to 5 choose among the four tables at p.
  static V Quarter(const uint8_t* p, V low, V bit4, V bit5) {
    const V first = _mm256_blendv_epi8(_mm256_shuffle_epi8(LoadTable(p), low),
                                       _mm256_shuffle_epi8(LoadTable(p + 16), low), bit4);
    const V second = _mm256_blendv_epi8(_mm256_shuffle_epi8(LoadTable(p + 32), low),
                                        _mm256_shuffle_epi8(LoadTable(p + 48), low), bit4);
    return _mm256_blendv_epi8(first, second, bit5);
  }
  static V Look(Tables tables, const uint8_t* codes) {
    const V x = LoadV(codes);
    const V low = LowNibbles(x);
    // A blend looks at the top bit of each byte: what a shift brings from the next byte is below
    // it.
    const V bit4 = _mm256_slli_epi16(x, 3);
    const V bit5 = _mm256_slli_epi16(x, 2);
    const V bit6 = _mm256_slli_epi16(x, 1);
    const V q0 = Quarter(tables, low, bit4, bit5);
    const V q1 = Quarter(tables + 64, low, bit4, bit5);
    const V q2 = Quarter(tables + 128, low, bit4, bit5);
    const V q3 = Quarter(tables + 192, low, bit4, bit5);
    return _mm256_blendv_epi8(_mm256_blendv_epi8(q0, q1, bit6), _mm256_blendv_epi8(q2, q3, bit6),
                              x);
  }
};

struct SixBits {
  static constexpr bool kSixBits = true;
  using Tables = const uint8_t*;
  static Tables LoadTables(const uint8_t* p) { return p; }
  static V Look(Tables table, V codes) {
    return Bytes::Quarter(table, LowNibbles(codes), _mm256_slli_epi16(codes, 3),
                          _mm256_slli_epi16(codes, 2));
  }
  // Two bits of each, moved by words: what comes from the next byte is masked out.
  static V Fourth(V x, V y, V z) {
    const V first = _mm256_and_si256(_mm256_srli_epi16(x, 6), _mm256_set1_epi8(0x03));
    const V second = _mm256_and_si256(_mm256_srli_epi16(y, 4), _mm256_set1_epi8(0x0c));
    const V third = _mm256_and_si256(_mm256_srli_epi16(z, 2), _mm256_set1_epi8(0x30));
    return _mm256_or_si256(_mm256_or_si256(first, second), third);
  }
};

// All ones in each byte whose row has a sum of at most `threshold`.
inline V NotAbove(V even, V odd, V threshold) {
  const V low = _mm256_cmpeq_epi16(_mm256_subs_epu16(even, threshold), ZeroV());
  const V high = _mm256_cmpeq_epi16(_mm256_subs_epu16(odd, threshold), ZeroV());
  return _mm256_or_si256(High8(low), Only8Up(high));
}

inline size_t EmitColumn(const V* even, const V* odd, uint16_t threshold, uint64_t live,
                         size_t first_row, ScanOutput& out, size_t count) {
  const V limit = Set16(threshold);
  const auto low = static_cast<uint32_t>(_mm256_movemask_epi8(NotAbove(even[0], odd[0], limit)));
  const auto high = static_cast<uint32_t>(_mm256_movemask_epi8(NotAbove(even[1], odd[1], limit)));
  const uint64_t selected = (uint64_t{high} << 32 | low) & live;
  if (selected == 0) return count;
  alignas(32) uint16_t sums[64];
  for (int i = 0; i < 2; ++i) {
    _mm256_store_si256(reinterpret_cast<V*>(sums + 16 * i), even[i]);
    _mm256_store_si256(reinterpret_cast<V*>(sums + 32 + 16 * i), odd[i]);
  }
  return EmitBits(selected, sums, first_row, out, count);
}

}  // namespace
}  // namespace tessera::simd

#include "index/simd/float_kernels.inl"
#include "index/simd/integer_kernels.inl"
#include "index/simd/scan.inl"

namespace tessera::simd {
namespace {

size_t Scan8(const ScanInput& in, ScanOutput& out) { return ScanWith<Bytes>(in, out); }
size_t Scan4(const ScanInput& in, ScanOutput& out) { return ScanWith<Nibbles>(in, out); }
size_t Scan6(const ScanInput& in, ScanOutput& out) { return ScanWith<SixBits>(in, out); }

}  // namespace

const Kernels kAvx2Kernels = {"avx2",        false,     Scan8,      Scan4,        Scan6,
                              Dot,           L2Sqr,     DotI8,      DotRows,      Table,
                              QuantizeTable, Nearest,   ExtendSums, ProductsU8S8, ScoreKeys,
                              LeastScore,    BoundKeys, SelectKeys, DotLimbs,     DotNibbles,
                              DotBits,       Hamming};

}  // namespace tessera::simd

// SSSE3: 16 bytes a register. 4-bit codes are looked up with pshufb; for 8-bit codes 16 of them and
// the selection between them are slower than plain loads, so those run as the scalar kernel.
#include <immintrin.h>

#include "index/simd/kernel_table.h"

#include "index/simd/emit_bits.inl"
#include "index/simd/integer_scalar.inl"
#include "index/simd/scan_scalar.inl"
#include "index/simd/sse_reduce.inl"

namespace tessera::simd {
namespace {

struct F16 {
  __m128 v[4];
};

template <typename Function>
inline F16 Each(Function function) {
  return {{function(0), function(1), function(2), function(3)}};
}

inline F16 Broadcast(float x) {
  return Each([&](int) { return _mm_set1_ps(x); });
}
inline F16 ZeroF() { return Broadcast(0.0f); }
inline F16 Load(const float* p) {
  return Each([&](int i) { return _mm_loadu_ps(p + 4 * i); });
}
inline F16 Load(const int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i low = _mm_unpacklo_epi8(bytes, bytes);
  const __m128i high = _mm_unpackhi_epi8(bytes, bytes);
  // Each byte at the top of four: the shift brings it down with its sign.
  const __m128i quads[4] = {_mm_unpacklo_epi16(low, low), _mm_unpackhi_epi16(low, low),
                            _mm_unpacklo_epi16(high, high), _mm_unpackhi_epi16(high, high)};
  return Each([&](int i) { return _mm_cvtepi32_ps(_mm_srai_epi32(quads[i], 24)); });
}
template <typename T>
inline F16 LoadPart(const T* p, size_t n) {
  alignas(16) T padded[16] = {};
  for (size_t i = 0; i < n; ++i) padded[i] = p[i];
  return Load(padded);
}
inline void Store(float* p, const F16& a) {
  for (int i = 0; i < 4; ++i) _mm_storeu_ps(p + 4 * i, a.v[i]);
}
inline F16 Add(F16 a, F16 b) {
  return Each([&](int i) { return _mm_add_ps(a.v[i], b.v[i]); });
}
inline F16 Sub(F16 a, F16 b) {
  return Each([&](int i) { return _mm_sub_ps(a.v[i], b.v[i]); });
}
inline F16 Mul(F16 a, F16 b) {
  return Each([&](int i) { return _mm_mul_ps(a.v[i], b.v[i]); });
}
inline uint32_t MaskLess(const F16& a, const F16& b) {
  uint32_t mask = 0;
  for (int i = 0; i < 4; ++i) {
    mask |= static_cast<uint32_t>(_mm_movemask_ps(_mm_cmplt_ps(a.v[i], b.v[i]))) << (4 * i);
  }
  return mask;
}
inline __m128 Quarter(const F16& a) {
  return _mm_add_ps(_mm_add_ps(a.v[0], a.v[2]), _mm_add_ps(a.v[1], a.v[3]));
}
inline float ReduceAdd(const F16& a) { return ReduceQuarter(Quarter(a)); }
inline void ReduceAdd4(const F16* a, float* out) {
  ReduceQuarters4(Quarter(a[0]), Quarter(a[1]), Quarter(a[2]), Quarter(a[3]), out);
}
inline void StoreRounded(uint8_t* out, const F16& a) {
  const auto rounded = [&](int i) {
    const __m128 positive = _mm_max_ps(a.v[i], _mm_setzero_ps());  // the second one for NaN
    return _mm_cvtps_epi32(_mm_min_ps(positive, _mm_set1_ps(127.0f)));
  };
  const __m128i low = _mm_packs_epi32(rounded(0), rounded(1));
  const __m128i high = _mm_packs_epi32(rounded(2), rounded(3));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(low, high));
}

struct Index {
  __m128i v[4];
};
inline Index FirstIndices() {
  return {{_mm_setr_epi32(0, 1, 2, 3), _mm_setr_epi32(4, 5, 6, 7), _mm_setr_epi32(8, 9, 10, 11),
           _mm_setr_epi32(12, 13, 14, 15)}};
}
inline Index NextIndices(Index i) {
  for (__m128i& quarter : i.v) quarter = _mm_add_epi32(quarter, _mm_set1_epi32(16));
  return i;
}

struct Best {
  F16 score;
  Index index;
};
inline Best BestNone() { return {Broadcast(__builtin_inff()), FirstIndices()}; }
inline void Improve(Best& best, const F16& score, const Index& index) {
  for (int i = 0; i < 4; ++i) {
    const __m128i less = _mm_castps_si128(_mm_cmplt_ps(score.v[i], best.score.v[i]));
    best.score.v[i] = _mm_min_ps(score.v[i], best.score.v[i]);  // the second one for NaN
    best.index.v[i] =
        _mm_or_si128(_mm_andnot_si128(less, best.index.v[i]), _mm_and_si128(less, index.v[i]));
  }
}
// The smallest index among the lanes that hold the least score.
inline int BestIndex(const Best& best) {
  float scores[16];
  int indices[16];
  Store(scores, best.score);
  for (int i = 0; i < 4; ++i) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(indices + 4 * i), best.index.v[i]);
  }
  int found = 0;
  for (int lane = 1; lane < 16; ++lane) {
    const bool less = scores[lane] < scores[found];
    const bool tie = scores[lane] == scores[found] && indices[lane] < indices[found];
    if (less || tie) found = lane;
  }
  return indices[found];
}

constexpr size_t kTableGroups = 2;
constexpr size_t kNearestRows = 1;
constexpr size_t kNearestGroups = 2;

using V = __m128i;
constexpr size_t kPassVectors = 4;

inline V LoadV(const uint8_t* p) { return _mm_load_si128(reinterpret_cast<const V*>(p)); }
inline V ZeroV() { return _mm_setzero_si128(); }
inline V Set16(uint16_t x) { return _mm_set1_epi16(static_cast<short>(x)); }
inline V Add8(V a, V b) { return _mm_add_epi8(a, b); }
inline V Add16(V a, V b) { return _mm_add_epi16(a, b); }
inline V Sub16(V a, V b) { return _mm_sub_epi16(a, b); }
inline V AddSaturated16(V a, V b) { return _mm_adds_epu16(a, b); }
inline V MulHigh16(V a, V b) { return _mm_mulhi_epu16(a, b); }
inline V High8(V a) { return _mm_srli_epi16(a, 8); }
inline V Low8Up(V a) { return _mm_slli_epi16(a, 8); }
inline V Only8Up(V a) { return _mm_and_si128(a, Set16(0xff00)); }

struct Nibbles {
  static constexpr size_t kTableBytes = 32;
  static constexpr size_t kPlanesPerSum = 1;
  struct Tables {
    V low;
    V high;
  };
  static Tables LoadTables(const uint8_t* p) { return {LoadV(p), LoadV(p + 16)}; }
  static V Look(const Tables& tables, const uint8_t* codes) {
    const V mask = _mm_set1_epi8(15);
    const V x = LoadV(codes);
    return Add8(_mm_shuffle_epi8(tables.low, _mm_and_si128(x, mask)),
                _mm_shuffle_epi8(tables.high, _mm_and_si128(_mm_srli_epi16(x, 4), mask)));
  }
};

// All ones in each byte whose row has a sum of at most `threshold`.
inline V NotAbove(V even, V odd, V threshold) {
  const V low = _mm_cmpeq_epi16(_mm_subs_epu16(even, threshold), ZeroV());
  const V high = _mm_cmpeq_epi16(_mm_subs_epu16(odd, threshold), ZeroV());
  return _mm_or_si128(High8(low), Only8Up(high));
}

inline size_t EmitColumn(const V* even, const V* odd, uint16_t threshold, uint64_t live,
                         size_t first_row, ScanOutput& out, size_t count) {
  uint64_t selected = 0;
  for (int i = 0; i < 4; ++i) {
    const V mask = NotAbove(even[i], odd[i], Set16(threshold));
    selected |= uint64_t{static_cast<uint32_t>(_mm_movemask_epi8(mask))} << (16 * i);
  }
  selected &= live;
  if (selected == 0) return count;
  alignas(16) uint16_t sums[64];
  for (int i = 0; i < 4; ++i) {
    _mm_store_si128(reinterpret_cast<V*>(sums + 8 * i), even[i]);
    _mm_store_si128(reinterpret_cast<V*>(sums + 32 + 8 * i), odd[i]);
  }
  return EmitBits(selected, sums, first_row, out, count);
}

}  // namespace
}  // namespace tessera::simd

#include "index/simd/float_kernels.inl"
#include "index/simd/scan.inl"

namespace tessera::simd {
namespace {

size_t Scan4(const ScanInput& in, ScanOutput& out) { return ScanWith<Nibbles>(in, out); }

}  // namespace

const Kernels kSsse3Kernels = {"ssse3",
                               false,
                               Scan8Scalar,
                               Scan4,
                               Scan6Scalar,
                               Dot,
                               L2Sqr,
                               DotI8,
                               DotRows,
                               Table,
                               QuantizeTable,
                               Nearest,
                               ExtendSums,
                               ProductsU8S8Scalar,
                               ScoreKeysScalar,
                               LeastScoreScalar,
                               BoundKeysScalar,
                               SelectKeysScalar,
                               DotLimbsScalar,
                               DotNibblesScalar,
                               DotBitsScalar,
                               Hamming};

}  // namespace tessera::simd

// What float_kernels.inl and scan.inl ask of a layer, with 64 bytes a register: AVX-512 F, BW, VL,
// DQ.

#include "index/simd/sse_reduce.inl"

namespace tessera::simd {
namespace {

using F16 = __m512;

inline __mmask16 FirstLanes(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }

inline F16 Broadcast(float x) { return _mm512_set1_ps(x); }
inline F16 ZeroF() { return _mm512_setzero_ps(); }
inline F16 Load(const float* p) { return _mm512_loadu_ps(p); }
inline F16 FromBytes(__m128i x) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(x)); }
inline F16 Load(const int8_t* p) {
  return FromBytes(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline F16 LoadPart(const float* p, size_t n) { return _mm512_maskz_loadu_ps(FirstLanes(n), p); }
inline F16 LoadPart(const int8_t* p, size_t n) {
  return FromBytes(_mm_maskz_loadu_epi8(FirstLanes(n), p));
}
inline void Store(float* p, F16 a) { _mm512_storeu_ps(p, a); }
inline F16 Add(F16 a, F16 b) { return _mm512_add_ps(a, b); }
inline F16 Sub(F16 a, F16 b) { return _mm512_sub_ps(a, b); }
inline F16 Mul(F16 a, F16 b) { return _mm512_mul_ps(a, b); }
inline __m128 Quarter(F16 a) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
inline float ReduceAdd(F16 a) { return ReduceQuarter(Quarter(a)); }
inline void ReduceAdd4(const F16* a, float* out) {
  ReduceQuarters4(Quarter(a[0]), Quarter(a[1]), Quarter(a[2]), Quarter(a[3]), out);
}
inline void StoreRounded(uint8_t* out, F16 a) {
  const F16 positive = _mm512_max_ps(a, ZeroF());  // the second one for NaN
  const __m512i rounded = _mm512_cvtps_epi32(_mm512_min_ps(positive, Broadcast(127.0f)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(rounded));
}

using Index = __m512i;
inline Index FirstIndices() {
  return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
inline Index NextIndices(Index i) { return _mm512_add_epi32(i, _mm512_set1_epi32(16)); }

struct Best {
  F16 score;
  Index index;
};
inline Best BestNone() { return {Broadcast(__builtin_inff()), FirstIndices()}; }
inline void Improve(Best& best, F16 score, Index index) {
  const __mmask16 less = _mm512_cmp_ps_mask(score, best.score, _CMP_LT_OQ);
  best.score = _mm512_mask_mov_ps(best.score, less, score);
  best.index = _mm512_mask_mov_epi32(best.index, less, index);
}
// The smallest index among the lanes that hold the least score.
inline int BestIndex(const Best& best) {
  const F16 least = Broadcast(_mm512_reduce_min_ps(best.score));
  const __mmask16 ties = _mm512_cmp_ps_mask(best.score, least, _CMP_EQ_OQ);
  return static_cast<int>(_mm512_mask_reduce_min_epu32(ties, best.index));
}

inline Index ZeroInts() { return _mm512_setzero_si512(); }
inline Index SetInts(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
inline Index LoadInts(const void* p) { return _mm512_loadu_si512(p); }
inline void StoreInts(void* p, Index a) { _mm512_storeu_si512(p, a); }
inline Index MinInts(Index a, Index b) { return _mm512_min_epu32(a, b); }
inline Index MaxInts(Index a, Index b) { return _mm512_max_epu32(a, b); }
inline Index AddInts(Index a, Index b) { return _mm512_add_epi32(a, b); }
inline F16 Min(F16 a, F16 b) { return _mm512_min_ps(a, b); }
inline uint32_t MaskEqual(F16 a, F16 b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
inline uint32_t MaskLess(F16 a, F16 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
inline uint32_t MaskAtMost(Index keys, Index bound) { return _mm512_cmple_epu32_mask(keys, bound); }
inline Index CountAtMost(Index counts, Index keys, Index bound) {
  const __mmask16 at_most = _mm512_cmple_epu32_mask(keys, bound);
  return _mm512_mask_sub_epi32(counts, at_most, counts, _mm512_set1_epi32(-1));
}
inline int32_t SumInts(Index a) { return _mm512_reduce_add_epi32(a); }
inline F16 ToFloat(Index a) { return _mm512_cvtepi32_ps(a); }
inline Index OrderedKeys(F16 a) {
  const Index bits = _mm512_castps_si512(_mm512_add_ps(a, ZeroF()));
  return _mm512_xor_si512(bits, _mm512_or_si512(_mm512_srai_epi32(bits, 31), SetInts(0x80000000)));
}
// Compressed in a register: compressing to memory takes Zen 4 some fifty cycles.
inline size_t EmitIndices(uint32_t mask, uint32_t first, uint32_t* out) {
  const Index numbers = _mm512_add_epi32(FirstIndices(), SetInts(first));
  StoreInts(out, _mm512_maskz_compress_epi32(static_cast<__mmask16>(mask), numbers));
  return static_cast<size_t>(__builtin_popcount(mask));
}

using Raw = __m512i;
inline Raw LoadRaw(const void* p) { return _mm512_loadu_si512(p); }
inline Raw LoadRawPart(const void* p, size_t n) {
  return _mm512_maskz_loadu_epi8(_bzhi_u64(~uint64_t{0}, static_cast<uint32_t>(n)), p);
}
inline Raw BroadcastQuad(const int8_t* p) {
  uint32_t quad;
  __builtin_memcpy(&quad, p, sizeof(quad));
  return SetInts(quad);
}
inline Raw FlipTops(Raw a) {
  return _mm512_xor_si512(a, _mm512_set1_epi8(static_cast<char>(0x80)));
}

inline Raw LowHalves(Raw a) { return _mm512_and_si512(a, _mm512_set1_epi8(15)); }
inline Raw HighHalves(Raw a) { return LowHalves(_mm512_srli_epi16(a, 4)); }
inline Raw SpreadBits(uint64_t bits) { return _mm512_maskz_set1_epi8(bits, 1); }

constexpr size_t kTableGroups = 16;
constexpr size_t kNearestRows = 4;
constexpr size_t kNearestGroups = 4;

using V = __m512i;
constexpr size_t kPassVectors = 4;

inline V LoadV(const uint8_t* p) { return _mm512_load_si512(p); }
// A table of 16 bytes in each quarter.
inline V LoadTable(const uint8_t* p) {
  return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
}
inline V ZeroV() { return _mm512_setzero_si512(); }
inline V Set16(uint16_t x) { return _mm512_set1_epi16(static_cast<short>(x)); }
inline V Add8(V a, V b) { return _mm512_add_epi8(a, b); }
inline V Add16(V a, V b) { return _mm512_add_epi16(a, b); }
inline V Sub16(V a, V b) { return _mm512_sub_epi16(a, b); }
inline V AddSaturated16(V a, V b) { return _mm512_adds_epu16(a, b); }
inline V MulHigh16(V a, V b) { return _mm512_mulhi_epu16(a, b); }
inline V High8(V a) { return _mm512_srli_epi16(a, 8); }
inline V Low8Up(V a) { return _mm512_slli_epi16(a, 8); }
inline V Only8Up(V a) { return _mm512_and_si512(a, Set16(0xff00)); }

// Two bits of each, moved by words: what comes from the next byte is not selected.
inline V FourthCode(V x, V y, V z) {
  constexpr int kFirstWhereMask = 0xca;
  const V low = _mm512_ternarylogic_epi64(_mm512_set1_epi8(0x03), _mm512_srli_epi16(x, 6),
                                          _mm512_srli_epi16(y, 4), kFirstWhereMask);
  return _mm512_ternarylogic_epi64(_mm512_set1_epi8(0x0f), low, _mm512_srli_epi16(z, 2),
                                   kFirstWhereMask);
}

// Bit i: the sum of row i of a column is at most `threshold`.
inline uint64_t NotAbove(V even, V odd, uint16_t threshold) {
  const V limit = Set16(threshold);
  return _pdep_u64(_mm512_cmple_epu16_mask(even, limit), 0x5555555555555555) |
         _pdep_u64(_mm512_cmple_epu16_mask(odd, limit), 0xaaaaaaaaaaaaaaaa);
}

}  // namespace
}  // namespace tessera::simd

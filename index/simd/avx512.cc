// AVX-512 F, BW, VL, DQ: 64 bytes a register, lookups as in avx2.cc with masks for the blends.
#include <immintrin.h>

#include "index/simd/kernel_table.h"

#include "index/simd/avx512_layer.inl"
#include "index/simd/emit_bits.inl"

namespace tessera::simd {
namespace {

// Bytes widened to 16 bits, those of even and of odd places apart: vpmaddwd then adds two products
// of each row. vpmaddubsw would saturate.
struct Operand {
  __m512i even;
  __m512i odd;
};
inline Operand AsUnsigned(Raw a) {
  return {_mm512_and_si512(a, _mm512_set1_epi16(0xff)), _mm512_srli_epi16(a, 8)};
}
inline Operand AsSigned(Raw a) {
  return {_mm512_srai_epi16(_mm512_slli_epi16(a, 8), 8), _mm512_srai_epi16(a, 8)};
}
inline Index MulAdd(Index sums, const Operand& a, const Operand& b) {
  const __m512i even = _mm512_madd_epi16(a.even, b.even);
  return _mm512_add_epi32(sums, _mm512_add_epi32(even, _mm512_madd_epi16(a.odd, b.odd)));
}

constexpr size_t kProductVectors = 4;
constexpr size_t kProductGroups = 4;
constexpr size_t kProductDepth = 0;

inline V LowNibbles(V a) { return _mm512_and_si512(a, _mm512_set1_epi8(15)); }

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
    return Add8(_mm512_shuffle_epi8(tables.low, LowNibbles(x)),
                _mm512_shuffle_epi8(tables.high, LowNibbles(_mm512_srli_epi16(x, 4))));
  }
};

// 256 entries as 16 tables of 16: bits 0-3 index each, bits 4 to 7 choose, a level of blends each.
struct Bytes {
  static constexpr size_t kTableBytes = 256;
  static constexpr size_t kPlanesPerSum = 2;
  using Tables = const uint8_t*;
  static Tables LoadTables(const uint8_t* p) { return p; }
  // The entry that bits 0 to 5 choose among the four tables at p.
  static V Quarter(const uint8_t* p, V low, __mmask64 bit4, __mmask64 bit5) {
    V first = _mm512_shuffle_epi8(LoadTable(p), low);
    first = _mm512_mask_shuffle_epi8(first, bit4, LoadTable(p + 16), low);
    V second = _mm512_shuffle_epi8(LoadTable(p + 32), low);
    second = _mm512_mask_shuffle_epi8(second, bit4, LoadTable(p + 48), low);
    return _mm512_mask_mov_epi8(first, bit5, second);
  }
  static V Look(Tables tables, const uint8_t* codes) {
    const V x = LoadV(codes);
    const V low = LowNibbles(x);
    const __mmask64 bit4 = _mm512_test_epi8_mask(x, _mm512_set1_epi8(16));
    const __mmask64 bit5 = _mm512_test_epi8_mask(x, _mm512_set1_epi8(32));
    const __mmask64 bit6 = _mm512_test_epi8_mask(x, _mm512_set1_epi8(64));
    const V q0 = Quarter(tables, low, bit4, bit5);
    const V q1 = Quarter(tables + 64, low, bit4, bit5);
    const V q2 = Quarter(tables + 128, low, bit4, bit5);
    const V q3 = Quarter(tables + 192, low, bit4, bit5);
    return _mm512_mask_mov_epi8(_mm512_mask_mov_epi8(q0, bit6, q1), _mm512_movepi8_mask(x),
                                _mm512_mask_mov_epi8(q2, bit6, q3));
  }
};

struct SixBits {
  static constexpr bool kSixBits = true;
  using Tables = const uint8_t*;
  static Tables LoadTables(const uint8_t* p) { return p; }
  static V Look(Tables table, V codes) {
    return Bytes::Quarter(table, LowNibbles(codes),
                          _mm512_test_epi8_mask(codes, _mm512_set1_epi8(16)),
                          _mm512_test_epi8_mask(codes, _mm512_set1_epi8(32)));
  }
  static V Fourth(V x, V y, V z) { return FourthCode(x, y, z); }
};

inline size_t EmitColumn(const V* even, const V* odd, uint16_t threshold, uint64_t live,
                         size_t first_row, ScanOutput& out, size_t count) {
  const uint64_t selected = NotAbove(*even, *odd, threshold) & live;
  if (selected == 0) return count;
  alignas(64) uint16_t sums[64];
  _mm512_store_si512(sums, *even);
  _mm512_store_si512(sums + 32, *odd);
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

const Kernels kAvx512Kernels = {"avx512",      false,     Scan8,      Scan4,        Scan6,
                                Dot,           L2Sqr,     DotI8,      DotRows,      Table,
                                QuantizeTable, Nearest,   ExtendSums, ProductsU8S8, ScoreKeys,
                                LeastScore,    BoundKeys, SelectKeys, DotLimbs,     DotNibbles,
                                DotBits,       Hamming};

}  // namespace tessera::simd

// AVX-512 with VBMI, VBMI2 and VNNI (Ice Lake, Zen 4 and later): one instruction looks up 64 bytes
// in 128 entries, so that 256 entries, a full 8-bit code, are four registers and two lookups.
// Quicker ADC (Andre, Kermarrec, Le Scouarnec, TPAMI 2019) was first to scan 8-bit codes this way.
#include <immintrin.h>

#include "index/simd/kernel_table.h"

#include "index/simd/avx512_layer.inl"

namespace tessera::simd {
namespace {

inline Raw AsUnsigned(Raw a) { return a; }
inline Raw AsSigned(Raw a) { return a; }
inline Index MulAdd(Index sums, Raw a, Raw b) { return _mm512_dpbusd_epi32(sums, a, b); }

constexpr size_t kProductVectors = 6;
constexpr size_t kProductGroups = 4;
constexpr size_t kProductDepth = 4;

// vpermb looks at 6 bits, and the table of 16 stands in the register four times: the bits above a
// nibble need no masking.
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
    return Add8(_mm512_permutexvar_epi8(x, tables.low),
                _mm512_permutexvar_epi8(_mm512_srli_epi16(x, 4), tables.high));
  }
};

struct Bytes {
  static constexpr size_t kTableBytes = 256;
  static constexpr size_t kPlanesPerSum = 2;
  struct Tables {
    V quarters[4];
  };
  static Tables LoadTables(const uint8_t* p) {
    return {{LoadV(p), LoadV(p + 64), LoadV(p + 128), LoadV(p + 192)}};
  }
  static V Look(const Tables& tables, const uint8_t* codes) {
    const V x = LoadV(codes);
    // A masked lookup leaves the code where the mask is clear, so the second lookup finds the codes
    // that the first has left and no blend is needed.
    const __mmask64 high = _mm512_movepi8_mask(x);
    const V half = _mm512_mask2_permutex2var_epi8(tables.quarters[2], x, high, tables.quarters[3]);
    return _mm512_mask2_permutex2var_epi8(tables.quarters[0], half, _knot_mask64(high),
                                          tables.quarters[1]);
  }
};

// One lookup each: the instruction ignores the top two bits, so no code needs masking.
struct SixBits {
  static constexpr bool kSixBits = true;
  using Tables = V;
  static Tables LoadTables(const uint8_t* p) { return LoadV(p); }
  static V Look(Tables table, V codes) { return _mm512_permutexvar_epi8(codes, table); }
  static V Fourth(V x, V y, V z) { return FourthCode(x, y, z); }
};

inline V RowNumbers() {
  alignas(64) static constexpr uint8_t kRows[64] = {
      0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
      22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
      44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
  return LoadV(kRows);
}

// Positions and sums of 32 selected rows, given by their numbers in the column.
inline void Emit32(V even, V odd, __m256i rows, size_t first_row, uint16_t* positions,
                   uint16_t* sums) {
  const V row = _mm512_cvtepu8_epi16(rows);
  _mm512_storeu_si512(positions, Add16(row, Set16(static_cast<uint16_t>(first_row))));
  // Row 2i is lane i of `even`, row 2i + 1 lane i of `odd`, which the lookup counts from 32.
  const V lane = _mm512_or_si512(_mm512_srli_epi16(row, 1), _mm512_slli_epi16(row, 5));
  _mm512_storeu_si512(sums, _mm512_permutex2var_epi16(even, lane, odd));
}

// Compresses to a register and stores that: compressing to memory takes Zen 4 some fifty cycles.
inline size_t EmitColumn(const V* even, const V* odd, uint16_t threshold, uint64_t live,
                         size_t first_row, ScanOutput& out, size_t count) {
  const uint64_t selected = NotAbove(*even, *odd, threshold) & live;
  if (selected == 0) return count;
  const V rows = _mm512_maskz_compress_epi8(selected, RowNumbers());
  const size_t found = static_cast<size_t>(__builtin_popcountll(selected));
  Emit32(*even, *odd, _mm512_castsi512_si256(rows), first_row, out.positions + count,
         out.sums + count);
  if (found > 32) {
    Emit32(*even, *odd, _mm512_extracti64x4_epi64(rows, 1), first_row, out.positions + count + 32,
           out.sums + count + 32);
  }
  return count + found;
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

const Kernels kAvx512VbmiKernels = {"avx512vbmi",  true,      Scan8,      Scan4,        Scan6,
                                    Dot,           L2Sqr,     DotI8,      DotRows,      Table,
                                    QuantizeTable, Nearest,   ExtendSums, ProductsU8S8, ScoreKeys,
                                    LeastScore,    BoundKeys, SelectKeys, DotLimbs,     DotNibbles,
                                    DotBits,       Hamming};

}  // namespace tessera::simd

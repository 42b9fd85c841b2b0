// The table of kernels that one instruction set exports, and the arguments of the scans. A plain
// header: the files compiled for an instruction set include nothing else, so that no inline
// function of the standard library is ever compiled with instructions that the processor may lack.
// What each kernel computes: kernels.h includes this file and states the rules for all of them.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tessera::simd {

inline constexpr size_t kBlockRows = 256;     // rows of a superblock
inline constexpr size_t kColumnRows = 64;     // rows of a column; a block has 1 to 4 columns
inline constexpr size_t kMaxCodeBytes = 256;  // so that 2 sums of 7-bit entries a byte fit 16 bits

// Input of a scan of one superblock.
struct ScanInput {
  // code_bytes planes of 64 * columns bytes each, then one plane of 64 * columns correction bytes.
  // Plane m holds byte m of the code of rows 0 .. 64 * columns - 1. 64-byte aligned.
  const uint8_t* block;
  uint32_t columns;     // W in 1..4
  uint32_t code_bytes;  // planes: 1..kMaxCodeBytes
  // scan8: table m = entries [256 * m, 256 * m + 256), for 8-bit codes.
  // scan4: table s = entries [16 * s, 16 * s + 16); byte m of a code holds sub-quantizer 2m in its
  //        low nibble and 2m + 1 in its high one; there are 2 * code_bytes tables.
  // scan6: table s = entries [64 * s, 64 * s + 64). Bytes 3g, 3g + 1 and 3g + 2 of a code hold
  //        sub-quantizers 4g, 4g + 1 and 4g + 2 in their low 6 bits; their top 2 bits are those of
  //        4g + 3: bits 0-1, 2-3 and 4-5. Of a last group of one or two bytes the top bits hold
  //        nothing. There are 4 * (code_bytes / 3) + code_bytes % 3 tables.
  // Every entry is <= 127. 64-byte aligned.
  const uint8_t* tables;
  uint16_t correction_factor;  // F: sum += (correction * F) >> 8
  uint16_t threshold;          // rows with sum <= threshold are selected
  const uint64_t* live;        // `columns` words, bit i of word w: row 64 * w + i may be selected
};

// Output of a scan: positions (rows inside the block, ascending) and their sums; room for 256 + 64
// each (kernels may write past the count, up to that).
struct ScanOutput {
  uint16_t positions[kBlockRows + 64];
  uint16_t sums[kBlockRows + 64];
};

// sum_i = saturate16(sum_m table_m[code_im] + ((correction_i * F) >> 8)).
// Returns how many rows were selected.
using ScanFn = size_t (*)(const ScanInput& in, ScanOutput& out);

struct Kernels {
  const char* name;  // "scalar", "avx2", ...
  // Whether scan8 looks up in registers without blends, so that a byte of an 8-bit code takes about
  // as long as one of 4-bit codes. Elsewhere 4-bit codes of the same size scan several times
  // faster.
  bool fast8;

  ScanFn scan8;
  ScanFn scan4;
  ScanFn scan6;

  // Inner product and squared distance of two vectors of `dim` floats.
  float (*dot)(const float* a, const float* b, size_t dim);
  float (*l2sqr)(const float* a, const float* b, size_t dim);
  // Inner product of floats and signed bytes (each converted to float).
  float (*dot_i8)(const float* a, const int8_t* b, size_t dim);
  // out[i] = dot(query, rows + i * stride, dim), i in [0, n).
  void (*dot_rows)(const float* query, const float* rows, size_t n, size_t dim, size_t stride,
                   float* out);
  // One sub-quantizer's table: out[k] = sum_j query[j] * codebook[j * ksub + k], summed over j in
  // ascending order from 0, products rounded before they are added. ksub is 16, 64 or 256. The
  // codebook is transposed: [dsub][ksub].
  void (*table)(const float* query, const float* codebook, size_t dsub, size_t ksub, float* out);
  // out[i] = round-half-to-even(clamp((in[i] - minimum) * inverse_step, 0, 127)), i in [0, n).
  // NaN gives 0.
  void (*quantize_table)(const float* in, size_t n, float minimum, float inverse_step,
                         uint8_t* out);
  // Nearest codeword of each of n sub-vectors by norms[k] - 2 * <x, codeword k>; ties to the
  // smaller k. x: n rows of dsub floats at x_stride; codebook transposed [dsub][ksub]; norms: ksub
  // squared norms; codes[i * code_stride] receives k. ksub is 16, 64 or 256. The inner product is
  // summed as in `table`. If no score is below infinity the code is 0.
  void (*nearest)(const float* x, size_t n, size_t x_stride, size_t dsub, const float* codebook,
                  const float* norms, size_t ksub, uint8_t* codes, size_t code_stride);
  // Scores of a partial sum with each of n codewords more, n a multiple of 16: sums[k] = (first + start[k]) +
  // terms[0][k] + ... + terms[count - 1][k], added in this order. Bit i of below[g]: sums[16 g + i] < limit.
  void (*extend_sums)(float first, const float* start, const float* const* terms, size_t count, size_t n,
                      float limit, float* sums, uint16_t* below);

  // Exact integer inner products of a packed matrix of unsigned bytes with vectors of signed bytes.
  // packed: `groups` groups of 16 rows, each [quads][16][4] bytes: row 16 g + r, component 4 q + j
  // at byte g * quads * 64 + q * 64 + r * 4 + j; 64-byte aligned. vectors: n x 4 * quads at
  // `stride` bytes, any alignment. out[i * out_stride + 16 g + r] = sum_j row[j] * vector_i[j].
  // 4 * quads <= 65535, so that sums fit int32.
  void (*products_u8s8)(const uint8_t* packed, size_t groups, size_t quads, const int8_t* vectors,
                        size_t n, size_t stride, int32_t* out, size_t out_stride);
  // keys[i] = order-preserving bits of f = add[i] + weight * float(products[i]) (the product is
  // rounded, then added; inputs are finite): u = bits of f + 0.0f, so that -0 is 0; negative ? ~u :
  // u | 0x80000000.
  void (*score_keys)(const int32_t* products, const float* add, float weight, size_t n,
                     uint32_t* keys);
  // Index of the least add[i] + weight * float(products[i]), ties to the smaller index; n >= 1.
  size_t (*least_score)(const int32_t* products, const float* add, float weight, size_t n);
  // A bound t with at_least <= count(keys <= t) <= at_most, by bisection: lo = min, hi = max of
  // keys; while lo < hi: mid = lo + (hi - lo) / 2, c = count(keys <= mid); c < at_least: lo = mid +
  // 1; c <= at_most: return mid; else hi = mid. Returns hi. 1 <= at_least <= n. Ties may make the
  // count exceed at_most.
  uint32_t (*bound_keys)(const uint32_t* keys, size_t n, size_t at_least, size_t at_most);
  // Ascending indices of keys <= bound; returns how many; may write up to 16 places past them.
  size_t (*select_keys)(const uint32_t* keys, size_t n, uint32_t bound, uint32_t* indices);
  // sums[0] = sum_j (codes[j] ^ 0x80) * high[j], sums[1] the same with low; the flipped bytes
  // unsigned, the limbs signed. Exact for dim <= 65535. Any alignment; nothing past dim is read.
  void (*dot_limbs)(const uint8_t* codes, const int8_t* high, const int8_t* low, size_t dim,
                    int32_t* sums);
  // The same of 4-bit codes: n = (dim + 1) / 2 bytes, component j < n in the low half of byte j,
  // component n + j in its high half. Nothing past the n bytes or the dim limbs is read.
  void (*dot_nibbles)(const uint8_t* codes, const int8_t* high, const int8_t* low, size_t dim,
                      int32_t* sums);
  // The same of bits: component j is bit j % 8 of byte j / 8. Bits past dim count for nothing.
  void (*dot_bits)(const uint8_t* codes, const int8_t* high, const int8_t* low, size_t dim,
                   int32_t* sums);
  // How many bits of two strings of `bytes` bytes differ.
  uint32_t (*hamming)(const uint8_t* a, const uint8_t* b, size_t bytes);
};

// One table per file of this folder; only those that the build compiles are defined.
extern const Kernels kScalarKernels;
extern const Kernels kSsse3Kernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx512VbmiKernels;
extern const Kernels kNeonKernels;

}  // namespace tessera::simd

// How a table code is cut: which dimensions and how many bits each of its codebooks has, and how their
// indices are packed into bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "index/quantizer_spec.h"

namespace tessera::quant {

inline constexpr uint32_t kBeamWidth = 16;

// One codebook: 2^bits codewords of dimensions [begin, end).
struct TablePart {
  uint32_t begin = 0;
  uint32_t end = 0;
  uint32_t bits = 8;  // 2, 4, 6 or 8

  uint32_t dims() const { return end - begin; }
  uint32_t entries() const { return 1u << bits; }
  uint64_t floats() const { return uint64_t{dims()} << bits; }
  bool SameRange(const TablePart& other) const { return begin == other.begin && end == other.end; }
};

// A decoded vector is the sum of one codeword of each part. Parts of one range stand together and are a
// group; the ranges of different groups are disjoint. Parts fill scan codes of `scan_bits` in their order,
// the first in the lowest bits, as many whole ones as fit.
struct TableLayout {
  uint32_t dim = 0;
  uint32_t scan_bits = 8;  // 8, 6 or 4: what the scans of simd/kernel_table.h look up at once
  std::vector<TablePart> parts;
  std::vector<uint8_t> mixed_bits;  // MPQ: of each sub-space, also those without any; else empty
  uint32_t beam = kBeamWidth;  // partial sums kept in encoding groups of several parts; no property of codes

  uint64_t floats() const;  // of all codebooks
};

// m + 1 bounds of m sub-spaces: round(s * dim / m), so that sizes differ by at most one.
std::vector<uint32_t> SubSpaceBounds(uint32_t dim, uint32_t m);

// spec: a table code with no choices left, valid for dim; MPQ needs variances too (bit_allocation.h).
//   PQ       a part a sub-space, each a scan code; of 2 bits, two share one of 4
//   PQx4+4   two parts of 4 bits a sub-space
//   RQ, PRQ  a part a stage, sub-space by sub-space
TableLayout LayoutOf(const QuantizerSpec& spec, uint32_t dim);

}  // namespace tessera::quant

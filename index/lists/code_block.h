// A superblock: codes and corrections of up to 256 rows in the layout that scan kernels read.
//
// Planes of 64 * columns bytes: plane m holds byte m of every row's code; the last plane holds the
// corrections. A correction is an integer multiple of the model's correction_step: value =
// (low + (byte << shift)) * step, times the list's scale. The grid is the model's, not the block's, so a row's value does
// not depend on its neighbours unless a block spans more than 255 steps (shift > 0: outliers).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "index/simd/kernels.h"

namespace tessera::lists {

inline constexpr size_t kBlockRows = simd::kBlockRows;
inline constexpr size_t kColumnRows = simd::kColumnRows;

// Immutable once shared. The planes follow the header in one allocation, so that a scan that has
// fetched the one has begun to fetch the other.
struct alignas(64) CodeBlock {
  uint32_t rows = 0;     // 1..256
  uint32_t columns = 0;  // ceil(rows / 64)
  int32_t correction_low = 0;
  uint32_t correction_shift = 0;

  // (code_bytes + 1) * 64 * columns bytes, 64-byte aligned.
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(this + 1); }
  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
  size_t data_bytes(size_t code_bytes) const { return (code_bytes + 1) * kColumnRows * columns; }
  const uint8_t* correction_plane(size_t code_bytes) const {
    return data() + code_bytes * kColumnRows * columns;
  }
  // Units of the model's step.
  int32_t correction(size_t code_bytes, size_t position) const {
    return correction_low + static_cast<int32_t>(uint32_t{correction_plane(code_bytes)[position]}
                                                 << correction_shift);
  }
  void CopyCode(size_t code_bytes, size_t position, uint8_t* out) const {
    for (size_t m = 0; m < code_bytes; ++m) out[m] = data()[m * kColumnRows * columns + position];
  }
};
using CodeBlockPtr = std::shared_ptr<const CodeBlock>;

// Rounds to the grid, within +-2^30 so that differences fit 32 bits.
int32_t CorrectionUnits(float correction, float step);

// One row to be packed.
struct CodeRow {
  const uint8_t* code = nullptr;
  int32_t correction = 0;  // units
};

// `old` (may be null) with `added` after it. Precondition: the sum of rows is 1..256.
CodeBlockPtr AppendToBlock(const CodeBlock* old, std::span<const CodeRow> added, size_t code_bytes);

}  // namespace tessera::lists

// A superblock: codes and corrections of up to 256 rows in the layout that scan kernels read.
//
// Planes of 64 * columns bytes: plane m holds byte m of every row's code; the last plane holds the
// corrections, integers on the grid of the model and the list (quant::Model::CorrectionUnits). So a
// row's value depends on nothing but the row: a list packed anew, or read again from disk, answers as before. The
// few corrections that are no byte stand behind the planes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "index/simd/kernels.h"

namespace tessera::lists {

inline constexpr size_t kBlockRows = simd::kBlockRows;
inline constexpr size_t kColumnRows = simd::kColumnRows;

// A row whose correction is below 0 or above 255; in the plane stands the byte that is nearest.
struct Outlier {
  uint32_t position = 0;
  int32_t correction = 0;
};

// Immutable once shared. The planes follow the header in one allocation, so that a scan that has
// fetched the one has begun to fetch the other.
struct alignas(64) CodeBlock {
  uint32_t rows = 0;      // 1..256
  uint32_t columns = 0;   // ceil(rows / 64)
  uint32_t outliers = 0;  // rows

  // (code_bytes + 1) * 64 * columns bytes, 64-byte aligned.
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(this + 1); }
  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
  size_t data_bytes(size_t code_bytes) const { return (code_bytes + 1) * kColumnRows * columns; }
  const uint8_t* correction_plane(size_t code_bytes) const {
    return data() + code_bytes * kColumnRows * columns;
  }
  // Positions ascending.
  std::span<const Outlier> Outliers(size_t code_bytes) const {
    return {reinterpret_cast<const Outlier*>(data() + data_bytes(code_bytes)), outliers};
  }
  int32_t correction(size_t code_bytes, size_t position) const {
    const uint8_t byte = correction_plane(code_bytes)[position];
    if (outliers == 0 || (byte != 0 && byte != 255)) return byte;
    for (const Outlier& outlier : Outliers(code_bytes)) {
      if (outlier.position == position) return outlier.correction;
    }
    return byte;
  }
  void CopyCode(size_t code_bytes, size_t position, uint8_t* out) const {
    for (size_t m = 0; m < code_bytes; ++m) out[m] = data()[m * kColumnRows * columns + position];
  }
};
using CodeBlockPtr = std::shared_ptr<const CodeBlock>;

// One row to be packed.
struct CodeRow {
  const uint8_t* code = nullptr;
  int32_t correction = 0;
};

// `old` (may be null) with `added` after it. Precondition: the sum of rows is 1..256.
CodeBlockPtr AppendToBlock(const CodeBlock* old, std::span<const CodeRow> added, size_t code_bytes);

}  // namespace tessera::lists

#include "index/quant/training_size.h"

#include <algorithm>
#include <cmath>

#include "index/quant/model.h"
#include "index/quant/ranking_loss.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr uint64_t kMinRowsPerList = 39;  // below, a centroid is mostly the noise of its rows

// About 2 sqrt(n) lists, in steps of 16; fewer where there are few rows a list, or where centroids
// would take more than 16 bytes a row.
uint32_t ChooseLists(uint64_t total_rows, uint32_t dim) {
  const auto n = static_cast<double>(total_rows);
  const double lists =
      std::min({2.0 * std::sqrt(n), 4.0 * n / dim, n / static_cast<double>(kMinRowsPerList)});
  if (lists < 16) return static_cast<uint32_t>(std::max(lists, 1.0));
  return static_cast<uint32_t>(lists) / 16 * 16;
}

uint32_t ChooseSubQuantizers(uint32_t dim) { return std::min(64u, std::max(1u, (dim + 3) / 4)); }

// Bits where the text leaves them open. Scans of 8-bit codes that cannot look up in registers take
// several times as long as those of 4 bits of the same size.
uint32_t ChooseBits(const QuantizerSpec& spec) {
  if (spec.pq_bits != 0) return spec.pq_bits;
  return spec.pq_m != 0 || simd::ActiveKernels().fast8 ? 8 : 4;
}

}  // namespace

uint32_t CodewordBits(const QuantizerSpec& spec) {
  return spec.code == CodeKind::kResidual ? 8 : spec.pq_bits;
}

QuantizerSpec Resolve(QuantizerSpec spec, uint32_t dim, uint64_t total_rows, uint64_t sample_rows) {
  dim = spec.coded_dim(dim);
  if (!spec.inverted_lists) spec.nlist = 1;
  if (spec.nlist == 0) spec.nlist = ChooseLists(total_rows, dim);
  const uint64_t affordable = std::max<uint64_t>(1, sample_rows / kMinRowsPerList);
  spec.nlist = static_cast<uint32_t>(std::min<uint64_t>(spec.nlist, affordable));
  if (spec.code == CodeKind::kRecord) return spec;
  const bool narrow = spec.pq_bits == 0 && ChooseBits(spec) == 4;
  spec.pq_bits = ChooseBits(spec);
  // Codes of 4 bits take twice as many for the same bytes.
  const bool product = spec.code == CodeKind::kProduct || spec.code == CodeKind::kAdditive;
  if (product && spec.pq_m == 0) spec.pq_m = std::min(dim, ChooseSubQuantizers(dim) * (narrow ? 2 : 1));
  return spec;
}

uint64_t FittedRows(const QuantizerSpec& spec) {
  const bool fitted = spec.rotation == RotationKind::kOptimized || spec.fine_tuned ||
                      spec.code == CodeKind::kRecord || spec.truncation == TruncationKind::kPrincipal;
  return fitted ? kFittedRows : 0;
}

uint64_t MinTrainingRows(const QuantizerSpec& spec, uint32_t) {
  if (spec.code == CodeKind::kVector) return uint64_t{spec.vq_k} * std::max(spec.vq_k2, 1u);
  const uint64_t directions = spec.truncation == TruncationKind::kPrincipal ? spec.kept_dim : 0;
  const uint64_t rows = std::max<uint64_t>({spec.nlist, directions, 1});
  if (spec.code == CodeKind::kRecord) return rows;
  const uint64_t ranking = spec.fine_tuned ? kMinRankingRows : 0;
  return std::max({rows, uint64_t{1} << ChooseBits(spec), ranking});
}

uint64_t TrainingSampleRows(const QuantizerSpec& spec, uint32_t dim, uint64_t total_rows,
                            uint64_t memory_bytes) {
  const uint64_t minimum = MinTrainingRows(spec, dim);
  const QuantizerSpec resolved = Resolve(spec, dim, total_rows, total_rows);
  const uint64_t largest = spec.code == CodeKind::kVector
                               ? minimum
                               : std::max<uint64_t>(resolved.nlist, uint64_t{1} << CodewordBits(resolved));
  const uint64_t affordable = memory_bytes / (uint64_t{std::max(dim, 1u)} * sizeof(float));
  const uint64_t wanted =
      std::max(minimum, std::min(std::max(largest * kRowsPerCentroid, FittedRows(spec)), affordable));
  return std::min(wanted, total_rows);
}

}  // namespace tessera::quant

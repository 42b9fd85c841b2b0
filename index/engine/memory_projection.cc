#include "index/engine/memory_projection.h"

#include <algorithm>
#include <cmath>

#include "index/lists/list.h"
#include "index/quant/model.h"
#include "index/quant/record_code.h"
#include "index/quant/training_size.h"

namespace tessera::engine {
namespace {

constexpr double kResidentMargin = 1.02;
// While a generation is made: rows of floats encoded at a time, bytes of records written at a time, keys of a row in
// them, and what stands for a row's id while lists are built.
constexpr uint64_t kEncodedRows = 8192;
constexpr uint64_t kWrittenBytes = 16u << 20;
constexpr uint64_t kKeyBytes = 24;
constexpr uint64_t kIdBytes = 8;

// About 2 sqrt(n) lists, no more centroids than 16 bytes a row, 39 rows a list: what training makes at most.
uint32_t MostLists(uint64_t rows, uint32_t dim) {
  const auto n = static_cast<double>(rows);
  return static_cast<uint32_t>(std::max(1.0, std::min({2 * std::sqrt(n), 4 * n / dim, n / 39})));
}

uint32_t TableBytes(const QuantizerSpec& spec) {
  switch (spec.code) {
    case CodeKind::kMixed: return spec.mixed_bytes;
    case CodeKind::kResidual: return (spec.pq_m * spec.stages * spec.pq_bits + 7) / 8;
    default: return (spec.pq_m * spec.pq_bits + 7) / 8;
  }
}

// Codebooks of 256 entries and what is made of them, a rotation and its transpose, ranges.
uint64_t ProjectModel(const QuantizerSpec& spec, uint32_t dim) {
  uint64_t floats = uint64_t{4} * dim;
  if (spec.has_table_code()) floats += uint64_t{258} * dim * std::max(1u, spec.stages);
  const bool rotated = spec.rotation != RotationKind::kNone || spec.truncation == TruncationKind::kPrincipal ||
                       spec.record.kind == RecordKind::kRotatedBits;
  if (rotated) floats += 2 * uint64_t{dim} * dim;
  return sizeof(quant::Model) + floats * sizeof(float);
}

}  // namespace

QuantizerSpec ResolveForRows(const QuantizerSpec& spec, uint32_t dim, uint64_t rows) {
  return quant::Resolve(spec, dim, rows, quant::TrainingSampleRows(spec, dim, rows, UINT64_MAX));
}

uint64_t ProjectResident(uint64_t rows, uint32_t dim, uint32_t nlist, const lists::RowLayout& layout,
                         uint64_t model_bytes, double external_id_bytes) {
  if (nlist == 0) nlist = MostLists(rows, dim);
  // Centroids in floats with their norms and scales, and once more in bytes, padded.
  const uint64_t centroids = uint64_t{nlist + 16} * (5 * (uint64_t{dim} + 4) + 8);
  const double ids = external_id_bytes * static_cast<double>(rows);
  return static_cast<uint64_t>(
      kResidentMargin *
      (static_cast<double>(lists::ProjectBytes(rows, nlist, layout).total() + centroids + model_bytes) + ids));
}

uint64_t ProjectTrained(const QuantizerSpec& spec, Metric metric, uint32_t dim, uint64_t rows,
                        double external_id_bytes, bool refine_on_disk) {
  const QuantizerSpec resolved = ResolveForRows(spec, dim, rows);
  const uint32_t nlist = spec.nlist == 0 && spec.inverted_lists ? 0 : std::max(1u, resolved.nlist);
  lists::RowLayout layout = ProjectLayout(resolved, metric, dim);
  layout.records_on_disk = refine_on_disk;
  return ProjectResident(rows, dim, nlist, layout, ProjectModel(resolved, dim), external_id_bytes);
}

uint64_t ProjectUntrained(uint32_t dim, uint64_t rows, double external_id_bytes) {
  const lists::RowLayout raw{0, dim * static_cast<uint32_t>(sizeof(float)), false};
  return static_cast<uint64_t>(kResidentMargin *
                               (static_cast<double>(lists::ProjectBytes(rows, 1, raw).total()) +
                                external_id_bytes * static_cast<double>(rows)));
}

uint64_t ProjectGoal(const CollectionSpec& spec, uint64_t rows, double external_id_bytes) {
  const QuantizerGoal& goal = spec.goal;
  if (goal.memory_budget > 0) {
    const double share = static_cast<double>(rows) / static_cast<double>(goal.expected_rows);
    return static_cast<uint64_t>(static_cast<double>(goal.memory_budget) * std::min(1.0, share));
  }
  if (goal.bytes_per_vector > 0) {
    const auto bytes = static_cast<uint32_t>(std::min(goal.bytes_per_vector, 16.0 * spec.dim + 64));
    return ProjectResident(rows, spec.dim, 0, {bytes - 1, 0, false}, ProjectModel(spec.quantizer, spec.dim),
                           external_id_bytes);
  }
  return ProjectTrained(spec.quantizer, spec.metric, spec.dim, rows, external_id_bytes, spec.refine_on_disk);
}

uint64_t ProjectEncoding(uint32_t dim, uint64_t rows, uint64_t row_ids, const lists::RowLayout& layout) {
  const uint64_t written = std::min(kWrittenBytes, rows * (layout.code_bytes + layout.record_bytes + 2 * kKeyBytes));
  return std::min(kEncodedRows, rows) * dim * sizeof(float) + written + rows * kIdBytes + row_ids * 3 / 8;
}

uint64_t ProjectFirstTraining(const CollectionSpec& spec, uint64_t rows, double external_id_bytes) {
  const uint64_t sampled = std::min(rows, quant::MinTrainingRows(spec.quantizer, spec.dim));
  const uint64_t sample = kSampleCopies * sampled * spec.dim * sizeof(float);
  const lists::RowLayout layout = ProjectLayout(ResolveForRows(spec.quantizer, spec.dim, rows), spec.metric, spec.dim);
  return std::max(sample, ProjectGoal(spec, rows, external_id_bytes) + ProjectEncoding(spec.dim, rows, rows, layout));
}

lists::RowLayout ProjectLayout(const QuantizerSpec& resolved, Metric metric, uint32_t dim) {
  lists::RowLayout layout;
  layout.record_bytes = quant::RecordCode(resolved.refine, metric, dim, quant::RecordUse::kRefine).bytes();
  layout.code_in_pages = resolved.code == CodeKind::kRecord;
  if (layout.code_in_pages) {
    const auto use = resolved.kept_dim == 0 ? quant::RecordUse::kScanned : quant::RecordUse::kScannedPart;
    layout.code_bytes = quant::RecordCode(resolved.record, metric, resolved.coded_dim(dim), use).bytes();
  } else {
    layout.code_bytes = TableBytes(resolved);
  }
  return layout;
}

}  // namespace tessera::engine

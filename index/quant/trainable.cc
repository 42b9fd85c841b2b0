// Which specs and samples a model can be trained of.
#include <limits>
#include <string>

#include "index/quant/model.h"
#include "index/quant/rows.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kMaxGroupCodewords = 4096;

// The products of all codewords of a sub-space with each other stay in memory for encoding, and their normal
// equations are solved in training: 4,096 take 32 and 64 MiB.
Status CheckStages(const QuantizerSpec& spec) {
  const uint32_t most = kMaxGroupCodewords >> spec.pq_bits;
  if (spec.stages <= most) return OkStatus();
  return InvalidArgument("stages must be at most " + std::to_string(most) + " at " +
                         std::to_string(spec.pq_bits) + " bits, got " + std::to_string(spec.stages) +
                         "; PRQ spreads them over sub-spaces");
}

}  // namespace

Status CheckTrainable(const QuantizerSpec& spec) {
  if (spec.code == CodeKind::kVector) {
    return InvalidArgument("VQ is for files, collections need PQ");
  }
  if (spec.score_aware) {
    return InvalidArgument(
        "Aniso: every code carries a correction, which takes the error along the row away; "
        "score-aware codes lose recall beside it");
  }
  if (spec.fine_tuned && spec.code != CodeKind::kProduct) {
    return InvalidArgument("FT fine-tunes the codebooks of product codes (PQ) alone");
  }
  if (spec.code == CodeKind::kResidual) return CheckStages(spec);
  return OkStatus();
}

Status CheckTrainable(const QuantizerSpec& spec, Metric metric) {
  TESSERA_RETURN_IF_ERROR(CheckTrainable(spec));
  if (spec.fine_tuned && metric == Metric::kInnerProduct) {
    return InvalidArgument(
        "FT is for l2 and cosine: under inner product queries need not look like rows");
  }
  if (spec.record.kind == RecordKind::kSign && metric == Metric::kInnerProduct) {
    return InvalidArgument(
        "record: Binary is for l2 and cosine, where signs are of what is left of query and row beside a "
        "list's centroid; under inner product a query has no such part, and its signs (all alike where "
        "components are positive) rank nothing: take RaBitQ1");
  }
  return OkStatus();
}

Status CheckSample(const QuantizerSpec& spec, Metric metric, MatrixView<const float> sample) {
  if (sample.dim() == 0) return InvalidArgument("sample: dim must be at least 1");
  if (sample.dim() > kMaxDim) {
    return InvalidArgument("sample: dim must be at most " + std::to_string(kMaxDim) + ", got " +
                           std::to_string(sample.dim()));
  }
  const auto dim = static_cast<uint32_t>(sample.dim());
  TESSERA_RETURN_IF_ERROR(Annotate(spec.Validate(dim), "quantizer: "));
  TESSERA_RETURN_IF_ERROR(Annotate(CheckTrainable(spec, metric), "quantizer: "));
  const uint64_t needed = MinTrainingRows(spec, dim);
  if (sample.rows() < needed) {
    return InvalidArgument("training " + spec.ToString() + " needs at least " +
                           std::to_string(needed) + " rows, got " + std::to_string(sample.rows()));
  }
  if (sample.rows() > std::numeric_limits<uint32_t>::max()) {
    return InvalidArgument("training takes at most 2^32 - 1 rows");
  }
  return CheckFinite(sample, "rows");
}

}  // namespace tessera::quant

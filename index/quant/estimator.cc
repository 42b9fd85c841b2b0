#include "index/quant/estimator.h"

#include "index/simd/kernels.h"

namespace tessera::quant {

CorrectionTerms ComputeCorrectionTerms(Metric metric, const ResidualRow& row, uint32_t dim) {
  const auto dot = simd::ActiveKernels().dot;
  const float norm = dot(row.residual, row.residual, dim) + row.tail.energy;
  const float error = norm - dot(row.residual, row.decoded, dim);
  const float centroid_decoded = dot(row.centroid, row.decoded, dim);
  if (metric == Metric::kInnerProduct) {
    const float inverse = row.norm > 0 ? 1.0f / row.norm : 0.0f;
    const float known = dot(row.centroid, row.residual, dim) + row.tail.mean_product;
    return {(centroid_decoded - known) * inverse, error * inverse};
  }
  return {norm + 2.0f * centroid_decoded, error};
}

float CombineCorrection(Metric metric, const CorrectionTerms& terms, float mu) {
  const float weight = metric == Metric::kInnerProduct ? mu : 2.0f * mu;
  return terms.fixed - weight * terms.error;
}

float TailCorrection(Metric metric, const RowTail& tail, float mu) {
  return metric == Metric::kInnerProduct ? 0.0f : (1.0f - 2.0f * mu) * tail.energy;
}

}  // namespace tessera::quant

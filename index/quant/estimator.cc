#include "index/quant/estimator.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "index/quant/extremes.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// Rounds to the nearest integer, of two the even one: 1.5 * 2^23 has no fraction bits, so adding it
// rounds, and the low bits are the integer. Vectorises, unlike lrintf. |v| < 2^22.
int32_t Round(float v) {
  constexpr float kMagic = 12582912.0f;
  return std::bit_cast<int32_t>(v + kMagic) - std::bit_cast<int32_t>(kMagic);
}

float MaxAbs(const float* x, uint32_t dim) {
  const uint32_t whole = dim / 16 * 16;
  const Range range = whole > 0 ? FindRange(x, whole) : Range{0, 0};
  float result = std::max(-range.low, range.high);
  for (uint32_t j = whole; j < dim; ++j) result = std::max(result, std::fabs(x[j]));
  return result;
}

// Fills codes and scratch = r~, returns the scale.
float QuantizeDynamic(const float* residual, uint32_t dim, int8_t* codes, float* scratch) {
  const float scale = MaxAbs(residual, dim) / 127.0f;
  const float inverse = scale >= 1e-30f ? 1.0f / scale : 0.0f;
  for (uint32_t j = 0; j < dim; ++j) {
    const int32_t code = Round(residual[j] * inverse);
    codes[j] = static_cast<int8_t>(code);
    scratch[j] = scale * static_cast<float>(code);
  }
  return scale;
}

float QuantizeStatic(const Model& model, const float* residual, int8_t* codes, float* scratch) {
  for (uint32_t j = 0; j < model.dim; ++j) {
    const float low = model.refine_low[j];
    const float step = model.refine_step[j];
    const float position = step > 0 ? (residual[j] - low) / step : 0.0f;
    const int32_t code = Round(std::min(std::max(position, 0.0f), 255.0f));
    codes[j] = static_cast<int8_t>(code - 128);
    scratch[j] = low + step * static_cast<float>(code);
  }
  return 1.0f;
}

}  // namespace

CorrectionTerms ComputeCorrectionTerms(Metric metric, const ResidualRow& row, uint32_t dim) {
  const auto dot = simd::ActiveKernels().dot;
  const float norm = dot(row.residual, row.residual, dim);
  const float error = norm - dot(row.residual, row.decoded, dim);
  const float centroid_decoded = dot(row.centroid, row.decoded, dim);
  if (metric == Metric::kInnerProduct) {
    const float inverse = row.norm > 0 ? 1.0f / row.norm : 0.0f;
    return {(centroid_decoded - dot(row.centroid, row.residual, dim)) * inverse, error * inverse};
  }
  return {norm + 2.0f * centroid_decoded, error};
}

float CombineCorrection(Metric metric, const CorrectionTerms& terms, float mu) {
  const float weight = metric == Metric::kInnerProduct ? mu : 2.0f * mu;
  return terms.fixed - weight * terms.error;
}

void WriteRefineRecord(const Model& model, const float* residual, const float* centroid,
                       float* scratch, uint8_t* record) {
  auto* codes = reinterpret_cast<int8_t*>(record);
  const float scale = !model.spec.refine.is_static()
                          ? QuantizeDynamic(residual, model.dim, codes, scratch)
                          : QuantizeStatic(model, residual, codes, scratch);
  float g = 0;
  if (model.metric != Metric::kInnerProduct) {
    const auto dot = simd::ActiveKernels().dot;
    g = dot(residual, residual, model.dim) + 2.0f * dot(centroid, scratch, model.dim);
  }
  std::memcpy(record + model.dim, &scale, sizeof scale);
  std::memcpy(record + model.dim + sizeof scale, &g, sizeof g);
}

}  // namespace tessera::quant

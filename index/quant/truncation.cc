#include "index/quant/truncation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/quant/blas.h"
#include "index/quant/opq.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// R m0.
std::vector<float> RotatedMean(const Model& model) {
  const size_t kept = model.code_dim();
  if (model.rotation.empty()) {
    return {model.mean.begin(), model.mean.begin() + static_cast<ptrdiff_t>(kept)};
  }
  std::vector<float> out(kept);
  const size_t read = model.rotated_dim();
  MultiplyTransposed(1, kept, read, model.mean.data(), read, model.rotation.data(), read, out.data(), kept);
  return out;
}

}  // namespace

StatusOr<std::vector<float>> LeadingDirections(MatrixView<const float> rows, uint32_t kept,
                                               const TrainingContext& context) {
  TESSERA_ASSIGN_OR_RETURN(std::vector<float> directions, PrincipalRotation(rows, context));
  directions.resize(size_t{kept} * rows.dim());
  directions.shrink_to_fit();
  return directions;
}

void ComputeTails(const Model& model, MatrixView<const float> rows, const float* y, RowTail* out) {
  const auto& kernels = simd::ActiveKernels();
  const size_t kept = model.code_dim();
  const float* mean = model.mean.data();
  for (size_t i = 0; i < rows.rows(); ++i) {
    const float* kept_part = y + i * kept;
    const float whole = kernels.l2sqr(rows.row(i), mean, model.dim);
    const float tail = whole - kernels.dot(kept_part, kept_part, kept);
    // NaN, from squares that overflow, is a tail as long.
    out[i] = {std::isnan(tail) ? std::numeric_limits<float>::infinity() : std::max(tail, 0.0f), 0};
  }
  if (model.metric != Metric::kInnerProduct) return;
  const std::vector<float> rotated_mean = RotatedMean(model);
  const float mean_norm = kernels.dot(mean, mean, model.dim);
  for (size_t i = 0; i < rows.rows(); ++i) {
    const float whole = kernels.dot(mean, rows.row(i), model.dim) - mean_norm;
    out[i].mean_product = whole - kernels.dot(rotated_mean.data(), y + i * kept, kept);
  }
}

void LiftRows(const Model& model, const float* y, size_t n, float* out) {
  const size_t kept = model.code_dim();
  const size_t read = model.rotated_dim();
  for (size_t i = 0; i < n; ++i) {
    float* row = out + i * model.dim;
    if (model.rotation.empty()) std::copy_n(y + i * kept, kept, row);
    std::fill(row + read, row + model.dim, 0.0f);
  }
  if (model.rotation.empty()) return;
  Multiply(n, read, kept, y, kept, model.rotation.data(), read, out, model.dim);
}

}  // namespace tessera::quant

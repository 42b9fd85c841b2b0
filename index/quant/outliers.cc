#include "index/quant/outliers.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

#include "index/quant/rows.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr size_t kGrain = 1024;
constexpr size_t kTail = 40;     // one row in so many may lie beyond the quantile
constexpr float kFarFactor = 4;  // of squared distances from the mean
constexpr float kDrawnInFactor =
    2.25;  // of squared residuals: a byte's range of corrections suffers for it
constexpr int kMostRounds = 4;  // far rows move the mean that they are far from

std::vector<float> MeanOf(MatrixView<const float> rows, const std::vector<uint32_t>& indices) {
  std::vector<double> sum(rows.dim());
  for (const uint32_t i : indices) {
    const float* row = rows.row(i);
    for (size_t j = 0; j < rows.dim(); ++j) sum[j] += double{row[j]};
  }
  std::vector<float> mean(rows.dim());
  for (size_t j = 0; j < rows.dim(); ++j) {
    mean[j] = static_cast<float>(sum[j] / static_cast<double>(indices.size()));
  }
  return mean;
}

// The limit that squared lengths set.
float LimitOf(std::vector<float> squares, float factor) {
  const auto at =
      squares.begin() + static_cast<ptrdiff_t>(squares.size() - 1 - squares.size() / kTail);
  std::nth_element(squares.begin(), at, squares.end());
  const float limit = factor * *at;
  return std::isfinite(limit) ? limit : 0;
}

}  // namespace

FarRows FindFarRows(MatrixView<const float> sample, Metric metric, Executor& executor) {
  const size_t n = sample.rows();
  std::vector<uint32_t> all(n);
  std::iota(all.begin(), all.end(), 0u);
  FarRows out;
  out.mean = MeanOf(sample, all);
  if (metric == Metric::kInnerProduct) return out;
  std::vector<float> squares(n);
  for (int round = 0; round < kMostRounds; ++round) {
    ParallelFor(executor, n, kGrain, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        squares[i] = simd::ActiveKernels().l2sqr(sample.row(i), out.mean.data(), sample.dim());
      }
    });
    const float limit = LimitOf(squares, kFarFactor);
    const auto is_far = [&](uint32_t i) { return limit > 0 && squares[i] > limit; };
    std::vector<uint32_t> far;
    std::copy_if(all.begin(), all.end(), std::back_inserter(far), is_far);
    if (far == out.far) break;
    out.far = std::move(far);
    out.near.clear();
    if (out.far.empty()) {
      out.mean = MeanOf(sample, all);
      break;
    }
    std::remove_copy_if(all.begin(), all.end(), std::back_inserter(out.near), is_far);
    out.mean = MeanOf(sample, out.near);
  }
  return out;
}

float LimitOf(MatrixView<const float> residuals, const std::vector<RowTail>& tails) {
  std::vector<float> squares(residuals.rows());
  for (size_t i = 0; i < squares.size(); ++i) {
    squares[i] = simd::ActiveKernels().dot(residuals.row(i), residuals.row(i), residuals.dim());
    if (!tails.empty()) squares[i] += tails[i].energy;
  }
  return squares.empty() ? 0 : LimitOf(std::move(squares), kDrawnInFactor);
}

void DrawIn(float limit, float* residual, uint32_t dim, float& tail_energy) {
  if (!(limit > 0)) return;
  const float square = simd::ActiveKernels().dot(residual, residual, dim);
  const double whole = double{square} + double{tail_energy};
  if (!(whole > double{limit})) return;
  auto factor = static_cast<float>(std::sqrt(double{limit} / whole));
  if (!std::isfinite(square)) {
    // Squares of finite floats may overflow: the largest component is brought to 1 first. What share the tail has
    // is not known then.
    float largest = 0;
    for (uint32_t j = 0; j < dim; ++j) largest = std::max(largest, std::fabs(residual[j]));
    for (uint32_t j = 0; j < dim; ++j) residual[j] /= largest;
    factor = std::sqrt(limit / simd::ActiveKernels().dot(residual, residual, dim));
    tail_energy = 0;
  }
  for (uint32_t j = 0; j < dim; ++j) residual[j] *= factor;
  tail_energy = std::isfinite(tail_energy) ? tail_energy * factor * factor : limit;
}

void DrawIn(float limit, float* residual, uint32_t dim) {
  float none = 0;
  DrawIn(limit, residual, dim, none);
}

}  // namespace tessera::quant

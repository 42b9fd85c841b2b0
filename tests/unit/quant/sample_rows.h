// Synthetic rows for the tests of quantizers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "index/quant/model.h"
#include "index/quant/random.h"
#include "index/types.h"

namespace tessera::quant {

// A matrix that owns its floats.
struct Rows {
  size_t n;
  size_t dim;
  std::vector<float> data;

  operator MatrixView<const float>() const { return {data.data(), n, dim}; }
  MatrixView<const float> view() const { return *this; }
  const float* row(size_t i) const { return data.data() + i * dim; }
};

inline Rows GaussianRows(size_t n, size_t dim, uint64_t seed, float scale = 1, float shift = 0) {
  Random random(seed);
  Rows rows{n, dim, std::vector<float>(n * dim)};
  for (float& v : rows.data) v = shift + scale * static_cast<float>(random.Gaussian());
  return rows;
}

// `clusters` Gaussian clusters of standard deviation 0.3, their centres of 1, all moved by `shift`.
inline Rows ClusteredRows(size_t n, size_t dim, size_t clusters, uint64_t seed, float shift = 0) {
  const Rows centers = GaussianRows(clusters, dim, 99);
  Rows rows = GaussianRows(n, dim, seed, 0.3f, shift);
  Random random(seed + 1);
  for (size_t i = 0; i < n; ++i) {
    const float* center = centers.row(random.Below(clusters));
    for (size_t j = 0; j < dim; ++j) rows.data[i * dim + j] += center[j];
  }
  return rows;
}

inline double Distance(const float* a, const float* b, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; ++j)
    sum += (double{a[j]} - double{b[j]}) * (double{a[j]} - double{b[j]});
  return sum;
}

// Mean squared distance of the rows to the nearest centroid.
inline double ErrorOf(const Rows& rows, const std::vector<float>& centroids) {
  double sum = 0;
  for (size_t i = 0; i < rows.n; ++i) {
    double best = std::numeric_limits<double>::max();
    for (size_t c = 0; c < centroids.size() / rows.dim; ++c) {
      best = std::min(best, Distance(rows.row(i), centroids.data() + c * rows.dim, rows.dim));
    }
    sum += best;
  }
  return sum / static_cast<double>(rows.n);
}

inline double Product(const float* a, const float* b, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; ++j) sum += double{a[j]} * double{b[j]};
  return sum;
}

inline QuantizerSpec Spec(const std::string& text) { return QuantizerSpec::Parse(text).value(); }

inline TrainedModel TrainOn(const std::string& spec, Metric metric, MatrixView<const float> rows) {
  return TrainModel(Spec(spec), metric, rows, rows.rows(), TrainingContext()).value();
}

}  // namespace tessera::quant

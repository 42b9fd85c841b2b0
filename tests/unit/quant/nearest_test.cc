#include "index/quant/nearest.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

// The label must be nearest up to float rounding; equal centroids must not be told apart wrongly.
void ExpectNearest(const Rows& rows, const Rows& centroids) {
  const auto norms = SquaredNorms(centroids.data.data(), centroids.n, centroids.dim);
  const NearestCentroid nearest(rows.dim, centroids.n, centroids.data.data(), norms.data(), rows.n);
  std::vector<uint32_t> labels(rows.n, 12345678);
  nearest.Assign(rows, labels.data());
  for (size_t i = 0; i < rows.n; ++i) {
    ASSERT_LT(labels[i], centroids.n);
    double best = std::numeric_limits<double>::max();
    for (size_t c = 0; c < centroids.n; ++c) {
      best = std::min(best, Distance(rows.row(i), centroids.row(c), rows.dim));
    }
    EXPECT_LE(Distance(rows.row(i), centroids.row(labels[i]), rows.dim), best * (1 + 1e-5) + 1e-5);
  }
}

TEST(NearestCentroid, EqualsBruteForceAtEverySizeAroundTheTiles) {
  for (const size_t k : {1u, 2u, 16u, 63u, 64u, 65u, 256u, 511u, 512u, 513u, 1100u}) {
    for (const size_t dim : {1u, 5u, 32u, 33u, 40u}) {
      ExpectNearest(GaussianRows(261, dim, k), GaussianRows(k, dim, k + 1));
    }
  }
}

TEST(NearestCentroid, TiesGoToTheSmallerIndex) {
  for (const size_t k : {16u, 130u, 600u}) {
    // Whole numbers: the products are exact, whatever order BLAS adds in.
    Rows rows = GaussianRows(9, 40, 3);
    for (float& v : rows.data) v = std::round(4 * v);
    Rows centroids{k, 40, std::vector<float>(k * 40, 0.5f)};
    const auto norms = SquaredNorms(centroids.data.data(), k, 40);
    std::vector<uint32_t> labels(9, 1);
    NearestCentroid(40, k, centroids.data.data(), norms.data(), rows.n).Assign(rows, labels.data());
    EXPECT_EQ(labels, std::vector<uint32_t>(9, 0));
  }
}

TEST(NearestCentroid, OverflowStaysInRange) {
  for (const size_t k : {16u, 100u}) {
    Rows rows = GaussianRows(5, 20, 1, 1e38f);
    Rows centroids = GaussianRows(k, 20, 2, 1e38f);
    const auto norms = SquaredNorms(centroids.data.data(), k, 20);
    std::vector<uint32_t> labels(5, 1u << 30);
    NearestCentroid(20, k, centroids.data.data(), norms.data(), rows.n).Assign(rows, labels.data());
    for (const uint32_t label : labels) EXPECT_LT(label, k);
  }
}

TEST(NearestCentroid, RowsWithAStride) {
  const Rows wide = GaussianRows(300, 50, 4);
  const Rows centroids = GaussianRows(70, 37, 5);
  const auto norms = SquaredNorms(centroids.data.data(), 70, 37);
  const NearestCentroid nearest(37, 70, centroids.data.data(), norms.data(), 300);
  const MatrixView<const float> view(wide.data.data(), 300, 37, 50);
  std::vector<uint32_t> strided(300);
  nearest.Assign(view, strided.data());
  std::vector<float> dense(300 * 37);
  for (size_t i = 0; i < 300; ++i) std::copy_n(view.row(i), 37, dense.data() + i * 37);
  std::vector<uint32_t> expected(300);
  nearest.Assign({dense.data(), 300, 37}, expected.data());
  EXPECT_EQ(strided, expected);
}

TEST(NearestCentroid, OneRowAndManyAgree) {
  const Rows rows = ClusteredRows(600, 40, 300, 1, 5);
  const Rows centroids = ClusteredRows(400, 40, 300, 2, 5);
  const auto norms = SquaredNorms(centroids.data.data(), 400, 40);
  std::vector<uint32_t> many(600);
  NearestCentroid(40, 400, centroids.data.data(), norms.data(), 600).Assign(rows, many.data());
  const NearestCentroid one(40, 400, centroids.data.data(), norms.data(), 1);
  for (size_t i = 0; i < 600; ++i) {
    uint32_t label = 0;
    one.Assign(rows.view().Slice(i, 1), &label);
    EXPECT_EQ(label, many[i]) << i;
  }
}

TEST(NearestCentroid, TransposeSwapsRowsAndColumns) {
  const float matrix[] = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(Transpose(matrix, 2, 3), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

}  // namespace
}  // namespace tessera::quant

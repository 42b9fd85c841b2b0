// Nearest centroids by products of bytes against exact distances.
#include "index/quant/byte_nearest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

std::vector<uint32_t> Labels(const Rows& rows, const Rows& centroids) {
  const ByteNearest nearest(rows.dim, centroids.n, centroids.data.data());
  EXPECT_TRUE(nearest.usable());
  std::vector<uint32_t> labels(rows.n, 12345678);
  nearest.Assign(rows, labels.data());
  return labels;
}

// How many rows have a label that is not the nearest, float rounding aside.
size_t Wrong(const Rows& rows, const Rows& centroids) {
  const std::vector<uint32_t> labels = Labels(rows, centroids);
  size_t wrong = 0;
  for (size_t i = 0; i < rows.n; ++i) {
    double best = std::numeric_limits<double>::max();
    for (size_t c = 0; c < centroids.n; ++c) {
      best = std::min(best, Distance(rows.row(i), centroids.row(c), rows.dim));
    }
    if (labels[i] >= centroids.n) return rows.n;
    wrong += Distance(rows.row(i), centroids.row(labels[i]), rows.dim) > best * (1 + 1e-5);
  }
  return wrong;
}

TEST(ByteNearest, FindsTheNearestAroundEveryBlockSize) {
  for (const size_t k : {1u, 15u, 16u, 17u, 255u, 257u, 1024u, 1025u, 1300u}) {
    for (const size_t dim : {1u, 3u, 16u, 33u, 128u}) {
      EXPECT_EQ(Wrong(GaussianRows(131, dim, k), GaussianRows(k, dim, k + 1)), 0u)
          << k << " " << dim;
    }
  }
}

TEST(ByteNearest, FindsTheNearestOfShiftedAndSkewedRows) {
  Rows rows = ClusteredRows(1000, 48, 200, 1, 1000);
  Rows centroids = ClusteredRows(500, 48, 200, 2, 1000);
  EXPECT_EQ(Wrong(rows, centroids), 0u);
  // A few dimensions much wider than the others: bytes say little of those.
  for (Rows* matrix : {&rows, &centroids}) {
    for (size_t i = 0; i < matrix->n; ++i) {
      for (size_t j = 0; j < 48; j += 16) matrix->data[i * 48 + j] *= 50;
    }
  }
  EXPECT_LE(Wrong(rows, centroids), 1u);
}

TEST(ByteNearest, EquallyNearGoesToTheSmaller) {
  Rows centroids = GaussianRows(700, 20, 1);
  for (size_t c = 0; c < 350; ++c) {
    std::copy_n(centroids.row(c), 20, centroids.data.data() + (350 + c) * 20);
  }
  for (const uint32_t label : Labels(GaussianRows(300, 20, 2), centroids)) EXPECT_LT(label, 350u);
  const Rows equal{130, 20, std::vector<float>(130 * 20, 2.5f)};
  for (const uint32_t label : Labels(GaussianRows(9, 20, 3), equal)) EXPECT_EQ(label, 0u);
  for (const uint32_t label : Labels(equal, equal)) EXPECT_EQ(label, 0u);
}

TEST(ByteNearest, HugeValuesAreDecidedExactlyOrRefused) {
  const Rows centroids = GaussianRows(200, 8, 1, 1e10f);
  Rows rows = GaussianRows(70, 8, 2, 1e10f);
  rows.data[8 * 5] = 1e16f;   // its square is near the end of the range
  rows.data[8 * 6] = -3e38f;  // and this one's beyond it
  const std::vector<uint32_t> labels = Labels(rows, centroids);
  EXPECT_EQ(labels[6], 0u);
  for (const uint32_t label : labels) EXPECT_LT(label, 200u);
  const Rows too_large = GaussianRows(200, 8, 1, 1e20f);
  EXPECT_FALSE(ByteNearest(8, 200, too_large.data.data()).usable());
  const Rows tiny = GaussianRows(200, 8, 1, 1e-20f);
  for (const uint32_t label : Labels(tiny, tiny)) EXPECT_LT(label, 200u);
}

TEST(ByteNearest, RowsWithAStride) {
  const Rows wide = GaussianRows(300, 50, 4);
  const Rows centroids = GaussianRows(170, 37, 5);
  Rows dense{300, 37, std::vector<float>(300 * 37)};
  for (size_t i = 0; i < 300; ++i) std::copy_n(wide.row(i), 37, dense.data.data() + i * 37);
  std::vector<uint32_t> strided(300);
  ByteNearest(37, 170, centroids.data.data())
      .Assign({wide.data.data(), 300, 37, 50}, strided.data());
  EXPECT_EQ(strided, Labels(dense, centroids));
}

}  // namespace
}  // namespace tessera::quant

#include "index/engine/recluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace tessera::engine {
namespace {

constexpr size_t kDim = 6;

std::vector<float> Normal(size_t n, unsigned seed, float shift = 0) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> rows(n * kDim);
  for (float& x : rows) x = normal(random) + shift;
  return rows;
}

TEST(Recluster, FindsClusters) {
  std::vector<float> rows;
  for (unsigned c = 0; c < 5; ++c) {
    const std::vector<float> cluster = Normal(100 + 20 * c, c, 30 * static_cast<float>(c));
    rows.insert(rows.end(), cluster.begin(), cluster.end());
  }
  const auto centroids = Recluster({rows.data(), rows.size() / kDim, kDim}, 5, 10, 0, 0);
  ASSERT_TRUE(centroids.ok()) << centroids.status();
  ASSERT_EQ(centroids->centroids.size(), 5 * kDim);
  EXPECT_TRUE(centroids->scales.empty());
  std::vector<float> firsts;
  for (size_t c = 0; c < 5; ++c) firsts.push_back(centroids->centroids[c * kDim]);
  std::sort(firsts.begin(), firsts.end());
  for (size_t c = 0; c < 5; ++c) EXPECT_NEAR(firsts[c], 30 * static_cast<float>(c), 1);
}

TEST(Recluster, ScalesAreOfTheRowsOfEachList) {
  std::vector<float> rows = Normal(400, 1);
  std::vector<float> wide = Normal(400, 2);
  for (size_t i = 0; i < wide.size(); ++i) wide[i] = 3 * wide[i] + 100;
  rows.insert(rows.end(), wide.begin(), wide.end());
  const auto lists = Recluster({rows.data(), 800, kDim}, 2, 10, kDim, 0);
  ASSERT_TRUE(lists.ok());
  ASSERT_EQ(lists->scales.size(), 2u);
  const size_t near = lists->centroids[0] < 50 ? 0 : 1;
  EXPECT_NEAR(lists->scales[near], 1, 0.1);
  EXPECT_NEAR(lists->scales[1 - near], 3, 0.2);
  const auto limited = Recluster({rows.data(), 800, kDim}, 2, 10, kDim, 1e-9);
  ASSERT_TRUE(limited.ok());
  EXPECT_LT(limited->scales[0], 0.2);
}

TEST(Recluster, OutliersGetNoCentroid) {
  std::vector<float> rows = Normal(500, 3);
  for (size_t i = 0; i < 3; ++i) std::fill_n(rows.begin() + static_cast<ptrdiff_t>(i * 90 * kDim), kDim, 1000.0f);
  const auto centroids = Recluster({rows.data(), 500, kDim}, 4, 20, 0, 0);
  ASSERT_TRUE(centroids.ok());
  ASSERT_GE(centroids->centroids.size(), kDim);
  for (const float x : centroids->centroids) EXPECT_LT(std::abs(x), 50);
}

TEST(Recluster, EqualRowsGetOne) {
  const std::vector<float> rows(100 * kDim, 2.5f);
  const auto centroids = Recluster({rows.data(), 100, kDim}, 4, 5, kDim, 0);
  ASSERT_TRUE(centroids.ok()) << centroids.status();
  EXPECT_EQ(centroids->centroids, std::vector<float>(kDim, 2.5f));
}

}  // namespace
}  // namespace tessera::engine

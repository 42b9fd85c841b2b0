#include "index/quant/clusters.h"

#include <gtest/gtest.h>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(Clusters, MeansOfMembers) {
  const Rows rows{5, 2, {0, 0, 2, 4, 10, 10, 4, 2, 20, 30}};
  const Clusters clusters(rows, {0, 0, 2, 0, 2}, 3);
  EXPECT_EQ(clusters.count(0), 3u);
  EXPECT_EQ(clusters.count(1), 0u);
  std::vector<float> centroids(6, -1.0f);
  InlineExecutor executor;
  clusters.ComputeMeans(executor, centroids.data());
  EXPECT_EQ(centroids, (std::vector<float>{2, 2, -1, -1, 15, 20}));
}

TEST(Clusters, EmptyOnesSplitTheLargest) {
  // Cluster 0 holds two clumps, cluster 2 one row; 1 and 3 are empty.
  const Rows rows{7, 1, {0, 1, 0, 1, 100, 101, 7}};
  Clusters clusters(rows, {0, 0, 0, 0, 0, 0, 2}, 4);
  std::vector<float> centroids = {203.0f / 6, -1, 7, -1};
  EXPECT_EQ(clusters.FillEmpty(centroids.data()), 2u);
  size_t total = 0;
  for (size_t c = 0; c < 4; ++c) {
    EXPECT_GT(clusters.count(c), 0u);
    total += clusters.count(c);
  }
  EXPECT_EQ(total, 7u);
  EXPECT_EQ(centroids[1], 100.5f);  // the clump with the farthest row
  EXPECT_EQ(clusters.count(1), 2u);
  EXPECT_EQ(centroids[0] + centroids[3], 1.0f);  // then 0, 0 | 1, 1
}

TEST(Clusters, EqualRowsCannotBeSplit) {
  const Rows rows{4, 1, {5, 5, 5, 5}};
  Clusters clusters(rows, {0, 0, 0, 0}, 3);
  std::vector<float> centroids = {5, 8, 9};
  EXPECT_EQ(clusters.FillEmpty(centroids.data()), 0u);
  EXPECT_EQ(centroids, (std::vector<float>{5, 8, 9}));
}

}  // namespace
}  // namespace tessera::quant

#include "index/quant/progressive_kmeans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <vector>

#include "index/quant/kmeans.h"
#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kDim = 64;

// 64 clusters that differ in four dimensions alone, and noise in all.
Rows HiddenClusters(size_t n, uint64_t seed) {
  const Rows centers = GaussianRows(64, 4, 99, 4.0f);
  Rows rows = GaussianRows(n, kDim, seed);
  for (size_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j < 4; ++j) rows.data[i * kDim + j] += centers.row(i % 64)[j];
  }
  return rows;
}

// Better on embeddings (README), not on such clusters: no worse than what the start from rows comes
// to.
TEST(ProgressiveKMeans, EndsAtCentroidsAsGoodAsKMeans) {
  const Rows rows = HiddenClusters(8000, 1);
  const Rows others = HiddenClusters(2000, 2);
  const KMeansOptions options{.k = 64, .iterations = 16};
  const auto progressive = ProgressiveKMeans(rows.view(), options, {}).value();
  const auto plain = TrainKMeans(rows.view(), options, {})->centroids;
  EXPECT_LT(ErrorOf(rows, progressive), 1.02 * ErrorOf(rows, plain));
  EXPECT_LT(ErrorOf(others, progressive), 1.02 * ErrorOf(others, plain));
}

TEST(ProgressiveKMeans, IsTheSameAtAnyThreadCount) {
  const Rows rows = HiddenClusters(3000, 3);
  const KMeansOptions options{.k = 32, .iterations = 8};
  ThreadPoolExecutor pool(3);
  TrainingContext context;
  context.seed = 9;
  const auto one = ProgressiveKMeans(rows.view(), options, context).value();
  context.executor = &pool;
  EXPECT_EQ(one, ProgressiveKMeans(rows.view(), options, context).value());
}

TEST(ProgressiveKMeans, OneDimensionAndAsManyRowsAsCentroids) {
  const Rows line = GaussianRows(50, 1, 4);
  EXPECT_EQ(ProgressiveKMeans(line.view(), {.k = 8, .iterations = 5}, {})->size(), 8u);
  const Rows few = GaussianRows(16, kDim, 5);
  const auto centroids = ProgressiveKMeans(few.view(), {.k = 16, .iterations = 5}, {}).value();
  EXPECT_LT(ErrorOf(few, centroids), 1e-6);
}

TEST(ProgressiveKMeans, TooFewRowsAreRefusedAndAStopIsHeard) {
  const Rows rows = GaussianRows(10, kDim, 6);
  EXPECT_EQ(ProgressiveKMeans(rows.view(), {.k = 11}, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  TrainingContext context;
  context.stop = StopToken(StopToken::Clock::time_point::max(),
                           std::make_shared<const std::atomic<bool>>(true));
  EXPECT_EQ(ProgressiveKMeans(rows.view(), {.k = 4}, context).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace tessera::quant

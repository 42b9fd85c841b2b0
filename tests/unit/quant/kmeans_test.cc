#include "index/quant/kmeans.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <set>

#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

KMeansResult Train(const Rows& rows, const KMeansOptions& options,
                   const TrainingContext& context = {}) {
  return TrainKMeans(rows, options, context).value();
}

// Lloyd from the definition, in double. Returns the centroids after `iterations`.
std::vector<float> NaiveLloyd(const Rows& rows, std::vector<float> centroids, int iterations) {
  const size_t k = centroids.size() / rows.dim;
  for (int t = 0; t < iterations; ++t) {
    std::vector<double> sums(centroids.size());
    std::vector<size_t> counts(k);
    for (size_t i = 0; i < rows.n; ++i) {
      size_t best = 0;
      for (size_t c = 1; c < k; ++c) {
        if (Distance(rows.row(i), &centroids[c * rows.dim], rows.dim) <
            Distance(rows.row(i), &centroids[best * rows.dim], rows.dim)) {
          best = c;
        }
      }
      ++counts[best];
      for (size_t j = 0; j < rows.dim; ++j) sums[best * rows.dim + j] += double{rows.row(i)[j]};
    }
    for (size_t v = 0; v < centroids.size(); ++v) {
      if (counts[v / rows.dim] == 0) continue;
      centroids[v] = static_cast<float>(sums[v] / static_cast<double>(counts[v / rows.dim]));
    }
  }
  return centroids;
}

TEST(KMeans, StartsFromGivenCentroids) {
  const Rows rows = GaussianRows(300, 5, 21);
  const KMeansOptions options{.k = 6, .iterations = 3};
  const std::vector<float> start(rows.data.begin(), rows.data.begin() + 30);
  const auto result = TrainKMeans(rows.view(), options, {}, start).value();
  const std::vector<float> expected = NaiveLloyd(rows, start, 3);
  ASSERT_EQ(result.centroids.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(result.centroids[i], expected[i], 1e-5);
}

TEST(KMeans, EqualsNaiveLloydFromTheSameSeeds) {
  const Rows rows = GaussianRows(400, 6, 11);
  const KMeansOptions none{.k = 7, .iterations = 0};
  const std::vector<float> seeds = Train(rows, none).centroids;
  const KMeansOptions five{.k = 7, .iterations = 5};
  const std::vector<float> trained = Train(rows, five).centroids;
  const std::vector<float> naive = NaiveLloyd(rows, seeds, 5);
  for (size_t v = 0; v < naive.size(); ++v) EXPECT_NEAR(trained[v], naive[v], 1e-4) << v;
}

TEST(KMeans, ErrorIsThatOfTheReturnedCentroidsAndNeverRises) {
  const Rows rows = ClusteredRows(2000, 12, 30, 3);
  double last = std::numeric_limits<double>::max();
  for (uint32_t iterations = 0; iterations < 12; ++iterations) {
    const KMeansResult result = Train(rows, {.k = 20, .iterations = iterations});
    EXPECT_NEAR(result.error, ErrorOf(rows, result.centroids), 1e-4 * result.error);
    EXPECT_LE(result.error, last * (1 + 1e-6));
    last = result.error;
  }
}

TEST(KMeans, PlusPlusFindsSeparateClusters) {
  // With 10 far clusters k-means++ hits nearly all; a few iterations then put each centroid in
  // place.
  Rows rows = GaussianRows(1000, 4, 5, 0.01f);
  for (size_t i = 0; i < rows.n; ++i) rows.data[i * 4] += 100.0f * static_cast<float>(i % 10);
  const KMeansOptions options{.k = 10, .iterations = 10, .seeding = Seeding::kPlusPlus};
  EXPECT_LT(Train(rows, options).error, 0.01);
}

TEST(KMeans, SameBytesAtAnyNumberOfThreads) {
  const Rows rows = ClusteredRows(9000, 40, 50, 8);
  for (const Seeding seeding : {Seeding::kSampled, Seeding::kPlusPlus}) {
    const KMeansOptions options{.k = 33, .iterations = 4, .seeding = seeding};
    const KMeansResult expected = Train(rows, options);
    for (const size_t threads : {1u, 2u, 4u}) {
      ThreadPoolExecutor pool(threads);
      TrainingContext context;
      context.executor = &pool;
      const KMeansResult result = Train(rows, options, context);
      EXPECT_EQ(result.centroids, expected.centroids) << threads;
      EXPECT_EQ(result.error, expected.error) << threads;
    }
  }
}

TEST(KMeans, AnotherSeedAnotherStart) {
  const Rows rows = GaussianRows(500, 5, 1);
  TrainingContext other;
  other.seed = 4321;
  const KMeansOptions options{.k = 8, .iterations = 1};
  EXPECT_NE(Train(rows, options).centroids, Train(rows, options, other).centroids);
}

TEST(KMeans, NoCentroidIsLeftEmpty) {
  // 900 equal rows and 100 distinct ones: sampled seeds are nearly all the same.
  Rows rows = GaussianRows(1000, 3, 2);
  std::fill(rows.data.begin(), rows.data.begin() + 900 * 3, 1.0f);
  const KMeansResult result = Train(rows, {.k = 60, .iterations = 5});
  const VectorQuantizer quantizer(3, result.centroids);
  std::vector<uint32_t> codes(1000);
  quantizer.Encode(rows, codes.data());
  EXPECT_EQ(std::set<uint32_t>(codes.begin(), codes.end()).size(), 60u);
}

TEST(KMeans, FewerDistinctRowsThanCentroids) {
  Rows rows{100, 2, std::vector<float>(200)};
  for (size_t i = 0; i < 100; ++i) rows.data[2 * i] = static_cast<float>(i % 3);
  for (const Seeding seeding : {Seeding::kSampled, Seeding::kPlusPlus}) {
    const KMeansResult result = Train(rows, {.k = 10, .iterations = 5, .seeding = seeding});
    EXPECT_EQ(result.error, 0);
    EXPECT_EQ(result.centroids.size(), 20u);
  }
}

TEST(KMeans, OneCentroidIsTheMean) {
  const Rows rows{4, 2, {0, 0, 2, 0, 0, 4, 2, 4}};
  EXPECT_EQ(Train(rows, {.k = 1}).centroids, (std::vector<float>{1, 2}));
}

TEST(KMeans, AsManyCentroidsAsRows) {
  const Rows rows = GaussianRows(50, 8, 1);
  EXPECT_EQ(Train(rows, {.k = 50}).error, 0);
}

TEST(KMeans, UsesNoMoreRowsThanAsked) {
  // Rows of the sample must be rows of the input, and drawn from all over it.
  Rows rows{100000, 1, std::vector<float>(100000)};
  for (size_t i = 0; i < rows.n; ++i) rows.data[i] = static_cast<float>(i);
  const KMeansResult result = Train(rows, {.k = 1, .iterations = 1, .max_rows_per_centroid = 1000});
  EXPECT_NEAR(result.centroids[0], 50000, 5000);
  EXPECT_NE(result.centroids[0], 49999.5f);
}

TEST(KMeans, RefusesBadArguments) {
  Rows rows = GaussianRows(10, 3, 1);
  const auto message = [&](const KMeansOptions& options) {
    const auto result = TrainKMeans(rows, options, {});
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    return MessageOf(result.status());
  };
  EXPECT_EQ(message({.k = 0}), "k must be at least 1");
  EXPECT_EQ(message({.k = 11}), "k-means of k = 11 needs at least 11 rows, got 10");
  rows.data[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(message({.k = 2}), "rows[2][1] is NaN");
  EXPECT_FALSE(TrainKMeans(MatrixView<const float>(rows.data.data(), 3, 0), {.k = 1}, {}).ok());
}

TEST(KMeans, HugeValuesGiveSomethingFiniteToReadOrNothing) {
  const Rows rows = GaussianRows(100, 4, 1, 1e37f);
  const auto result = TrainKMeans(rows, {.k = 5}, {});
  ASSERT_TRUE(result.ok());
  for (const float v : result->centroids) EXPECT_TRUE(std::isfinite(v));
}

TEST(KMeans, ProgressRisesFromZeroToOne) {
  const Rows rows = GaussianRows(500, 3, 1);
  std::vector<double> told;
  TrainingContext context;
  context.progress = [&](double fraction, const char*) { told.push_back(fraction); };
  Train(rows, {.k = 9, .iterations = 6}, context);
  ASSERT_GE(told.size(), 2u);
  EXPECT_EQ(told.front(), 0.0);
  EXPECT_EQ(told.back(), 1.0);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
}

TEST(KMeans, StopsWhenCancelled) {
  const Rows rows = GaussianRows(5000, 8, 1);
  for (const Seeding seeding : {Seeding::kSampled, Seeding::kPlusPlus}) {
    auto cancelled = std::make_shared<std::atomic<bool>>(false);
    TrainingContext context;
    context.stop = StopToken(StopToken::Clock::time_point::max(), cancelled);
    int calls = 0;
    context.progress = [&](double, const char*) {
      if (++calls == 3) cancelled->store(true);
    };
    const auto result =
        TrainKMeans(rows, {.k = 20, .iterations = 100, .seeding = seeding}, context);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(calls, 3);
  }
}

}  // namespace
}  // namespace tessera::quant

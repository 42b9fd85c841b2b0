#include "index/engine/recall_interval.h"

#include <gtest/gtest.h>

#include <random>

namespace tessera::engine {
namespace {

TEST(RecallInterval, NothingKnownIsEverything) {
  const RecallEstimate none = RecallInterval(0, 0, 0, 10);
  EXPECT_EQ(none.low, 0);
  EXPECT_EQ(none.high, 1);
}

TEST(RecallInterval, IsWilsonForCoins) {
  // 81 of 263 successes: [0.2553, 0.3662] (Newcombe 1998, table I, method 3).
  const double p = 81.0 / 263;
  const RecallEstimate e = RecallInterval(p, p * (1 - p), 263, 1);
  EXPECT_NEAR(e.low, 0.2553, 0.0002);
  EXPECT_NEAR(e.high, 0.3662, 0.0002);
}

TEST(RecallInterval, WithoutVarianceItIsNoPoint) {
  const RecallEstimate e = RecallInterval(1, 0, 100, 10);
  EXPECT_EQ(e.high, 1);
  EXPECT_NEAR(e.low, 100 / (100 + 1.96 * 1.96), 1e-9);
}

TEST(RecallInterval, MoreEqualQueriesAreSurer) {
  const RecallEstimate coin = RecallInterval(0.9, 0.09, 100, 10);
  const RecallEstimate even = RecallInterval(0.9, 0.009, 100, 10);
  const RecallEstimate bounded = RecallInterval(0.9, 1e-9, 100, 10);
  EXPECT_LT(even.high - even.low, coin.high - coin.low);
  EXPECT_NEAR(bounded.low, even.low, 1e-9) << "no surer than n * k coins";
}

// The mean of all is within the interval of 95 of 100 samples.
TEST(RecallInterval, CoversTheMean) {
  std::mt19937 random(7);
  int inside = 0;
  constexpr int kTrials = 2000, kQueries = 100, kK = 10;
  for (int t = 0; t < kTrials; ++t) {
    double sum = 0, squares = 0;
    for (int i = 0; i < kQueries; ++i) {
      // Half the queries are harder: recall varies more than ten coins do.
      std::binomial_distribution<int> hits(kK, i % 2 ? 0.98 : 0.8);
      const double recall = hits(random) / static_cast<double>(kK);
      sum += recall;
      squares += recall * recall;
    }
    const double mean = sum / kQueries;
    const RecallEstimate e = RecallInterval(mean, squares / kQueries - mean * mean, kQueries, kK);
    inside += e.low <= 0.89 && 0.89 <= e.high;
  }
  EXPECT_GT(inside, kTrials * 0.93);
}

}  // namespace
}  // namespace tessera::engine

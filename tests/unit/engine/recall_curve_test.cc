#include "index/engine/recall_curve.h"

#include <gtest/gtest.h>

#include <time.h>

#include <algorithm>

#include "tests/unit/engine/recall_grids.h"

namespace tessera::engine {
namespace {

// By the formula of ExampleGrid.
double TrueRecall(const RecallChoice& c, double k) {
  const double probe = 1 - 1.0 / (1 + c.nprobe);
  return probe * (c.tier == RerankTier::kNone ? 0.6 : 1 - k / (k + 4.0 * c.depth));
}
double TrueCost(const RecallChoice& c, double k) {
  static const CostModel cost = ExampleGrid().cost;
  return cost.Micros({double(c.nprobe), 100.0 * c.nprobe, c.tier, std::max(k, double(c.depth))});
}

class RecallCurveTargets : public ::testing::TestWithParam<std::tuple<uint32_t, double>> {};

TEST_P(RecallCurveTargets, ReachesAtLittleMoreThanTheBest) {
  const auto [k, target] = GetParam();
  const RecallCurve curve(ExampleGrid());
  const auto choice = curve.Choose(k, target);
  ASSERT_TRUE(choice.has_value());
  EXPECT_GE(TrueRecall(*choice, k), target);
  // With few lists one more makes a large step.
  EXPECT_LT(TrueRecall(*choice, k), target + (target < 0.75 ? 0.06 : 0.02));
  EXPECT_NEAR(choice->recall.value, TrueRecall(*choice, k), 0.006);
  EXPECT_LE(choice->recall.low, choice->recall.value);
  EXPECT_GE(choice->recall.high, choice->recall.value);
  double best = 1e9;
  for (uint32_t nprobe = 1; nprobe <= 1000; ++nprobe) {
    for (uint32_t depth = k; depth <= 1280; depth += depth < 40 ? 1 : depth / 40) {
      for (const RerankTier tier : {RerankTier::kNone, RerankTier::kRefine}) {
        const RecallChoice other{nprobe, tier, depth, {}, 0};
        if (TrueRecall(other, k) >= target) best = std::min(best, TrueCost(other, k));
      }
    }
  }
  EXPECT_LT(TrueCost(*choice, k), 1.2 * best);
}

INSTANTIATE_TEST_SUITE_P(Targets, RecallCurveTargets,
                         ::testing::Combine(::testing::Values(1u, 10u, 100u),
                                            ::testing::Values(0.5, 0.7, 0.8, 0.9, 0.95)));

TEST(RecallCurve, BetweenBucketsTheLowerRecallCounts) {
  const RecallCurve curve(ExampleGrid());
  for (const uint32_t k : {2u, 7u, 20u, 64u}) {
    const auto choice = curve.Choose(k, 0.9);
    ASSERT_TRUE(choice.has_value());
    EXPECT_GE(TrueRecall(*choice, k), 0.9) << k;
  }
}

TEST(RecallCurve, BeyondTheBucketsDepthGrowsWithK) {
  const RecallCurve curve(ExampleGrid());
  const auto hundred = curve.Choose(100, 0.8);
  const auto thousand = curve.Choose(1000, 0.8);
  ASSERT_TRUE(hundred && thousand);
  EXPECT_GE(thousand->depth, 10 * hundred->depth / 2);
  EXPECT_GE(TrueRecall(*thousand, 1000), 0.8);
}

TEST(RecallCurve, WhatIsNotReachedIsNotPromised) {
  const RecallCurve curve(ExampleGrid());
  EXPECT_FALSE(curve.Choose(10, 1.0).has_value());
  EXPECT_FALSE(curve.Choose(100, 0.99).has_value());
  EXPECT_TRUE(curve.Choose(1, 0.99).has_value());
}

TEST(RecallCurve, WithoutRefineCodesRawIsChosen) {
  const auto choice = RecallCurve(ExampleGrid(false)).Choose(10, 0.9);
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->tier, RerankTier::kRaw);
}

TEST(RecallCurve, FewQueriesAskForMore) {
  RecallGrid few = ExampleGrid();
  few.queries = 50;
  const auto sure = RecallCurve(ExampleGrid()).Choose(10, 0.9);
  const auto unsure = RecallCurve(few).Choose(10, 0.9);
  ASSERT_TRUE(sure && unsure);
  EXPECT_GT(TrueRecall(*unsure, 10), TrueRecall(*sure, 10));
  EXPECT_GT(unsure->recall.high - unsure->recall.low, sure->recall.high - sure->recall.low);
}

// A cell measured too low or high by chance does not make a hole or a step.
TEST(RecallCurve, SmoothsMeasurements) {
  RecallGrid grid = ExampleGrid();
  for (size_t p = 0; p < grid.nprobe.size(); ++p) {
    for (size_t f = 0; f < grid.forms(); ++f) {
      float& recall = grid.cells[grid.index(f, p, 2)].recall;
      recall *= 1 + (p % 2 ? -0.01f : 0.01f);
      recall = std::min(recall, 1.0f);
    }
  }
  const RecallCurve curve(grid);
  for (double target = 0.8; target < 0.95; target += 0.01) {
    const auto choice = curve.Choose(10, target);
    ASSERT_TRUE(choice.has_value());
    EXPECT_NEAR(TrueRecall(*choice, 10), target, 0.025);
  }
}

TEST(RecallCurve, DescribesAscendingPoints) {
  const TuneResult result = RecallCurve(ExampleGrid()).Describe();
  EXPECT_EQ(result.queries, 5000u);
  EXPECT_EQ(result.source, CalibrationSource::kGiven);
  ASSERT_GT(result.points.size(), 30u);
  for (size_t i = 1; i < result.points.size(); ++i) {
    const RecallPoint& a = result.points[i - 1];
    const RecallPoint& b = result.points[i];
    if (a.k != b.k) continue;
    EXPECT_LT(a.recall.low, b.recall.value);
    EXPECT_LE(a.cpu_us, b.cpu_us);
  }
}

// The choice is made for each request: processor time of many, generously bounded.
TEST(RecallCurve, ChoosesInLessThanAMicrosecond) {
  const RecallCurve curve(ExampleGrid());
  timespec begin, end;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
  uint64_t sum = 0;
  constexpr int kTimes = 20000;
  for (int i = 0; i < kTimes; ++i) sum += curve.Choose(10, 0.5 + (i % 400) * 0.001)->nprobe;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  const double us =
      double(end.tv_sec - begin.tv_sec) * 1e6 + double(end.tv_nsec - begin.tv_nsec) * 1e-3;
  EXPECT_LT(us / kTimes, 1.0) << sum;
}

}  // namespace
}  // namespace tessera::engine

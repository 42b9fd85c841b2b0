#include "index/engine/cost_model.h"

#include <gtest/gtest.h>

#include <random>

namespace tessera::engine {
namespace {

std::vector<MeasuredCost> Measure(const CostModel& truth, double noise) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> factor(1 - noise, 1 + noise);
  std::vector<MeasuredCost> measured;
  for (double nprobe = 1; nprobe <= 1024; nprobe *= 2) {
    const double rows = nprobe * 500;
    const auto add = [&](RerankTier tier, double depth) {
      const CostPoint point{nprobe, rows, tier, depth};
      measured.push_back({point, truth.Micros(point) * factor(random)});
    };
    add(RerankTier::kNone, 10);
    for (const double depth : {10.0, 40.0, 160.0, 640.0}) {
      add(RerankTier::kRefine, depth);
      if (depth < 200) add(RerankTier::kRaw, depth);
    }
  }
  return measured;
}

CostModel Example() {
  CostModel model;
  model.weights = {12, 0.02, 0.001, 0.02, 0.001, 1, 0.05, 5, 4};
  return model;
}

TEST(CostModel, FindsTheWeightsOfExactTimes) {
  const CostModel truth = Example();
  const CostModel fitted = FitCost(Measure(truth, 0));
  for (const MeasuredCost& m : Measure(truth, 0)) {
    EXPECT_NEAR(fitted.Micros(m.point), m.us, 0.02 * m.us);
  }
}

TEST(CostModel, SmoothsNoise) {
  const CostModel truth = Example();
  const CostModel fitted = FitCost(Measure(truth, 0.2));
  for (const MeasuredCost& m : Measure(truth, 0)) {
    EXPECT_NEAR(fitted.Micros(m.point), m.us, 0.15 * m.us)
        << m.point.nprobe << " " << m.point.depth;
  }
}

TEST(CostModel, MoreWorkIsNeverCheaper) {
  const CostModel fitted = FitCost(Measure(Example(), 0.5));
  for (const double w : fitted.weights) EXPECT_GE(w, 0);
  EXPECT_GE(fitted.Micros({64, 1000, RerankTier::kRaw, 20}),
            fitted.Micros({32, 500, RerankTier::kRaw, 10}));
}

TEST(CostModel, NothingMeasuredCostsNothing) {
  EXPECT_EQ(FitCost({}).Micros({8, 100, RerankTier::kNone, 10}), 0);
}

}  // namespace
}  // namespace tessera::engine

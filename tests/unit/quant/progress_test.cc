#include "index/quant/progress.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tessera::quant {
namespace {

TEST(ProgressRange, PartsMapIntoTheWholeAndKeepSeedAndStage) {
  std::vector<std::pair<double, std::string>> told;
  TrainingContext context;
  context.seed = 77;
  context.progress = [&](double fraction, const char* stage) {
    told.emplace_back(fraction, stage);
  };
  const ProgressRange range(context, 0.2, 0.6);
  const TrainingContext part = range.Part("codebooks");
  EXPECT_EQ(part.seed, 77u);
  part.progress(0.5, "ignored");
  part.progress(2.0, "ignored");
  ASSERT_EQ(told.size(), 2u);
  EXPECT_NEAR(told[0].first, 0.4, 1e-12);
  EXPECT_NEAR(told[1].first, 0.6, 1e-12);
  EXPECT_EQ(told[0].second, "codebooks");
}

TEST(ProgressRange, NobodyListens) {
  const TrainingContext context;
  const ProgressRange range(context, 0, 1);
  range.Report(0.5, "centroids");
  EXPECT_FALSE(range.Part("centroids").progress);
}

}  // namespace
}  // namespace tessera::quant

#include "bench/report/statistics.h"

#include <gtest/gtest.h>

namespace tessera::bench {
namespace {

TEST(StatisticsTest, MedianIsTheMiddleOrTheMeanOfTheMiddleTwo) {
  EXPECT_DOUBLE_EQ(Median({5, 1, 3}), 3);
  EXPECT_DOUBLE_EQ(Median({4, 1, 3, 2}), 2.5);
  EXPECT_DOUBLE_EQ(Median({7}), 7);
  EXPECT_DOUBLE_EQ(Median({}), 0);
}

TEST(StatisticsTest, QuantileIsTheNearestRank) {
  std::vector<double> hundred;
  for (int i = 100; i > 0; --i) hundred.push_back(i);
  EXPECT_DOUBLE_EQ(Quantile(hundred, 0.50), 50);
  EXPECT_DOUBLE_EQ(Quantile(hundred, 0.99), 99);
  EXPECT_DOUBLE_EQ(Quantile(hundred, 1), 100);
  EXPECT_DOUBLE_EQ(Quantile(hundred, 0), 1);
  EXPECT_DOUBLE_EQ(Quantile({}, 0.5), 0);
}

TEST(StatisticsTest, CpuClocksAdvanceWithWork) {
  const double wall = WallSeconds(), thread = ThreadCpuSeconds(), process = ProcessCpuSeconds();
  while (ThreadCpuSeconds() - thread < 0.002) {
  }
  EXPECT_GE(WallSeconds() - wall, 0.002);
  EXPECT_GE(ProcessCpuSeconds() - process, 0.0019);
}

}  // namespace
}  // namespace tessera::bench

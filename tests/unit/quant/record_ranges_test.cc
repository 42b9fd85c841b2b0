#include "index/quant/record_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

RecordRanges Ranges(const std::string& record, MatrixView<const float> rows) {
  InlineExecutor executor;
  return CalibrateRanges(Spec(record).record, rows, executor);
}

TEST(RecordRanges, HoldTheSampleWithAMargin) {
  const Rows rows = ClusteredRows(1000, 6, 10, 1);
  const RecordRanges ranges = Ranges("SQ8S", rows);
  ASSERT_EQ(ranges.low.size(), 6u);
  for (size_t j = 0; j < 6; ++j) {
    float low = 1e9f, high = -1e9f;
    for (size_t i = 0; i < rows.n; ++i) {
      low = std::min(low, rows.row(i)[j]);
      high = std::max(high, rows.row(i)[j]);
    }
    EXPECT_NEAR(ranges.low[j], low - 0.02f * (high - low), 1e-5);
    EXPECT_NEAR(ranges.low[j] + 255 * ranges.step[j], high + 0.02f * (high - low), 1e-4);
  }
}

TEST(RecordRanges, PercentilesClipOutliers) {
  Rows rows = GaussianRows(4000, 2, 3);
  rows.data[0] = 1000;
  rows.data[1] = -1000;
  const RecordRanges full = Ranges("SQ4S", rows), clipped = Ranges("SQ4P", rows);
  for (size_t j = 0; j < 2; ++j) EXPECT_LT(clipped.step[j], full.step[j] / 50);
}

// Mean squared error of the rows at the codes nearest to them.
double ErrorOf(const RecordRanges& ranges, const Rows& rows) {
  double sum = 0;
  for (size_t i = 0; i < rows.data.size(); ++i) {
    const size_t j = i % rows.dim;
    const float u = std::round((rows.data[i] - ranges.low[j]) / ranges.step[j]);
    const double error = double{rows.data[i]} - double{ranges.low[j]} -
                         double{ranges.step[j]} * std::clamp(double{u}, 0.0, 15.0);
    sum += error * error;
  }
  return sum / static_cast<double>(rows.data.size());
}

TEST(RecordRanges, LeastErrorIsLess) {
  const Rows rows = GaussianRows(4000, 2, 3);
  const double least = ErrorOf(Ranges("SQ4E", rows), rows);
  EXPECT_LT(least, 0.8 * ErrorOf(Ranges("SQ4S", rows), rows));
  EXPECT_LT(least, ErrorOf(Ranges("SQ4P", rows), rows));
}

TEST(RecordRanges, SymmetricOnesAreCentredAndOneForAllIsTheSameForAll) {
  const Rows rows = GaussianRows(500, 5, 4, 1, 2);
  const RecordRanges symmetric = Ranges("SQ6Ss", rows);
  for (size_t j = 0; j < 5; ++j) {
    EXPECT_NEAR(symmetric.low[j] + 31.5f * symmetric.step[j], 0, 1e-5);
  }
  const RecordRanges tensor = Ranges("SQ6St", rows);
  for (size_t j = 0; j < 5; ++j) {
    EXPECT_EQ(tensor.low[j], tensor.low[0]);
    EXPECT_EQ(tensor.step[j], tensor.step[0]);
  }
}

TEST(RecordRanges, NoneUnlessStaticAndTheSameAtAnyThreadCount) {
  const Rows rows = GaussianRows(500, 40, 4);
  EXPECT_TRUE(Ranges("SQ8", rows).empty());
  EXPECT_TRUE(Ranges("RaBitQ4", rows).empty());
  ThreadPoolExecutor pool(2);
  const RecordRanges one = Ranges("SQ8E", rows);
  const RecordRanges many = CalibrateRanges(Spec("SQ8E").record, rows, pool);
  EXPECT_EQ(one.low, many.low);
  EXPECT_EQ(one.step, many.step);
}

}  // namespace
}  // namespace tessera::quant

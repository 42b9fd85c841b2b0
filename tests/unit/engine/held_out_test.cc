#include "index/engine/held_out.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "index/quant/query.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera::engine {
namespace {

constexpr uint32_t kDim = 6;

TEST(HeldOutTest, QueriesAndBaseAreDisjointAndTogetherTheSample) {
  const std::vector<float> sample = ClusteredRows(500, kDim, 1);
  const HeldOut held = HoldOut(sample, kDim, Metric::kL2, 50, 7);
  ASSERT_EQ(held.query_rows().rows(), 50u);
  ASSERT_EQ(held.base_rows().rows(), 450u);
  std::multiset<std::vector<float>> parts;
  for (const auto rows : {held.query_rows(), held.base_rows()}) {
    for (size_t i = 0; i < rows.rows(); ++i) parts.emplace(rows.row(i), rows.row(i) + kDim);
  }
  std::multiset<std::vector<float>> whole;
  for (size_t i = 0; i < 500; ++i) {
    whole.emplace(sample.data() + i * kDim, sample.data() + (i + 1) * kDim);
  }
  EXPECT_EQ(parts, whole);
}

TEST(HeldOutTest, TheSeedDecides) {
  const std::vector<float> sample = ClusteredRows(500, kDim, 1);
  const auto queries = [&](uint64_t seed) {
    return HoldOut(sample, kDim, Metric::kL2, 50, seed).queries;
  };
  EXPECT_EQ(queries(7), queries(7));
  EXPECT_NE(queries(7), queries(8));
}

TEST(HeldOutTest, GivenQueriesLeaveTheSampleWhole) {
  const std::vector<float> sample = ClusteredRows(100, kDim, 1);
  const std::vector<float> queries = ClusteredRows(3, kDim, 2);
  const HeldOut held = HoldOut(sample, kDim, Metric::kL2, queries);
  EXPECT_EQ(held.base, sample);
  EXPECT_EQ(held.queries, queries);
}

TEST(HeldOutTest, ThinnedKeepsRowsAtEqualStepsAndTheFirstQueries) {
  const HeldOut held = HoldOut(ClusteredRows(500, kDim, 1), kDim, Metric::kCosine, 50, 7);
  const HeldOut few = Thinned(held, 100, 20);
  EXPECT_EQ(few.metric, Metric::kCosine);
  ASSERT_EQ(few.base_rows().rows(), 100u);
  ASSERT_EQ(few.query_rows().rows(), 20u);
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(std::equal(few.base_rows().row(i), few.base_rows().row(i) + kDim,
                           held.base_rows().row(i * 450 / 100)));
  }
  EXPECT_TRUE(std::equal(few.queries.begin(), few.queries.end(), held.queries.begin()));
  EXPECT_EQ(Thinned(held, 1000, 1000).base, held.base);
  EXPECT_EQ(Thinned(held, 1000, 1000).queries, held.queries);
}

TEST(HeldOutTest, TruthIsWhatComparingAllGives) {
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    HeldOut held = HoldOut(ClusteredRows(700, kDim, 1), kDim, metric, 20, 7);
    ThreadPoolExecutor pool(2);
    ASSERT_TRUE(FindTruth(5, pool, StopToken(), held).ok());
    ASSERT_EQ(held.truth.size(), 20u);
    for (size_t q = 0; q < 20; ++q) {
      std::vector<std::pair<float, uint32_t>> all;
      for (uint32_t i = 0; i < held.base_rows().rows(); ++i) {
        const float score = quant::ExactScore(metric, held.query_rows().row(q),
                                              held.base_rows().row(i), kDim);
        all.emplace_back(metric == Metric::kL2 ? score : -score, i);
      }
      std::sort(all.begin(), all.end());
      ASSERT_EQ(held.truth[q].size(), 5u);
      for (size_t j = 0; j < 5; ++j) EXPECT_EQ(held.truth[q][j].row.value, all[j].second);
    }
  }
}

TEST(HeldOutTest, StopsWhenAsked) {
  HeldOut held = HoldOut(ClusteredRows(700, kDim, 1), kDim, Metric::kL2, 20, 7);
  InlineExecutor here;
  const auto stopped = std::make_shared<std::atomic<bool>>(true);
  const StopToken stop(StopToken::Clock::time_point::max(), stopped);
  EXPECT_TRUE(absl::IsCancelled(FindTruth(5, here, stop, held)));
}

}  // namespace
}  // namespace tessera::engine

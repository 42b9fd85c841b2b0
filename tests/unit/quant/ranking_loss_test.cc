#include "index/quant/ranking_loss.h"

#include <gtest/gtest.h>

#include <atomic>

#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

// One list at the origin: residuals are the rows.
struct Sample {
  explicit Sample(Rows from)
      : rows(std::move(from)), labels(rows.n), lists(static_cast<uint32_t>(rows.dim), std::vector<float>(rows.dim)) {}
  RankingSample Input(MatrixView<const float> queries = {}) const {
    return {rows, labels, lists, queries, 0.35f};
  }
  Rows rows;
  std::vector<uint32_t> labels;
  ListTable lists;
};

Rows SlopingRows(size_t n, size_t dim, uint64_t seed) {
  Rows rows = GaussianRows(n, dim, seed);
  for (size_t i = 0; i < n * dim; ++i) rows.data[i] *= i % dim < 2 ? 3.0f : 1.0f;
  return rows;
}

TEST(RankingLoss, IsSymmetricOfTraceDim) {
  const Sample sample(SlopingRows(1500, 8, 1));
  const auto loss = MeasureRankingLoss(sample.Input(), {}).value();
  ASSERT_EQ(loss.size(), 64u);
  double trace = 0;
  for (size_t i = 0; i < 8; ++i) {
    trace += double{loss[i * 8 + i]};
    for (size_t j = 0; j < 8; ++j) EXPECT_NEAR(loss[i * 8 + j], loss[j * 8 + i], 1e-4);
  }
  EXPECT_NEAR(trace, 8, 1e-3);
}

// Neighbours lie apart where rows do: errors there cost more.
TEST(RankingLoss, FollowsTheDirectionsInWhichNeighboursDiffer) {
  const Sample sample(SlopingRows(1500, 8, 1));
  const auto loss = MeasureRankingLoss(sample.Input(), {}).value();
  for (size_t j = 2; j < 8; ++j) {
    EXPECT_GT(loss[0], 1.5f * loss[j * 9]);
    EXPECT_GT(loss[9], 1.5f * loss[j * 9]);
  }
}

// Half of the rows in a wide list that slopes one way, half in a tight one that slopes the other way: unscaled, the
// wide list decides alone; over their scales both count.
TEST(RankingLoss, CountsDirectionsOverTheScaleOfTheirList) {
  Sample sample(GaussianRows(2000, 4, 3));
  sample.lists = ListTable(4, {0, 0, 0, 0, 50, 0, 0, 0});
  for (size_t i = 0; i < sample.rows.n; ++i) {
    sample.labels[i] = i % 2;
    float* row = sample.rows.data.data() + i * 4;
    row[i % 2 == 0 ? 0 : 3] *= 3;
    for (size_t j = 0; j < 4; ++j) row[j] *= i % 2 == 0 ? 1.0f : 0.1f;
  }
  RankingSample input = sample.Input();
  const auto raw = MeasureRankingLoss(input, {}).value();
  EXPECT_GT(raw[0], 1.8f * raw[15]);
  const std::vector<float> scales = {1, 0.1f};
  input.scales = scales;
  const auto scaled = MeasureRankingLoss(input, {}).value();
  EXPECT_NEAR(scaled[0], scaled[15], 0.2f * scaled[0]);
  EXPECT_GT(scaled[15], 1.3f * scaled[10]);
}

// Queries off the rows along the last dimension differ from their neighbours there.
TEST(RankingLoss, SampleQueriesDecide) {
  const Sample sample(GaussianRows(1500, 8, 1));
  Rows queries = GaussianRows(64, 8, 2, 0.5f);
  for (size_t i = 0; i < queries.n; ++i) queries.data[i * 8 + 7] = 20;
  const auto own = MeasureRankingLoss(sample.Input(), {}).value();
  const auto given = MeasureRankingLoss(sample.Input(queries), {}).value();
  EXPECT_LT(own[63], 2);
  EXPECT_GT(given[63], 5);
}

// v as its definition has it, for one query with as many rows as neighbours: 16 rows near, the others far.
TEST(RankingLoss, IsTheSecondMomentOfTheDefinition) {
  const size_t dim = 2;
  Rows rows = GaussianRows(1000, dim, 3, 0.1f, 50);
  const Rows near = GaussianRows(16, dim, 4);
  std::copy(near.data.begin(), near.data.end(), rows.data.begin());
  const Sample sample(rows);
  const Rows query{1, dim, {0.3f, -0.2f}};
  const auto loss = MeasureRankingLoss(sample.Input(query), {}).value();
  double moment[3] = {0, 0, 0};
  for (size_t i = 0; i < near.n; ++i) {  // y - c - mu r, c = 0, r = x
    const double a = double{query.data[0]} - 0.35 * double{near.row(i)[0]};
    const double b = double{query.data[1]} - 0.35 * double{near.row(i)[1]};
    moment[0] += a * a;
    moment[1] += a * b;
    moment[2] += b * b;
  }
  const double scale = 0.7 * 2 / (moment[0] + moment[2]);
  EXPECT_NEAR(loss[0], moment[0] * scale + 0.3, 1e-3);
  EXPECT_NEAR(loss[1], moment[1] * scale, 1e-3);
  EXPECT_NEAR(loss[3], moment[2] * scale + 0.3, 1e-3);
}

TEST(RankingLoss, SameBytesAtAnyNumberOfThreads) {
  const Sample sample(SlopingRows(1500, 70, 1));
  const auto expected = MeasureRankingLoss(sample.Input(), {}).value();
  ThreadPoolExecutor pool(3);
  TrainingContext context;
  context.executor = &pool;
  EXPECT_EQ(MeasureRankingLoss(sample.Input(), context).value(), expected);
}

TEST(RankingLoss, EqualRowsGiveTheIdentityInPart) {
  const Sample sample(Rows{1000, 3, std::vector<float>(3000)});
  const auto loss = MeasureRankingLoss(sample.Input(), {}).value();
  EXPECT_EQ(loss, (std::vector<float>{0.3f, 0, 0, 0, 0.3f, 0, 0, 0, 0.3f}));
}

TEST(RankingLoss, RefusesTooFewRowsAndStops) {
  const Sample few(GaussianRows(999, 4, 1));
  const auto refused = MeasureRankingLoss(few.Input(), {}).status();
  EXPECT_EQ(refused.message(), "fine-tuning needs at least 1000 rows, got 999");
  const Sample sample(GaussianRows(1000, 4, 1));
  TrainingContext context;
  context.stop = StopToken(StopToken::Clock::time_point::max(), std::make_shared<std::atomic<bool>>(true));
  EXPECT_EQ(MeasureRankingLoss(sample.Input(), context).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace tessera::quant

#include "index/quant/fine_tune.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "index/quant/table_train.h"
#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

// Errors in the first directions cost more, those of neighbouring dimensions together most.
std::vector<float> SlopingLoss(size_t dim) {
  std::vector<float> matrix(dim * dim);
  for (size_t i = 0; i < dim; ++i) {
    matrix[i * dim + i] = 2.0f * std::pow(0.8f, static_cast<float>(i));
    if (i + 1 == dim) break;
    const float beside = 0.7f * std::pow(0.8f, static_cast<float>(i) + 1);
    matrix[i * dim + i + 1] = beside;
    matrix[(i + 1) * dim + i] = beside;
  }
  return matrix;
}

class FineTuneKinds : public testing::TestWithParam<const char*> {
 protected:
  const Rows rows_ = ClusteredRows(2000, 12, 60, 3);
  const TableCode start_ = TrainTableCode(Spec(GetParam()), rows_, 6, {}).value();
  const std::vector<float> loss_ = SlopingLoss(12);
};

TEST_P(FineTuneKinds, TheLossFallsAndTheCodeKeepsItsBytes) {
  const FineTuned tuned = FineTune(start_, loss_, rows_, {}).value();
  EXPECT_GT(tuned.loss_after, 0);
  EXPECT_LT(tuned.loss_after, 0.97 * tuned.loss_before);
  EXPECT_EQ(tuned.code.code_bytes(), start_.code_bytes());
  EXPECT_EQ(tuned.code.parts(), start_.parts());
  EXPECT_EQ(tuned.weights.matrix(), loss_);
  EXPECT_NE(tuned.code.codebooks(), start_.codebooks());
}

// Codes chosen by the loss from the codebooks of the start gain less.
TEST_P(FineTuneKinds, CodebooksGainBeyondWhatCodesDo) {
  const FineTuned tuned = FineTune(start_, loss_, rows_, {}).value();
  std::vector<uint8_t> codes(rows_.n * start_.code_bytes());
  start_.Encode(rows_, codes.data());
  const ErrorWeights weights(loss_, start_);
  weights.Improve(start_, rows_, codes.data());
  std::vector<float> errors(rows_.data.size());
  start_.Decode(codes.data(), rows_.n, errors.data());
  for (size_t i = 0; i < errors.size(); ++i) errors[i] = rows_.data[i] - errors[i];
  const double codes_alone = weights.Cost(errors.data(), rows_.n) / static_cast<double>(rows_.n);
  EXPECT_LT(codes_alone, tuned.loss_before);
  EXPECT_LT(tuned.loss_after, codes_alone);
}

TEST_P(FineTuneKinds, SameBytesAtAnyNumberOfThreads) {
  const FineTuned expected = FineTune(start_, loss_, rows_, {}).value();
  ThreadPoolExecutor pool(3);
  TrainingContext context;
  context.executor = &pool;
  const FineTuned tuned = FineTune(start_, loss_, rows_, context).value();
  EXPECT_EQ(tuned.code.codebooks(), expected.code.codebooks());
  EXPECT_EQ(tuned.loss_after, expected.loss_after);
}

INSTANTIATE_TEST_SUITE_P(Kinds, FineTuneKinds, testing::Values("PQ3x8", "PQ4x4", "PQ6x2"));

TEST(FineTune, StopsAndReports) {
  const Rows rows = ClusteredRows(1000, 8, 60, 3);
  const TableCode start = TrainTableCode(Spec("PQ2x4"), rows, 3, {}).value();
  TrainingContext context;
  double last = -1;
  context.progress = [&](double fraction, const char* stage) {
    EXPECT_GT(fraction, last);
    EXPECT_LE(fraction, 1);
    EXPECT_STREQ(stage, "fine-tuning");
    last = fraction;
  };
  EXPECT_TRUE(FineTune(start, SlopingLoss(8), rows, context).ok());
  EXPECT_GT(last, 0);
  context.progress = nullptr;
  context.stop = StopToken(StopToken::Clock::time_point::max(), std::make_shared<std::atomic<bool>>(true));
  EXPECT_EQ(FineTune(start, SlopingLoss(8), rows, context).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(FineTune, RefusesALossThatIsNotPositiveDefinite) {
  const Rows rows = ClusteredRows(1000, 8, 60, 3);
  const TableCode start = TrainTableCode(Spec("PQ2x4"), rows, 3, {}).value();
  std::vector<float> loss = SlopingLoss(8);
  loss[0] = -1;
  EXPECT_EQ(FineTune(start, loss, rows, {}).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace tessera::quant

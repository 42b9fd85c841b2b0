#include "index/engine/code_error.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera::engine {
namespace {

TEST(ErrorSums, MeanAndMargin) {
  ErrorSums sums;
  EXPECT_EQ(sums.mean(), 0);
  EXPECT_EQ(sums.margin(), 0);
  sums.Add(1);
  EXPECT_EQ(sums.margin(), 0);
  ErrorSums more;
  more.Add(3);
  sums.Add(more);
  EXPECT_EQ(sums.rows, 2u);
  EXPECT_EQ(sums.mean(), 2);
  EXPECT_NEAR(sums.margin(), 1.96 * std::sqrt(2.0) / std::sqrt(2.0), 1e-12);
}

TEST(CodeError, IsTheDistanceToWhatIsDecoded) {
  constexpr uint32_t kDim = 8;
  const std::vector<float> rows = ClusteredRows(2000, kDim, 3);
  const MatrixView<const float> view(rows.data(), 2000, kDim);
  const auto trained = quant::TrainModel(*QuantizerSpec::Parse("RR,IVF8,PQ4x4"), Metric::kL2, view, 2000, {});
  ASSERT_TRUE(trained.ok()) << trained.status();
  InlineExecutor here;
  const ErrorSums all = MeasureRows(*trained->model, *trained->lists, view, here);
  EXPECT_EQ(all.rows, 2000u);
  // The codebooks' own error on (at most) the same rows.
  EXPECT_NEAR(all.mean(), trained->model->training_error, 0.05 * all.mean());
  quant::EncodedRows encoded;
  quant::EncodeRows(*trained->model, *trained->lists, view, here, encoded);
  const ErrorSums some = MeasureEncoded(*trained->model, *trained->lists, view, encoded, 7, 16);
  EXPECT_EQ(some.rows, (2000u - 7 + 15) / 16);
  EXPECT_NEAR(some.mean(), all.mean(), 3 * some.margin());
  EXPECT_EQ(MeasureEncoded(*trained->model, *trained->lists, view, encoded, 2000, 16).rows, 0u);
}

}  // namespace
}  // namespace tessera::engine

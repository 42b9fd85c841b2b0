#include "index/vector_quantizer.h"

#include <gtest/gtest.h>

#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera {
namespace {

using quant::ClusteredRows;
using quant::Distance;
using quant::Rows;

TEST(VectorQuantizer, EncodesToTheNearestAndDecodesToIt) {
  const Rows rows = ClusteredRows(3000, 10, 25, 1);
  const auto quantizer = VectorQuantizer::Train(rows, {.k = 25}, {}).value();
  EXPECT_EQ(quantizer.dim(), 10u);
  EXPECT_EQ(quantizer.size(), 25u);
  std::vector<uint32_t> codes(rows.n);
  std::vector<float> distances(rows.n);
  ThreadPoolExecutor pool(3);
  quantizer.Encode(rows, codes.data(), distances.data(), &pool);
  std::vector<float> decoded(rows.data.size());
  ASSERT_TRUE(quantizer.Decode(codes.data(), rows.n, decoded.data()).ok());
  double sum = 0;
  for (size_t i = 0; i < rows.n; ++i) {
    const double d = Distance(rows.row(i), decoded.data() + i * 10, 10);
    EXPECT_NEAR(distances[i], d, 1e-4);
    for (size_t c = 0; c < 25; ++c) {
      EXPECT_LE(d, Distance(rows.row(i), quantizer.centroids().row(c), 10) + 1e-4);
    }
    sum += d;
  }
  EXPECT_NEAR(quantizer.QuantizationError(rows), sum / 3000, 1e-4);
  EXPECT_NEAR(quantizer.training_error(), sum / 3000, 1e-4);
}

TEST(VectorQuantizer, NamesTheRowOfAnImpossibleCode) {
  const VectorQuantizer quantizer(2, {0, 0, 1, 1});
  const uint32_t codes[] = {0, 1, 2};
  float out[6];
  const Status status = quantizer.Decode(codes, 3, out);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MessageOf(status), "codes[2] is 2, the codebook has 2 centroids");
}

TEST(VectorQuantizer, ErrorOfNoRowsIsZero) {
  const VectorQuantizer quantizer(2, {0, 0});
  EXPECT_EQ(quantizer.QuantizationError(MatrixView<const float>(nullptr, 0, 2)), 0);
}

TEST(VectorQuantizer, MoreCentroidsLessError) {
  const Rows rows = ClusteredRows(2000, 8, 100, 1);
  double last = 1e30;
  for (const uint32_t k : {1u, 4u, 16u, 64u}) {
    const double error = VectorQuantizer::Train(rows, {.k = k}, {}).value().training_error();
    EXPECT_LT(error, last);
    last = error;
  }
}

TEST(VectorQuantizer, TwoLevelsEncodeToTheNearestBelowTheNearest) {
  const Rows rows = ClusteredRows(2000, 10, 60, 1);
  const auto quantizer = VectorQuantizer::TrainTwoLevels(rows, {.k = 8}, 6, {}).value();
  ASSERT_EQ(quantizer.size(), 48u);
  const VectorQuantizer coarse(10, quantizer.coarse());
  std::vector<uint32_t> codes(rows.n), labels(rows.n);
  quantizer.Encode(rows, codes.data());
  coarse.Encode(rows, labels.data());
  for (size_t i = 0; i < rows.n; ++i) {
    EXPECT_EQ(codes[i] / 6, labels[i]);
    const double d = Distance(rows.row(i), quantizer.centroids().row(codes[i]), 10);
    for (size_t k = 0; k < 6; ++k) {
      EXPECT_LE(d, Distance(rows.row(i), quantizer.centroids().row(labels[i] * 6 + k), 10) + 1e-4);
    }
  }
  EXPECT_LT(quantizer.training_error(), 0.8 * coarse.QuantizationError(rows));
  const auto flat = VectorQuantizer::Train(rows, {.k = 48}, {}).value();
  EXPECT_LT(quantizer.training_error(), 1.5 * flat.training_error());
  ThreadPoolExecutor pool(2);
  TrainingContext context;
  context.executor = &pool;
  const auto again = VectorQuantizer::TrainTwoLevels(rows, {.k = 8}, 6, context).value();
  for (size_t i = 0; i < 480; ++i) {
    EXPECT_EQ(again.centroids().data()[i], quantizer.centroids().data()[i]);
  }
}

TEST(VectorQuantizer, SmallCellsRepeatTheirLastCentroid) {
  Rows rows{12, 1, {}};  // eleven rows near 0, one at 1,000
  for (size_t i = 0; i < 12; ++i) rows.data.push_back(i == 0 ? 1000.0f : static_cast<float>(i));
  const auto quantizer =
      VectorQuantizer::TrainTwoLevels(rows, {.k = 2, .iterations = 20, .seeding = Seeding::kPlusPlus}, 4, {})
          .value();
  uint32_t code;
  quantizer.Encode(rows.view().Slice(0, 1), &code);
  EXPECT_EQ(code % 4, 0u);
  for (uint32_t k = 0; k < 4; ++k) EXPECT_EQ(quantizer.centroids().row(code + k)[0], 1000.0f);
  EXPECT_EQ(VectorQuantizer::TrainTwoLevels(rows, {.k = 4}, 4, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tessera

#include "index/quant/table_train.h"

#include <gtest/gtest.h>

#include <cmath>

#include "index/product_quantizer.h"
#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(TableTrain, ProductCodesAreThoseOfTheProductQuantizer) {
  const Rows rows = ClusteredRows(700, 10, 40, 1);
  for (const uint32_t bits : {4u, 6u, 8u}) {
    const auto pq = ProductQuantizer::Train(rows, 3, bits, 4, {}).value();
    const auto code = TrainTableCode(Spec("PQ3x" + std::to_string(bits)), rows, 4, {}).value();
    EXPECT_EQ(code.codebooks(), pq.codebooks());
    ASSERT_EQ(code.code_bytes(), pq.code_bytes());
    EXPECT_EQ(code.scan_tables(), pq.scan_tables());
    std::vector<uint8_t> expected(rows.n * pq.code_bytes()), codes(expected.size());
    pq.Encode(rows, expected.data());
    code.Encode(rows, codes.data());
    EXPECT_EQ(codes, expected);
  }
}

double ErrorOf(const TableCode& code, const Rows& rows) {
  std::vector<uint8_t> codes(rows.n * code.code_bytes());
  std::vector<float> decoded(rows.data.size());
  code.Encode(rows, codes.data());
  code.Decode(codes.data(), rows.n, decoded.data());
  return Distance(rows.data.data(), decoded.data(), decoded.size()) / static_cast<double>(rows.n);
}

TEST(TableTrain, MoreBitsLoseLess) {
  const Rows rows = ClusteredRows(2000, 16, 40, 1);
  const auto error = [&](const char* spec) {
    return ErrorOf(TrainTableCode(Spec(spec), rows, 8, {}).value(), rows);
  };
  EXPECT_LT(error("PQ8x4"), error("PQ8x2"));
  EXPECT_LT(error("PQ8x6"), error("PQ8x4"));
}

TEST(TableTrain, SumsOfTwoSmallCodebooksLoseLessThanTwiceAsManySubSpaces) {
  const Rows rows = GaussianRows(4000, 16, 1);
  const auto error = [&](const char* spec) {
    return ErrorOf(TrainTableCode(Spec(spec), rows, 10, {}).value(), rows);
  };
  const double product = error("PQ8x4"), additive = error("PQ4x4+4"), free = error("PQ4x8");
  EXPECT_LT(additive, product);
  EXPECT_LT(free, additive);
}

// Dimensions that depend on each other across sub-spaces: what product codes cannot use.
TEST(TableTrain, ResidualCodesUseWhatProductCodesCannot) {
  const Rows few = GaussianRows(4000, 4, 1);
  const Rows mixing = GaussianRows(16, 4, 2);
  Rows rows{few.n, 16, std::vector<float>(few.n * 16)};
  for (size_t i = 0; i < few.n; ++i) {
    for (size_t j = 0; j < 16; ++j) {
      rows.data[i * 16 + j] = static_cast<float>(Product(few.row(i), mixing.row(j), 4));
    }
  }
  const auto error = [&](const char* spec) {
    return ErrorOf(TrainTableCode(Spec(spec), rows, 8, {}).value(), rows);
  };
  EXPECT_LT(error("RQ4x4"), 0.8 * error("PQ4x4"));
  EXPECT_LT(error("PRQ2x2x4"), error("PQ4x4"));
}

TEST(TableTrain, MixedBitsLoseLessWhereVariancesDiffer) {
  Rows rows = GaussianRows(3000, 16, 1);
  for (size_t i = 0; i < rows.data.size(); ++i) {
    rows.data[i] *= std::exp2(-0.4f * static_cast<float>(i % 16));
  }
  const auto error = [&](const char* spec) {
    return ErrorOf(TrainTableCode(Spec(spec), rows, 8, {}).value(), rows);
  };
  EXPECT_LT(error("MPQ4"), 0.8 * error("PQ8x4"));
}

class TableTrainKinds : public testing::TestWithParam<const char*> {};

TEST_P(TableTrainKinds, SameBytesAtAnyNumberOfThreads) {
  const Rows rows = ClusteredRows(1500, 16, 40, 8);
  const auto expected = TrainTableCode(Spec(GetParam()), rows, 3, {}).value();
  ThreadPoolExecutor pool(2);
  TrainingContext context;
  context.executor = &pool;
  EXPECT_EQ(TrainTableCode(Spec(GetParam()), rows, 3, context).value().codebooks(), expected.codebooks());
}

INSTANTIATE_TEST_SUITE_P(Kinds, TableTrainKinds, testing::Values("PQ4x8", "PQ8x2", "PQ4x4+4", "RQ3x8", "PRQ2x3x4", "MPQ5"));

}  // namespace
}  // namespace tessera::quant

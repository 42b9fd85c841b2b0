#include "index/quant/error_weights.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "index/quant/table_train.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

// Positive definite, with products between all dimensions: A^T A of a random A, and something on the diagonal.
std::vector<float> RandomWeights(size_t dim, uint64_t seed) {
  const Rows a = GaussianRows(dim, dim, seed);
  std::vector<float> matrix(dim * dim);
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = 0; j < dim; ++j) {
      for (size_t k = 0; k < dim; ++k) matrix[i * dim + j] += a.row(k)[i] * a.row(k)[j];
    }
    matrix[i * dim + i] += 0.1f;
  }
  return matrix;
}

double CostOf(const std::vector<float>& matrix, const float* error, size_t dim) {
  double cost = 0;
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = 0; j < dim; ++j) {
      cost += double{error[i]} * double{matrix[i * dim + j]} * double{error[j]};
    }
  }
  return cost;
}

// What each row costs by its code.
std::vector<double> Costs(const TableCode& code, const std::vector<float>& matrix, const Rows& rows,
                          const std::vector<uint8_t>& codes) {
  std::vector<float> errors(rows.data.size());
  code.Decode(codes.data(), rows.n, errors.data());
  for (size_t i = 0; i < errors.size(); ++i) errors[i] = rows.data[i] - errors[i];
  std::vector<double> costs(rows.n);
  for (size_t i = 0; i < rows.n; ++i) costs[i] = CostOf(matrix, errors.data() + i * rows.dim, rows.dim);
  return costs;
}

std::vector<uint8_t> Encoded(const TableCode& code, const Rows& rows) {
  std::vector<uint8_t> codes(rows.n * code.code_bytes());
  code.Encode(rows, codes.data());
  return codes;
}

class ErrorWeightsKinds : public testing::TestWithParam<const char*> {
 protected:
  const Rows rows_ = ClusteredRows(700, 12, 40, 3);
  const TableCode code_ = TrainTableCode(Spec(GetParam()), rows_, 3, {}).value();
};

TEST_P(ErrorWeightsKinds, LowersTheCostOfEveryRow) {
  const std::vector<float> matrix = RandomWeights(12, 5);
  std::vector<uint8_t> codes = Encoded(code_, rows_);
  const std::vector<double> before = Costs(code_, matrix, rows_, codes);
  ErrorWeights(matrix, code_).Improve(code_, rows_, codes.data());
  const std::vector<double> after = Costs(code_, matrix, rows_, codes);
  double sum_before = 0, sum_after = 0;
  for (size_t i = 0; i < rows_.n; ++i) {
    EXPECT_LE(after[i], before[i] * 1.0001 + 1e-3) << "row " << i;
    sum_before += before[i];
    sum_after += after[i];
  }
  EXPECT_LT(sum_after, 0.9 * sum_before);
}

TEST_P(ErrorWeightsKinds, BlocksDoNotMatter) {
  const ErrorWeights weights(RandomWeights(12, 5), code_);
  std::vector<uint8_t> whole = Encoded(code_, rows_);
  std::vector<uint8_t> single = whole;
  weights.Improve(code_, rows_, whole.data());
  for (size_t i = 0; i < rows_.n; ++i) {
    weights.Improve(code_, rows_.view().Slice(i, 1), single.data() + i * code_.code_bytes());
  }
  // Products are rounded differently for single rows: an equal choice may fall the other way.
  size_t different = 0;
  for (size_t i = 0; i < whole.size(); ++i) different += whole[i] != single[i];
  EXPECT_LE(different, whole.size() / 200);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ErrorWeightsKinds,
                         testing::Values("PQ4x8", "PQ3x6", "PQ5x4", "PQ6x2"));

TEST(ErrorWeights, OnePartGetsTheCheapestCodeword) {
  const Rows rows = GaussianRows(300, 6, 1);
  const TableCode code = TrainTableCode(Spec("PQ1x4"), rows, 3, {}).value();
  const std::vector<float> matrix = RandomWeights(6, 8);
  std::vector<uint8_t> codes = Encoded(code, rows);
  ErrorWeights(matrix, code).Improve(code, rows, codes.data());
  const std::vector<double> costs = Costs(code, matrix, rows, codes);
  std::vector<double> best(rows.n, 1e300);
  for (uint8_t k = 0; k < 16; ++k) {
    const std::vector<double> all = Costs(code, matrix, rows, std::vector<uint8_t>(rows.n, k));
    for (size_t i = 0; i < rows.n; ++i) best[i] = std::min(best[i], all[i]);
  }
  for (size_t i = 0; i < rows.n; ++i) EXPECT_NEAR(costs[i], best[i], 1e-4 * best[i] + 1e-4);
}

TEST(ErrorWeights, TheIdentityAndNoneLeaveTheNearestCodewords) {
  const Rows rows = ClusteredRows(500, 8, 40, 3);
  const TableCode code = TrainTableCode(Spec("PQ4x4"), rows, 3, {}).value();
  std::vector<float> identity(64);
  for (size_t j = 0; j < 8; ++j) identity[j * 9] = 1;
  const std::vector<uint8_t> nearest = Encoded(code, rows);
  std::vector<uint8_t> codes = nearest;
  EXPECT_TRUE(ErrorWeights().empty());
  ErrorWeights().Improve(code, rows, codes.data());
  EXPECT_EQ(codes, nearest);
  ErrorWeights(identity, code).Improve(code, rows, codes.data());
  EXPECT_EQ(Costs(code, identity, rows, codes), Costs(code, identity, rows, nearest));
}

TEST(ErrorWeights, CostSumsOverRows) {
  const Rows errors = GaussianRows(300, 7, 2);
  const std::vector<float> matrix = RandomWeights(7, 9);
  const TableCode code = TrainTableCode(Spec("PQ1x4"), errors, 1, {}).value();
  double expected = 0;
  for (size_t i = 0; i < errors.n; ++i) expected += CostOf(matrix, errors.row(i), 7);
  EXPECT_NEAR(ErrorWeights(matrix, code).Cost(errors.data.data(), errors.n), expected, 1e-5 * expected);
}

}  // namespace
}  // namespace tessera::quant

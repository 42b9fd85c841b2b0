// The rotation fitted to product codes.
#include "index/quant/opq.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "index/product_quantizer.h"
#include "index/quant/blas.h"
#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

// Rows of a few directions of great variance, spread over all dimensions by a rotation.
Rows SkewedRows(size_t n, size_t dim, uint64_t seed) {
  Rows rows = GaussianRows(n, dim, seed);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < dim; ++j) {
      rows.data[i * dim + j] *= std::pow(0.8f, static_cast<float>(j));
    }
  }
  Rows rotation = GaussianRows(dim, dim, 5);
  EXPECT_TRUE(OrthonormalizeRows(rotation.data.data(), dim));
  Rows out = rows;
  MultiplyTransposed(n, dim, dim, rows.data.data(), dim, rotation.data.data(), dim, out.data.data(),
                     dim);
  return out;
}

Rows Rotated(const Rows& rows, const std::vector<float>& rotation) {
  Rows out = rows;
  MultiplyTransposed(rows.n, rows.dim, rows.dim, rows.data.data(), rows.dim, rotation.data(),
                     rows.dim, out.data.data(), rows.dim);
  return out;
}

double CodeError(const Rows& rows, uint32_t m, uint32_t bits) {
  return ProductQuantizer::Train(rows, m, bits, 10, {}).value().QuantizationError(rows);
}

TEST(Opq, DealsEqualProductsToSubspaces) {
  // Greatest first: 16 | 8 | 4, then 2 to the third, 1 (logarithm 0) to the first that has room.
  EXPECT_EQ(DealToSubspaces({16, 8, 4, 2, 1, 1}, 3), (std::vector<uint32_t>{0, 5, 1, 4, 2, 3}));
  EXPECT_EQ(DealToSubspaces({1, 2, 3, 4}, 1), (std::vector<uint32_t>{3, 2, 1, 0}));
  // Scale does not matter, nor values below 1.
  EXPECT_EQ(DealToSubspaces({.16f, .08f, .04f, .02f}, 2), DealToSubspaces({16, 8, 4, 2}, 2));
  EXPECT_EQ(DealToSubspaces({.16f, .08f, .04f, .02f}, 2), (std::vector<uint32_t>{0, 3, 1, 2}));
}

TEST(Opq, DealsEveryValueOnceToSubspacesOfUnequalSizes) {
  for (const uint32_t dim : {1u, 7u, 10u, 100u}) {
    for (uint32_t m = 1; m <= std::min(dim, 25u); ++m) {
      std::vector<float> values(dim);
      for (uint32_t j = 0; j < dim; ++j) values[j] = j % 3 == 0 ? 0.0f : static_cast<float>(j);
      std::vector<uint32_t> order = DealToSubspaces(values, m);
      std::sort(order.begin(), order.end());
      for (uint32_t j = 0; j < dim; ++j) ASSERT_EQ(order[j], j) << dim << " " << m;
    }
  }
}

TEST(Opq, IsOrthogonal) {
  const Rows rows = SkewedRows(1000, 50, 1);
  const Rows rotation{50, 50, TrainRotation(rows, 7, 4, {}).value()};
  for (size_t i = 0; i < 50; ++i) {
    for (size_t j = 0; j < 50; ++j) {
      EXPECT_NEAR(Product(rotation.row(i), rotation.row(j), 50), i == j, 5e-6) << i << " " << j;
    }
  }
}

TEST(Opq, LosesFarLessThanNoRotation) {
  const Rows rows = SkewedRows(4000, 22, 2);
  for (const uint32_t bits : {4u, 8u}) {
    const double plain = CodeError(rows, 4, bits);
    const Rows rotated = Rotated(rows, TrainRotation(rows, 4, bits, {}).value());
    EXPECT_LT(CodeError(rotated, 4, bits), 0.7 * plain) << bits;
  }
}

// The alternations gain over the principal directions they start from.
TEST(Opq, LosesLessThanPrincipalDirections) {
  const size_t dim = 24;
  const Rows rows = ClusteredRows(4000, dim, 40, 3);
  std::vector<float> directions(dim * dim);
  std::vector<float> variances(dim);
  MultiplyColumns(dim, dim, rows.n, rows.data.data(), dim, rows.data.data(), dim, directions.data(),
                  dim);
  ASSERT_TRUE(EigenvectorRows(directions.data(), dim, variances.data()));
  std::vector<float> start;
  for (const uint32_t index : DealToSubspaces(variances, 6)) {
    const auto row = directions.begin() + static_cast<ptrdiff_t>(index * dim);
    start.insert(start.end(), row, row + static_cast<ptrdiff_t>(dim));
  }
  EXPECT_LT(CodeError(Rotated(rows, TrainRotation(rows, 6, 4, {}).value()), 6, 4),
            0.97 * CodeError(Rotated(rows, start), 6, 4));
}

TEST(Opq, SameBytesAtAnyNumberOfThreadsAndStride) {
  const Rows rows = SkewedRows(3000, 70, 4);
  const std::vector<float> expected = TrainRotation(rows, 9, 4, {}).value();
  for (const size_t threads : {1u, 3u}) {
    ThreadPoolExecutor pool(threads);
    TrainingContext context;
    context.executor = &pool;
    EXPECT_EQ(TrainRotation(rows, 9, 4, context).value(), expected);
  }
  Rows wide{rows.n, 75, std::vector<float>(rows.n * 75, 1e30f)};
  for (size_t i = 0; i < rows.n; ++i) std::copy_n(rows.row(i), 70, wide.data.data() + i * 75);
  EXPECT_EQ(TrainRotation({wide.data.data(), rows.n, 70, 75}, 9, 4, {}).value(), expected);
}

TEST(Opq, StopsAndTells) {
  const Rows rows = SkewedRows(500, 10, 5);
  auto cancelled = std::make_shared<std::atomic<bool>>(false);
  TrainingContext context;
  context.stop = StopToken(StopToken::Clock::time_point::max(), cancelled);
  std::vector<double> told;
  context.progress = [&](double fraction, const char* stage) {
    EXPECT_STREQ(stage, "rotation");
    told.push_back(fraction);
    if (fraction > 0.5) cancelled->store(true);
  };
  EXPECT_EQ(TrainRotation(rows, 5, 4, context).status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_LT(told.back(), 0.7);
}

TEST(PrincipalRotation, VariancesDescendAndDirectionsAreOrthonormal) {
  Rows rows = GaussianRows(2000, 6, 3);
  for (size_t i = 0; i < rows.data.size(); ++i) rows.data[i] *= i % 6 == 4 ? 5.0f : i % 6 == 1 ? 3.0f : 1.0f;
  const auto rotation = PrincipalRotation(rows, {}).value();
  EXPECT_NEAR(std::fabs(rotation[0 * 6 + 4]), 1, 0.02);
  EXPECT_NEAR(std::fabs(rotation[1 * 6 + 1]), 1, 0.02);
  for (size_t a = 0; a < 6; ++a) {
    for (size_t b = 0; b < 6; ++b) {
      EXPECT_NEAR(Product(&rotation[a * 6], &rotation[b * 6], 6), a == b ? 1 : 0, 1e-4);
    }
  }
}

}  // namespace
}  // namespace tessera::quant

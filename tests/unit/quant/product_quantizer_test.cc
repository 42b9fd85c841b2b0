#include "index/product_quantizer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>

#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera {
namespace {

using quant::ClusteredRows;
using quant::Distance;
using quant::GaussianRows;
using quant::Rows;

struct Shape {
  uint32_t dim, m, bits;
};

class ProductQuantizerShapes : public testing::TestWithParam<Shape> {};

TEST_P(ProductQuantizerShapes, CodesAreNearestInEverySubSpace) {
  const auto [dim, m, bits] = GetParam();
  const Rows rows = ClusteredRows(700, dim, 40, 1);
  const auto pq = ProductQuantizer::Train(rows, m, bits, 5, {}).value();
  ASSERT_EQ(pq.bound(0), 0u);
  ASSERT_EQ(pq.bound(m), dim);
  std::vector<uint8_t> codes(rows.n * pq.code_bytes());
  pq.Encode(rows, codes.data());
  std::vector<float> decoded(rows.data.size());
  pq.Decode(codes.data(), rows.n, decoded.data());
  for (size_t i = 0; i < rows.n; ++i) {
    for (uint32_t s = 0; s < m; ++s) {
      const uint32_t begin = pq.bound(s), dsub = pq.bound(s + 1) - begin;
      ASSERT_GE(dsub, dim / m);
      double best = std::numeric_limits<double>::max();
      for (uint32_t k = 0; k < pq.ksub(); ++k) {
        double d = 0;
        for (uint32_t j = 0; j < dsub; ++j) {
          const double e =
              double{rows.row(i)[begin + j]} - double{pq.codebook(s)[j * pq.ksub() + k]};
          d += e * e;
        }
        best = std::min(best, d);
      }
      EXPECT_NEAR(Distance(rows.row(i) + begin, &decoded[i * dim + begin], dsub), best, 1e-4);
    }
  }
}

TEST_P(ProductQuantizerShapes, DistancesAreThoseOfDecodedVectors) {
  const auto [dim, m, bits] = GetParam();
  const Rows rows = GaussianRows(300, dim, 2);
  const auto pq = ProductQuantizer::Train(rows, m, bits, 3, {}).value();
  std::vector<uint8_t> codes(rows.n * pq.code_bytes());
  pq.Encode(rows, codes.data());
  std::vector<float> decoded(rows.data.size());
  pq.Decode(codes.data(), rows.n, decoded.data());
  const auto code = [&](size_t i) { return codes.data() + i * pq.code_bytes(); };
  double sum = 0;
  for (size_t i = 0; i < rows.n; ++i) {
    const float* x = decoded.data() + i * dim;
    const size_t other = (i + 1) % rows.n;
    const float* y = decoded.data() + other * dim;
    EXPECT_NEAR(pq.SymmetricDistance(code(i), code(other)), Distance(x, y, dim), 1e-3);
    EXPECT_NEAR(pq.AsymmetricDistance(rows.row(other), code(i)), Distance(rows.row(other), x, dim),
                1e-3);
    sum += Distance(rows.row(i), x, dim);
  }
  EXPECT_EQ(pq.SymmetricDistance(code(0), code(0)), 0);
  EXPECT_NEAR(pq.QuantizationError(rows), sum / static_cast<double>(rows.n), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ProductQuantizerShapes,
                         testing::Values(Shape{16, 4, 8}, Shape{16, 4, 4}, Shape{10, 3, 8},
                                         Shape{10, 3, 4}, Shape{7, 7, 4}, Shape{5, 1, 8},
                                         Shape{70, 2, 8}, Shape{16, 4, 6}, Shape{10, 3, 6},
                                         Shape{13, 13, 6}, Shape{10, 6, 6}, Shape{3, 1, 6}));

TEST(ProductQuantizer, OddNumberOfNibblesLeavesTheLastZero) {
  const Rows rows = GaussianRows(100, 6, 1);
  const auto pq = ProductQuantizer::Train(rows, 3, 4, 2, {}).value();
  ASSERT_EQ(pq.code_bytes(), 2u);
  std::vector<uint8_t> codes(200);
  pq.Encode(rows, codes.data());
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(codes[2 * i + 1] >> 4, 0);
}

// One dimension a sub-space, codeword k = k, so that a row is its own code.
TEST(ProductQuantizer, GoldenBytesOfSixBits) {
  constexpr uint32_t kDim = 7;
  std::vector<float> codebooks(kDim * 64);
  for (size_t i = 0; i < codebooks.size(); ++i) codebooks[i] = static_cast<float>(i % 64);
  const Rows row{1, kDim, {1, 2, 3, 0b100111, 63, 0, 5}};
  for (const auto& [m, golden] :
       std::vector<std::pair<uint32_t, std::vector<uint8_t>>>{{7, {0xc1, 0x42, 0x83, 63, 0, 5}},
                                                              {6, {0xc1, 0x42, 0x83, 63, 0}},
                                                              {5, {0xc1, 0x42, 0x83, 63}},
                                                              {4, {0xc1, 0x42, 0x83}},
                                                              {3, {1, 2, 3}}}) {
    const ProductQuantizer pq(m, m, 6, {codebooks.begin(), codebooks.begin() + m * 64});
    ASSERT_EQ(pq.code_bytes(), golden.size());
    EXPECT_EQ(pq.scan_tables(), golden.size() / 3 * 4 + golden.size() % 3);
    std::vector<uint8_t> code(golden.size());
    pq.Encode({row.data.data(), 1, m}, code.data());
    EXPECT_EQ(code, golden);
    std::vector<float> decoded(m);
    pq.Decode(code.data(), 1, decoded.data());
    EXPECT_EQ(decoded, std::vector<float>(row.data.begin(), row.data.begin() + m));
  }
}

TEST(ProductQuantizer, SubSpacesDifferByAtMostOne) {
  const ProductQuantizer pq(11, 4, 4, std::vector<float>(11 * 16));
  EXPECT_EQ(pq.bound(1), 3u);  // round(2.75)
  EXPECT_EQ(pq.bound(2), 6u);  // round(5.5)
  EXPECT_EQ(pq.bound(3), 8u);  // round(8.25)
  EXPECT_EQ(pq.bound(4), 11u);
}

TEST(ProductQuantizer, NormsAreThoseOfCodewords) {
  const Rows rows = GaussianRows(300, 6, 1);
  const auto pq = ProductQuantizer::Train(rows, 2, 8, 1, {}).value();
  for (uint32_t s = 0; s < 2; ++s) {
    for (uint32_t k = 0; k < 256; ++k) {
      double norm = 0;
      for (uint32_t j = 0; j < 3; ++j) norm += std::pow(double{pq.codebook(s)[j * 256 + k]}, 2);
      EXPECT_NEAR(pq.norms(s)[k], norm, 1e-5);
    }
  }
}

TEST(ProductQuantizer, SameBytesAtAnyNumberOfThreads) {
  const Rows rows = ClusteredRows(2000, 24, 40, 8);
  const auto expected = ProductQuantizer::Train(rows, 5, 8, 3, {}).value().codebooks();
  for (const size_t threads : {1u, 2u, 4u}) {
    ThreadPoolExecutor pool(threads);
    TrainingContext context;
    context.executor = &pool;
    EXPECT_EQ(ProductQuantizer::Train(rows, 5, 8, 3, context).value().codebooks(), expected);
  }
}

TEST(ProductQuantizer, RefusesBadArguments) {
  Rows rows = GaussianRows(300, 6, 1);
  const auto message = [&](uint32_t m, uint32_t bits) {
    const auto result = ProductQuantizer::Train(rows, m, bits, 1, {});
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    return MessageOf(result.status());
  };
  EXPECT_EQ(message(3, 7), "bits must be 4, 6 or 8, got 7");
  EXPECT_EQ(message(0, 8), "m must be in 1..6 (the dimension), got 0");
  EXPECT_EQ(message(7, 8), "m must be in 1..6 (the dimension), got 7");
  rows.data[6 * 200 + 5] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(message(3, 8), "rows[200][5] is infinite");
  const Rows few = GaussianRows(255, 6, 1);
  EXPECT_EQ(MessageOf(ProductQuantizer::Train(few, 3, 8, 1, {}).status()),
            "product quantizer of 8 bits needs at least 256 rows, got 255");
}

TEST(ProductQuantizer, ProgressComesOnTheTrainingThreadAndRises) {
  const Rows rows = GaussianRows(400, 32, 1);
  ThreadPoolExecutor pool(2);
  TrainingContext context;
  context.executor = &pool;
  std::vector<double> told;
  const auto thread = std::this_thread::get_id();
  context.progress = [&](double fraction, const char*) {
    EXPECT_EQ(std::this_thread::get_id(), thread);
    told.push_back(fraction);
  };
  ASSERT_TRUE(ProductQuantizer::Train(rows, 16, 4, 2, context).ok());
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), 1.0);
}

TEST(ProductQuantizer, StopsWhenCancelled) {
  const Rows rows = GaussianRows(400, 32, 1);
  TrainingContext context;
  context.stop = StopToken(StopToken::Clock::time_point::max(),
                           std::make_shared<const std::atomic<bool>>(true));
  EXPECT_EQ(ProductQuantizer::Train(rows, 4, 4, 2, context).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace tessera

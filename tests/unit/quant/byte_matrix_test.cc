// Products by integers against those of floats.
#include "index/quant/byte_matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(QuantizeVector, KeepsEveryComponentWithinHalfAStep) {
  const Rows v = GaussianRows(1, 37, 3);
  ByteVector bytes;
  QuantizeVector(v.row(0), 37, bytes);
  ASSERT_EQ(bytes.bytes.size(), 40u);
  for (size_t j = 0; j < 40; ++j) {
    const float want = j < 37 ? v.row(0)[j] : 0.0f;
    EXPECT_NEAR(bytes.bytes[j] * bytes.step, want, 0.501f * bytes.step);
  }
}

TEST(QuantizeLimbs, KeepsEveryComponentAtFourteenBits) {
  const Rows v = GaussianRows(1, 37, 4);
  float most = 0;
  for (size_t j = 0; j < 37; ++j) most = std::max(most, std::fabs(v.row(0)[j]));
  LimbVector limbs;
  QuantizeLimbs(v.row(0), 37, limbs);
  EXPECT_NEAR(limbs.step, most / 8064, 1e-9);
  int64_t sum = 0;
  for (size_t j = 0; j < 37; ++j) {
    const int32_t code = 128 * limbs.high()[j] + limbs.low()[j];
    EXPECT_NEAR(code * limbs.step, v.row(0)[j], 0.51f * limbs.step);
    sum += code;
  }
  EXPECT_EQ(limbs.sum(), sum);
}

TEST(Quantize, ExtremesStayFinite) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<std::vector<float>> hostile = {
      {0, 0, 0}, {1e-45f, 0, -1e-45f}, {3e38f, -3e38f, 1}, {inf, -inf, std::nanf("")}};
  for (const auto& v : hostile) {
    ByteVector bytes;
    QuantizeVector(v.data(), 3, bytes);
    EXPECT_TRUE(std::isfinite(bytes.step) && bytes.step > 0);
    LimbVector limbs;
    QuantizeLimbs(v.data(), 3, limbs);
    EXPECT_TRUE(std::isfinite(limbs.step) && limbs.step > 0);
    EXPECT_LE(std::abs(limbs.high()[0]), 63);
  }
}

TEST(ByteMatrix, ProductsAreThoseOfItsBytes) {
  for (const size_t dim : {1u, 3u, 4u, 30u, 64u}) {
    const Rows rows = GaussianRows(50, dim, 1);
    const Rows vectors = GaussianRows(3, dim, 2);
    const ByteMatrix matrix(rows.data.data(), 50, dim);
    ASSERT_EQ(matrix.padded_rows(), 64u);
    std::vector<int8_t> packed(3 * matrix.padded_dim());
    float steps[3];
    int64_t sums[3];
    for (size_t i = 0; i < 3; ++i) {
      ByteVector v;
      QuantizeVector(vectors.row(i), dim, v);
      std::copy(v.bytes.begin(), v.bytes.end(), packed.begin() + i * matrix.padded_dim());
      steps[i] = v.step;
      sums[i] = std::accumulate(v.bytes.begin(), v.bytes.end(), int64_t{0});
    }
    std::vector<int32_t> products(3 * 64);
    matrix.Products(packed.data(), 3, matrix.padded_dim(), products.data(), 64);
    for (size_t i = 0; i < 3; ++i) {
      for (size_t r = 0; r < 50; ++r) {
        const double found = static_cast<double>(products[i * 64 + r] - 128 * sums[i]) *
                             double{matrix.step()} * double{steps[i]};
        // Half a step of either side on each component, and some of them add up.
        const double bound = 0.15 * std::sqrt(static_cast<double>(dim)) + 0.05;
        EXPECT_NEAR(found, Product(rows.row(r), vectors.row(i), dim), bound) << dim << " " << r;
      }
    }
  }
}

TEST(LimbMatrix, MultipliesAlmostLikeFloats) {
  for (const size_t dim : {1u, 5u, 64u, 200u}) {
    const Rows rows = GaussianRows(dim, dim, 1);
    constexpr size_t kVectors = 5;
    const Rows v = GaussianRows(kVectors, dim, 2);
    const LimbMatrix matrix(rows.data.data(), dim, dim);
    EXPECT_EQ(matrix.rows(), dim);
    std::vector<LimbVector> limbs(kVectors);
    std::vector<std::vector<float>> found(kVectors, std::vector<float>(dim));
    std::vector<const LimbVector*> vectors;
    std::vector<float*> outs;
    for (size_t i = 0; i < kVectors; ++i) {
      QuantizeLimbs(v.row(i), dim, limbs[i]);
      vectors.push_back(&limbs[i]);
      outs.push_back(found[i].data());
    }
    LimbMatrix::Scratch scratch;
    matrix.Multiply(vectors, scratch, outs);
    for (size_t i = 0; i < kVectors; ++i) {
      for (size_t r = 0; r < dim; ++r) {
        // Each component is off by at most half of 1/8064 of its row's or vector's largest.
        EXPECT_NEAR(found[i][r], Product(rows.row(r), v.row(i), dim),
                    2e-3 * std::sqrt(static_cast<double>(dim)));
      }
      // One at a time gives the same bits.
      std::vector<float> alone(dim);
      float* out[] = {alone.data()};
      matrix.Multiply({&vectors[i], 1}, scratch, out);
      EXPECT_EQ(alone, found[i]);
    }
  }
}

}  // namespace
}  // namespace tessera::quant

#include "index/quant/rotated_bits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "index/quant/blas.h"
#include "tests/unit/quant/best_rotated_bits.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kDim = 64;

double Cosine(const float* r, const std::vector<uint8_t>& codes, uint32_t bits) {
  double product = 0, square = 0, norm = 0;
  for (size_t j = 0; j < codes.size(); ++j) {
    const double u = double{RotatedLevel(codes[j], bits)};
    product += u * double{r[j]};
    square += u * u;
    norm += double{r[j]} * double{r[j]};
  }
  return product / std::sqrt(square * norm);
}

TEST(RotatedBits, OneBitIsTheSigns) {
  const Rows r = GaussianRows(1, kDim, 1);
  std::vector<uint8_t> codes(kDim);
  const RotatedFit fit = FitRotatedBits(r.row(0), kDim, 1, codes.data());
  double sum = 0;
  for (uint32_t j = 0; j < kDim; ++j) {
    EXPECT_EQ(codes[j], r.row(0)[j] < 0 ? 0 : 1);
    sum += 0.5 * std::fabs(double{r.row(0)[j]});
  }
  EXPECT_NEAR(fit.scale, Product(r.row(0), r.row(0), kDim) / sum, 1e-4);
}

TEST(RotatedBits, AnglesAreThoseOfTheExactSearch) {
  const Rows r = GaussianRows(40, kDim, 2);
  std::vector<uint8_t> codes(kDim);
  for (uint32_t bits = 2; bits <= 8; ++bits) {
    double found = 0, best = 0;
    for (size_t i = 0; i < r.n; ++i) {
      FitRotatedBits(r.row(i), kDim, bits, codes.data());
      for (const uint8_t code : codes) ASSERT_LT(code, 1u << bits);
      const double cosine = Cosine(r.row(i), codes, bits);
      const double exact = BestCosine(r.row(i), kDim, bits);
      EXPECT_LE(cosine, exact + 1e-6);
      found += 1 - cosine * cosine;
      best += 1 - exact * exact;
    }
    // With many levels the exact search has thousands of scales to choose from.
    EXPECT_LT(found, (bits <= 5 ? 1.05 : 1.15) * best) << bits << " bits: squared sine";
  }
}

// Over random rotations of one pair of vectors: the mean error is 0, and errors spread as said.
TEST(RotatedBits, EstimatesHaveNoBiasAndErrAsMuchAsTheySay) {
  constexpr int kRotations = 400;
  const Rows rows = GaussianRows(2, kDim, 5);
  const double exact = Product(rows.row(0), rows.row(1), kDim);
  const double y_norm = std::sqrt(Product(rows.row(1), rows.row(1), kDim));
  Random random(7);
  for (const uint32_t bits : {1u, 2u, 4u}) {
    double sum = 0, squares = 0, claimed = 0;
    int beyond = 0;
    for (int i = 0; i < kRotations; ++i) {
      std::vector<float> rotation(kDim * kDim);
      for (float& v : rotation) v = static_cast<float>(random.Gaussian());
      ASSERT_TRUE(OrthonormalizeRows(rotation.data(), kDim));
      std::vector<float> turned(2 * kDim);
      for (uint32_t j = 0; j < 2 * kDim; ++j) {
        turned[j] =
            static_cast<float>(Product(rows.row(j / kDim), &rotation[j % kDim * kDim], kDim));
      }
      std::vector<uint8_t> codes(kDim);
      const RotatedFit fit = FitRotatedBits(turned.data(), kDim, bits, codes.data());
      double estimate = 0;
      for (uint32_t j = 0; j < kDim; ++j) {
        estimate +=
            double{fit.scale} * double{RotatedLevel(codes[j], bits)} * double{turned[kDim + j]};
      }
      const double error = estimate - exact;
      const double deviation = double{fit.spread} * y_norm;
      sum += error;
      squares += error * error;
      claimed += deviation * deviation;
      beyond += std::fabs(error) > 3 * deviation;
    }
    const double deviation = std::sqrt(squares / kRotations);
    EXPECT_LT(std::fabs(sum / kRotations), 3.5 * deviation / std::sqrt(kRotations)) << bits;
    EXPECT_NEAR(squares / claimed, 1.0, 0.25) << bits;
    EXPECT_LE(beyond, kRotations / 100) << bits;
  }
}

TEST(RotatedBits, ZeroAndExtremeVectorsGiveFiniteNumbers) {
  std::vector<uint8_t> codes(kDim);
  for (const float value : {0.0f, 1e-44f, 1e-30f, 1e18f}) {
    for (const uint32_t bits : {1u, 4u, 8u}) {
      std::vector<float> r(kDim, value);
      r[0] = -value;
      const RotatedFit fit = FitRotatedBits(r.data(), kDim, bits, codes.data());
      EXPECT_TRUE(std::isfinite(fit.scale) && std::isfinite(fit.spread)) << value;
      EXPECT_GE(fit.spread, 0);
      if (value == 0) {
        EXPECT_EQ(fit.scale, 0);
      }
      for (const uint8_t code : codes) EXPECT_LT(code, 1u << bits);
    }
  }
}

}  // namespace
}  // namespace tessera::quant

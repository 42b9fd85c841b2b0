#include "index/quant/beam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "index/quant/nearest.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kDims = 6, kEntries = 16, kStages = 3;

class Beam : public testing::Test {
 protected:
  Beam() : codebooks_(GaussianRows(kStages, size_t{kDims} * kEntries, 5, 0.7f)), rows_(GaussianRows(130, kDims, 6)) {
    std::vector<const float*> pointers;
    for (uint32_t t = 0; t < kStages; ++t) pointers.push_back(codebooks_.row(t));
    encoder_ = BeamEncoder(pointers, kEntries, kDims);
  }
  double Error(size_t i, const uint8_t* indices) const {
    double sum = 0;
    for (uint32_t j = 0; j < kDims; ++j) {
      double d = double{rows_.row(i)[j]};
      for (uint32_t t = 0; t < kStages; ++t) d -= double{codebooks_.row(t)[j * kEntries + indices[t]]};
      sum += d * d;
    }
    return sum;
  }
  std::vector<uint8_t> Encode(uint32_t width) const {
    std::vector<uint8_t> indices(rows_.n * kStages);
    encoder_.Encode(rows_, width, indices.data());
    return indices;
  }

  Rows codebooks_, rows_;
  BeamEncoder encoder_;
};

TEST_F(Beam, OfOneIsGreedy) {
  const auto indices = Encode(1);
  for (size_t i = 0; i < rows_.n; ++i) {
    std::vector<double> residual(rows_.row(i), rows_.row(i) + kDims);
    for (uint32_t t = 0; t < kStages; ++t) {
      const auto distance = [&](uint32_t k) {
        double sum = 0;
        for (uint32_t j = 0; j < kDims; ++j) {
          sum += std::pow(residual[j] - double{codebooks_.row(t)[j * kEntries + k]}, 2);
        }
        return sum;
      };
      const uint32_t chosen = indices[i * kStages + t];
      for (uint32_t k = 0; k < kEntries; ++k) EXPECT_LE(distance(chosen), distance(k) + 1e-4);
      for (uint32_t j = 0; j < kDims; ++j) residual[j] -= double{codebooks_.row(t)[j * kEntries + chosen]};
    }
  }
}

TEST_F(Beam, OfAllSumsIsExact) {
  const auto indices = Encode(kEntries * kEntries);
  for (size_t i = 0; i < rows_.n; ++i) {
    double best = std::numeric_limits<double>::max();
    for (uint32_t code = 0; code < kEntries * kEntries * kEntries; ++code) {
      const uint8_t one[] = {uint8_t(code % 16), uint8_t(code / 16 % 16), uint8_t(code / 256)};
      best = std::min(best, Error(i, one));
    }
    EXPECT_NEAR(Error(i, &indices[i * kStages]), best, 1e-4);
  }
}

TEST_F(Beam, SquaresThatOverflowGetTheFirstCodewords) {
  const float huge[kDims] = {3e38f, 3e38f, 3e38f, -3e38f, 0, 0};
  uint8_t indices[kStages] = {9, 9, 9};
  encoder_.Encode({huge, 1, kDims}, 4, indices);
  for (const uint8_t index : indices) EXPECT_LT(index, kEntries);
}

TEST_F(Beam, BytesCountTheCrossProducts) {
  EXPECT_EQ(encoder_.bytes(), (kStages * kEntries * (kDims + 1) + 3 * kEntries * kEntries) * sizeof(float));
}

}  // namespace
}  // namespace tessera::quant

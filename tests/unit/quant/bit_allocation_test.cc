#include "index/quant/bit_allocation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "index/quant/random.h"
#include "index/quant/table_code.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(BitAllocation, SubSpacesHaveFourBitsOnAverage) {
  EXPECT_EQ(MixedSubSpaces(128, 16), 32u);
  EXPECT_EQ(MixedSubSpaces(100, 8), 17u);   // of 6
  EXPECT_EQ(MixedSubSpaces(784, 16), 98u);  // of 8 at most
  EXPECT_EQ(MixedSubSpaces(100, 100), 100u);
}

TEST(BitAllocation, FollowsTheVariances) {
  std::vector<double> variances(32);
  for (size_t j = 0; j < 32; ++j) variances[j] = std::exp2(-0.5 * static_cast<double>(j));
  const auto bits = DealBits(variances, 16, 6);
  EXPECT_EQ(std::accumulate(bits.begin(), bits.end(), 0u), 48u);
  EXPECT_EQ(bits.front(), 8);
  EXPECT_EQ(bits.back(), 0);
  EXPECT_TRUE(std::is_sorted(bits.rbegin(), bits.rend()));
  const auto equal = DealBits(std::vector<double>(32, 2.0), 16, 8);
  EXPECT_EQ(equal, std::vector<uint8_t>(16, 4));
}

TEST(BitAllocation, AlwaysFillsWholeBytes) {
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    const auto dim = static_cast<uint32_t>(1 + random.Below(60));
    const auto bytes = static_cast<uint32_t>(1 + random.Below(dim));
    std::vector<double> variances(dim);
    for (double& v : variances) v = random.Below(5) == 0 ? 0 : std::exp(3 * random.Gaussian());
    const auto bits = DealBits(variances, MixedSubSpaces(dim, bytes), bytes);
    ASSERT_TRUE(CheckMixedBits(bits, dim, bytes).ok()) << CheckMixedBits(bits, dim, bytes);
    TableLayout layout = MixedLayout(dim, bits);
    const size_t floats = layout.floats();
    const TableCode code(std::move(layout), std::vector<float>(floats));
    EXPECT_EQ(code.code_bytes(), bytes) << dim;
  }
}

TEST(BitAllocation, BitsThatDoNotFitAreRefused) {
  const std::vector<uint8_t> good = DealBits(std::vector<double>(8, 1.0), 4, 2);
  EXPECT_EQ(good, std::vector<uint8_t>(4, 4));
  EXPECT_TRUE(CheckMixedBits(good, 8, 2).ok());
  EXPECT_FALSE(CheckMixedBits({4, 4, 4}, 8, 2).ok());
  EXPECT_FALSE(CheckMixedBits({4, 4, 4, 2}, 8, 2).ok());
  EXPECT_FALSE(CheckMixedBits({5, 3, 4, 4}, 8, 2).ok());
  EXPECT_FALSE(CheckMixedBits({6, 6, 4, 0}, 8, 2).ok());
  EXPECT_FALSE(CheckMixedBits({10, 6, 0, 0}, 8, 2).ok());
}

}  // namespace
}  // namespace tessera::quant

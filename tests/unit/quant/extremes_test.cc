#include "index/quant/extremes.h"

#include <gtest/gtest.h>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(Extremes, EveryPlaceIsSeen) {
  for (const size_t n : {16u, 32u, 256u}) {
    for (size_t at = 0; at < n; ++at) {
      std::vector<float> values(n, 1.0f);
      values[at] = -5.0f;
      values[(at + 3) % n] = 9.0f;
      const Range range = FindRange(values.data(), n);
      EXPECT_EQ(range.low, -5.0f);
      EXPECT_EQ(range.high, 9.0f);
    }
  }
}

TEST(Extremes, EqualValues) {
  const std::vector<float> values(48, -2.5f);
  const Range range = FindRange(values.data(), 48);
  EXPECT_EQ(range.low, -2.5f);
  EXPECT_EQ(range.high, -2.5f);
}

}  // namespace
}  // namespace tessera::quant

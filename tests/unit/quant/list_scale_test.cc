#include "index/quant/list_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace tessera::quant {
namespace {

TEST(ListScale, IsTheRootMeanSquareOfAListDrawnToThatOfAll) {
  // List 0: 90 rows of length 1, list 1: 10 rows of length 7, list 2: none. Mean square: 5.8.
  std::vector<float> rows;
  std::vector<uint32_t> labels;
  for (int i = 0; i < 100; ++i) {
    const float length = i < 90 ? 1.0f : 7.0f;
    rows.push_back(i % 2 == 0 ? length : 0.0f);
    rows.push_back(i % 2 == 0 ? 0.0f : -length);
    labels.push_back(i < 90 ? 0 : 1);
  }
  const std::vector<float> scales = MeasureListScales({rows.data(), 100, 2}, labels, 3);
  ASSERT_EQ(scales.size(), 3u);
  EXPECT_NEAR(scales[0], std::sqrt((90 / 5.8 + 10) / 100), 1e-6);
  EXPECT_NEAR(scales[1], std::sqrt((490 / 5.8 + 10) / 20), 1e-6);
  EXPECT_EQ(scales[2], 1);
  const std::vector<float> divided = DivideByScales({rows.data(), 100, 2}, labels, scales);
  EXPECT_EQ(divided[0], 1 / scales[0]);
  EXPECT_EQ(divided[2 * 99 + 1], -7 / scales[1]);
}

TEST(ListScale, IsOneWhereNothingIsLeftOrSquaresOverflow) {
  const std::vector<uint32_t> labels = {0, 1, 1};
  for (const float value : {0.0f, 1e38f, std::numeric_limits<float>::infinity()}) {
    const std::vector<float> rows(3 * 2, value);
    for (const float scale : MeasureListScales({rows.data(), 3, 2}, labels, 2)) {
      EXPECT_EQ(scale, 1) << value;
    }
  }
}

// Many equal rows in one list: nothing is divided by zero.
TEST(ListScale, StaysWithinBounds) {
  std::vector<float> rows(200000, 0.0f);
  std::vector<uint32_t> labels(200000, 0);
  rows[0] = 1e6f;
  labels[0] = 1;
  const std::vector<float> scales = MeasureListScales({rows.data(), 200000, 1}, labels, 2);
  EXPECT_GE(scales[0], 1.0f / 1024);
  EXPECT_LT(scales[0], 0.01f);
  EXPECT_LE(scales[1], 1024);
  EXPECT_GT(scales[1], 100);
}

}  // namespace
}  // namespace tessera::quant

#include "index/scalar_type.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tessera {
namespace {

TEST(ScalarType, LimitsAndNames) {
  EXPECT_EQ((ScalarType{8, true}.lowest()), -128);
  EXPECT_EQ((ScalarType{8, true}.highest()), 127);
  EXPECT_EQ((ScalarType{6, true}.lowest()), -32);
  EXPECT_EQ((ScalarType{6, true}.highest()), 31);
  EXPECT_EQ((ScalarType{4, true}.lowest()), -8);
  EXPECT_EQ((ScalarType{4, true}.highest()), 7);
  EXPECT_EQ((ScalarType{8, false}.highest()), 255);
  EXPECT_EQ((ScalarType{6, false}.highest()), 63);
  EXPECT_EQ((ScalarType{4, false}.highest()), 15);
  EXPECT_EQ((ScalarType{4, false}.lowest()), 0);
  EXPECT_EQ((ScalarType{6, false}.Name()), "u6");
}

TEST(ScalarType, RefusesByName) {
  EXPECT_TRUE((ScalarType{6, true}.Validate().ok()));
  EXPECT_EQ((ScalarType{5, true}.Validate()), InvalidArgument("type.bits is 5, expected 8, 6 or 4"));
  EXPECT_TRUE(CheckParams({1e-30f, 15}, {4, false}).ok());
  EXPECT_EQ(CheckParams({1, 16}, {4, false}),
            InvalidArgument("zero_point is 16, expected 0 to 15 (u4)"));
  for (const float scale : {0.0f, -1.0f, INFINITY, NAN}) {
    EXPECT_NE(MessageOf(CheckParams({scale, 0}, {4, true})).find("scale is"), std::string::npos);
  }
}

}  // namespace
}  // namespace tessera

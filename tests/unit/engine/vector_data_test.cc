#include "index/engine/vector_data.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <vector>

namespace tessera::engine {
namespace {

std::string Refusal(const std::vector<float>& v, Metric metric) {
  const auto norm = CheckVector(v.data(), v.size(), metric, "v");
  return norm.ok() ? "" : MessageOf(norm.status());
}

TEST(VectorData, ChecksNameThePlace) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Refusal({1, std::nanf(""), inf}, Metric::kL2), "v[1] is NaN");
  EXPECT_EQ(Refusal({1, 2, inf}, Metric::kL2), "v[2] is infinity");
  EXPECT_EQ(Refusal({-inf}, Metric::kInnerProduct), "v[0] is -infinity");
  EXPECT_NE(Refusal({FLT_MAX, 1}, Metric::kL2).find("too long"), std::string::npos);
  EXPECT_EQ(Refusal({1.8e19f}, Metric::kL2), "") << "its square is below FLT_MAX";
  EXPECT_NE(Refusal({0, 0}, Metric::kCosine).find("zero"), std::string::npos);
  EXPECT_NE(Refusal({1e-39f, 0}, Metric::kCosine).find("zero"), std::string::npos);
  EXPECT_EQ(Refusal({0, 0}, Metric::kL2), "");
}

TEST(VectorData, SmallNormsNormalizeToUnitLength) {
  // Squares of these underflow a float: the norm is computed in double.
  float v[] = {3e-30f, 4e-30f};
  const auto norm = CheckVector(v, 2, Metric::kCosine, "v");
  ASSERT_TRUE(norm.ok());
  EXPECT_NEAR(*norm, 5e-30, 1e-36);
  Normalize(v, 2, *norm);
  EXPECT_NEAR(v[0], 0.6f, 1e-6);
  EXPECT_NEAR(v[1], 0.8f, 1e-6);
}

TEST(VectorData, IdsOfStrings) {
  EXPECT_TRUE(CheckId(PointId(0), "id").ok());
  EXPECT_TRUE(CheckId(PointId(std::string(256, 'k')), "id").ok());
  EXPECT_FALSE(CheckId(PointId(std::string(257, 'k')), "id").ok());
  EXPECT_FALSE(CheckId(PointId(std::string()), "id").ok());
}

}  // namespace
}  // namespace tessera::engine

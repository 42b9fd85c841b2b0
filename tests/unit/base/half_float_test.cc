#include "index/base/half_float.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tessera {
namespace {

// From the definition of IEEE binary16.
double HalfValue(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const double mantissa = half & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

bool IsFiniteHalf(uint16_t half) { return (half & 0x7c00) != 0x7c00; }
bool IsFiniteBrain(uint16_t brain) { return (brain & 0x7f80) != 0x7f80; }

TEST(HalfFloat, EveryHalfComesBack) {
  for (uint32_t h = 0; h <= 0xffff; ++h) {
    const auto half = static_cast<uint16_t>(h);
    if (!IsFiniteHalf(half)) continue;
    EXPECT_EQ(static_cast<double>(FromHalf(half)), HalfValue(half)) << h;
    EXPECT_EQ(ToFiniteHalf(FromHalf(half)), half) << h;
  }
  EXPECT_EQ(FromHalf(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_EQ(FromHalf(0xfc00), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(FromHalf(0x7e00)));
}

TEST(HalfFloat, EveryBrainComesBack) {
  for (uint32_t b = 0; b <= 0xffff; ++b) {
    const auto brain = static_cast<uint16_t>(b);
    if (IsFiniteBrain(brain)) {
      EXPECT_EQ(ToFiniteBrain(FromBrain(brain)), brain) << b;
    }
  }
}

// Between two neighbours the nearer one is taken, in the middle that with an even last bit.
TEST(HalfFloat, RoundsToNearestHalvesToEven) {
  for (uint16_t h = 0; h < 0x7bff; ++h) {
    const auto next = static_cast<uint16_t>(h + 1);
    const float low = FromHalf(h), high = FromHalf(next);
    const float middle = low + (high - low) / 2;  // exact
    EXPECT_EQ(ToFiniteHalf(middle), h % 2 == 0 ? h : next) << h;
    EXPECT_EQ(ToFiniteHalf(std::nextafter(middle, low)), h) << h;
    EXPECT_EQ(ToFiniteHalf(std::nextafter(middle, high)), next) << h;
    EXPECT_EQ(ToFiniteHalf(-middle), ToFiniteHalf(middle) | 0x8000) << h;
  }
  for (uint16_t b = 0; b < 0x7f7f; ++b) {
    const auto next = static_cast<uint16_t>(b + 1);
    const float middle = std::bit_cast<float>(uint32_t{b} << 16 | 0x8000u);
    EXPECT_EQ(ToFiniteBrain(middle), b % 2 == 0 ? b : next) << b;
    EXPECT_EQ(ToFiniteBrain(std::nextafter(middle, 0.0f)), b) << b;
  }
}

TEST(HalfFloat, WhatIsTooLargeIsTheLargest) {
  for (const float v : {1e6f, 65520.0f, std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(FromHalf(ToFiniteHalf(v)), 65504.0f);
    EXPECT_EQ(FromHalf(ToFiniteHalf(-v)), -65504.0f);
  }
  EXPECT_EQ(ToFiniteBrain(std::numeric_limits<float>::max()), 0x7f7f);
  EXPECT_EQ(ToFiniteBrain(-std::numeric_limits<float>::infinity()), 0xff7f);
  EXPECT_TRUE(std::isnan(FromHalf(ToFiniteHalf(std::nanf("")))));
  EXPECT_TRUE(std::isnan(FromBrain(ToFiniteBrain(std::nanf("")))));
}

TEST(HalfFloat, NotBelowIsTheNextOneUp) {
  EXPECT_EQ(BrainNotBelow(1.0f), 0x3f80);
  EXPECT_EQ(BrainNotBelow(std::nextafter(1.0f, 2.0f)), 0x3f81);
  EXPECT_EQ(BrainNotBelow(0.0f), 0);
  EXPECT_EQ(BrainNotBelow(std::numeric_limits<float>::max()), 0x7f7f);
}

}  // namespace
}  // namespace tessera

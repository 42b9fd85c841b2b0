#include "index/filter/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace tessera::filter {
namespace {

TEST(Number, IntegersAndFloatsAreOneOrder) {
  const Number ascending[] = {
      Number::FromFloat(-1e300),
      Number::FromInteger(INT64_MIN),
      Number::FromInteger(INT64_MIN + 1),
      Number::FromFloat(-1.5),
      Number::FromInteger(-1),
      Number::FromInteger(0),
      Number::FromFloat(5e-324),
      Number::FromInteger(1),
      Number::FromFloat(1.5),
      Number::FromInteger((int64_t{1} << 53)),
      Number::FromInteger((int64_t{1} << 53) + 1),
      Number::FromInteger(INT64_MAX - 1),
      Number::FromInteger(INT64_MAX),
      Number::FromFloat(0x1p63),
      Number::FromUnsigned((uint64_t{1} << 63) + 1),
      Number::FromUnsigned(UINT64_MAX),
      Number::FromFloat(0x1p64),
  };
  for (size_t i = 1; i < std::size(ascending); ++i) EXPECT_LT(ascending[i - 1], ascending[i]) << i;
}

TEST(Number, EqualIfTheyStandForTheSame) {
  EXPECT_EQ(Number::FromInteger(1), Number::FromFloat(1.0));
  EXPECT_EQ(Number::FromFloat(-0.0), Number::FromInteger(0));
  EXPECT_FALSE(std::signbit(Number::FromFloat(-0.0).base));
  EXPECT_EQ(Number::FromUnsigned(uint64_t{1} << 63), Number::FromFloat(0x1p63));
  EXPECT_NE(Number::FromInteger(INT64_MAX), Number::FromFloat(0x1p63));
  EXPECT_NE(Number::FromInteger((int64_t{1} << 53) + 1), Number::FromFloat(0x1p53));
}

TEST(Number, ComesBackAsTheValueItWas) {
  for (const int64_t value : {INT64_MIN, INT64_MIN + 1, int64_t{-1}, int64_t{0}, int64_t{12345},
                              INT64_MAX - 1, INT64_MAX}) {
    EXPECT_EQ(Number::FromInteger(value).ToValue(), PayloadValue::Integer(value));
  }
  EXPECT_EQ(Number::FromUnsigned(UINT64_MAX).ToValue(), PayloadValue::Unsigned(UINT64_MAX));
  EXPECT_EQ(Number::FromFloat(0.5).ToValue(), PayloadValue::Float(0.5));
  EXPECT_EQ(Number::FromFloat(1e300).ToValue(), PayloadValue::Float(1e300));
  EXPECT_EQ(Number::FromFloat(3.0).ToValue(), PayloadValue::Integer(3));
}

TEST(Number, OrderOfRandomIntegersIsTheirs) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    const auto a = static_cast<int64_t>(random() >> (random() % 64));
    const auto b = static_cast<int64_t>(static_cast<uint64_t>(a) + random() % 7 - 3);
    EXPECT_EQ(Number::FromInteger(a) <=> Number::FromInteger(b), a <=> b);
    EXPECT_EQ(Number::FromInteger(a).ToValue(), PayloadValue::Integer(a));
  }
}

}  // namespace
}  // namespace tessera::filter

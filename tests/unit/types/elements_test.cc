#include "index/elements.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace tessera {
namespace {

// A 16-bit float by its definition (IEEE 754-2008, 3.4), in double: bits of the exponent and of the
// fraction, both of half precision (5, 10) and bfloat16 (8, 7).
double ByDefinition(uint16_t bits, int exponent_bits, int fraction_bits) {
  const int sign = bits >> 15 ? -1 : 1;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

struct Kind {
  ElementType type;
  int exponent_bits;
  int fraction_bits;
};
const Kind kKinds[] = {{ElementType::kF16, 5, 10}, {ElementType::kBf16, 8, 7}};

float Widened(const Kind& kind, uint16_t bits) {
  float value = 0;
  ToFloats(kind.type, {}, &bits, 1, &value);
  return value;
}

uint16_t Narrowed(const Kind& kind, float value) {
  uint16_t bits = 0;
  FromFloats(kind.type, &value, 1, &bits);
  return bits;
}

TEST(Elements, Every16BitFloatIsConvertedExactlyAndComesBack) {
  for (const Kind& kind : kKinds) {
    for (uint32_t b = 0; b < 65536; ++b) {
      const auto bits = static_cast<uint16_t>(b);
      const float value = Widened(kind, bits);
      const double expected = ByDefinition(bits, kind.exponent_bits, kind.fraction_bits);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(value)) << b;
        ASSERT_TRUE(std::isnan(Widened(kind, Narrowed(kind, value)))) << b;
        continue;
      }
      ASSERT_EQ(static_cast<double>(value), expected) << b;
      ASSERT_EQ(std::signbit(value), b >> 15 != 0) << b;
      ASSERT_EQ(Narrowed(kind, value), bits) << b;
    }
  }
}

// Between each two neighbours: the half-way value goes to the even one, its own neighbours go to the
// nearer. Beyond the largest, half-way counts as if another step followed.
TEST(Elements, FloatsGoToTheNearest16BitFloat) {
  for (const Kind& kind : kKinds) {
    const auto infinity = static_cast<uint16_t>(((1 << kind.exponent_bits) - 1) << kind.fraction_bits);
    for (uint16_t low = 0; low < infinity; ++low) {
      const auto high = static_cast<uint16_t>(low + 1);
      const double below = ByDefinition(low, kind.exponent_bits, kind.fraction_bits);
      const double step = below - ByDefinition(static_cast<uint16_t>(low - 1), kind.exponent_bits, kind.fraction_bits);
      const double above = high < infinity ? ByDefinition(high, kind.exponent_bits, kind.fraction_bits) : below + step;
      const double middle = (below + above) / 2;
      const auto half_way = static_cast<float>(middle);
      ASSERT_EQ(static_cast<double>(half_way), middle);
      const uint16_t even = low % 2 == 0 ? low : high;
      for (const uint16_t sign : {uint16_t{0}, uint16_t{0x8000}}) {
        const float s = sign != 0 ? -1.0f : 1.0f;
        ASSERT_EQ(Narrowed(kind, s * half_way), even | sign) << low;
        ASSERT_EQ(Narrowed(kind, s * std::nextafter(half_way, 0.0f)), low | sign) << low;
        ASSERT_EQ(Narrowed(kind, s * std::nextafter(half_way, INFINITY)), high | sign) << low;
      }
    }
    ASSERT_EQ(Narrowed(kind, INFINITY), infinity);
    ASSERT_EQ(Narrowed(kind, -std::numeric_limits<float>::max()), infinity | 0x8000);
    ASSERT_EQ(Narrowed(kind, std::numeric_limits<float>::denorm_min()), 0);
    // Signalling NaN whose fraction stands in the bits that are cut off.
    ASSERT_TRUE(std::isnan(Widened(kind, Narrowed(kind, std::bit_cast<float>(0xff800001u)))));
  }
}

TEST(Elements, IntegersStandForWhatScaleAndZeroPointSay) {
  const uint8_t bytes[] = {0, 1, 127, 128, 255};
  float out[5];
  const auto floats = [&](ElementType type, ScalarParams params) {
    ToFloats(type, params, bytes, 5, out);
    return std::vector<float>(out, out + 5);
  };
  EXPECT_EQ(floats(ElementType::kI8, {}), (std::vector<float>{0, 1, 127, -128, -1}));
  EXPECT_EQ(floats(ElementType::kU8, {}), (std::vector<float>{0, 1, 127, 128, 255}));
  EXPECT_EQ(floats(ElementType::kI8, {0.5f, -128}), (std::vector<float>{64, 64.5f, 127.5f, 0, 63.5f}));
  EXPECT_EQ(floats(ElementType::kU8, {0.1f, 3}),
            (std::vector<float>{-3 * 0.1f, -2 * 0.1f, 124 * 0.1f, 125 * 0.1f, 252 * 0.1f}));
}

TEST(Elements, FloatsPassUnaligned) {
  const float values[] = {1, -2.5f};
  char bytes[9];
  FromFloats(ElementType::kF32, values, 2, bytes + 1);
  float out[2];
  ToFloats(ElementType::kF32, {}, bytes + 1, 2, out);
  EXPECT_EQ(out[0], 1);
  EXPECT_EQ(out[1], -2.5f);
}

TEST(Elements, QuantizationIsCheckedByType) {
  EXPECT_TRUE(CheckQuantization(ElementType::kI8, {0.1f, -128}).ok());
  EXPECT_TRUE(CheckQuantization(ElementType::kU8, {0.1f, 255}).ok());
  EXPECT_TRUE(CheckQuantization(ElementType::kF32, {}).ok());
  EXPECT_EQ(CheckQuantization(ElementType::kI8, {0.1f, 128}),
            InvalidArgument("zero_point is 128, expected -128 to 127 (i8)"));
  EXPECT_EQ(CheckQuantization(ElementType::kU8, {0.1f, -1}),
            InvalidArgument("zero_point is -1, expected 0 to 255 (u8)"));
  EXPECT_EQ(CheckQuantization(ElementType::kBf16, {0.1f, 0}),
            InvalidArgument("scale and zero_point are of i8 and u8, not of bf16"));
  for (const float scale : {0.0f, -0.5f, INFINITY, NAN}) {
    EXPECT_NE(MessageOf(CheckQuantization(ElementType::kI8, {scale, 0})).find("scale is"), std::string::npos);
  }
}

}  // namespace
}  // namespace tessera

#include "client/cli/element_options.h"

#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

TEST(ParseElementType, KnowsFive) {
  EXPECT_EQ(*ParseElementType("f32"), ElementType::kF32);
  EXPECT_EQ(*ParseElementType("f16"), ElementType::kF16);
  EXPECT_EQ(*ParseElementType("bf16"), ElementType::kBf16);
  EXPECT_EQ(*ParseElementType("i8"), ElementType::kI8);
  EXPECT_EQ(*ParseElementType("u8"), ElementType::kU8);
  EXPECT_EQ(ParseElementType("int8").status(),
            InvalidArgument("no type \"int8\", expected f32, f16, bf16, i8 or u8"));
}

TEST(ParseScale, IsFiniteAndAboveZero) {
  EXPECT_EQ(*ParseScale("0.0073"), 0.0073f);
  EXPECT_EQ(*ParseScale("1e-3"), 1e-3f);
  for (const char* text : {"0", "-1", "nan", "inf", "1e99", "", "1x"}) EXPECT_FALSE(ParseScale(text).ok()) << text;
}

formats::VectorBatch BatchOf(ElementType type, std::vector<uint8_t> data) {
  formats::VectorBatch batch;
  batch.type = type;
  batch.rows = 1;
  batch.dim = data.size() / ElementSize(type);
  batch.data = std::move(data);
  return batch;
}

TEST(ConvertBatch, FloatsOfAllWidths) {
  formats::VectorBatch batch = BatchOf(ElementType::kF32, {0x00, 0x80, 0x80, 0x3f, 0, 0, 0, 0xc0});
  ASSERT_TRUE(ConvertBatch(ElementType::kBf16, batch).ok());
  EXPECT_EQ(batch.type, ElementType::kBf16);
  EXPECT_EQ(batch.data, (std::vector<uint8_t>{0x80, 0x3f, 0x00, 0xc0}));  // half-way to even
  ASSERT_TRUE(ConvertBatch(ElementType::kF16, batch).ok());
  EXPECT_EQ(batch.data, (std::vector<uint8_t>{0x00, 0x3c, 0x00, 0xc0}));
  ASSERT_TRUE(ConvertBatch(ElementType::kF32, batch).ok());
  EXPECT_EQ(batch.data, (std::vector<uint8_t>{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}));
}

TEST(ConvertBatch, IntegersStayAsTheyAre) {
  formats::VectorBatch batch = BatchOf(ElementType::kI8, {1, 2});
  EXPECT_EQ(ConvertBatch(ElementType::kBf16, batch),
            InvalidArgument("vectors of i8 are stored as they are, not as bf16"));
  EXPECT_EQ(batch.data, (std::vector<uint8_t>{1, 2}));
  EXPECT_FALSE(CheckConvertible(ElementType::kF32, ElementType::kU8).ok());
}

}  // namespace
}  // namespace tessera::cli

#include "client/formats/row_appender.h"

#include <cmath>
#include <limits>

#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

// Appends rows of `dim` items held in `bytes`, and returns the batch trimmed.
VectorBatch Append(ItemType type, const std::string& bytes, size_t dim) {
  VectorBatch batch;
  StartBatch(ElementOf(type), dim, 0, batch);
  const size_t stride = dim * ItemSize(type);
  AppendRows(
      {type, reinterpret_cast<const uint8_t*>(bytes.data()), stride, bytes.size() / stride, dim}, 0,
      "file", batch);
  TrimBatch(batch);
  return batch;
}

std::vector<float> Floats(const VectorBatch& batch) {
  std::vector<float> out;
  AppendFloats(batch, out);
  return out;
}

TEST(RowAppenderTest, EightBitItemsKeepTheirSign) {
  VectorBatch batch = Append(ItemType::kI8, RawAll<int8_t>({-128, -1, 0, 127}), 2);
  EXPECT_EQ(batch.type, ElementType::kI8);
  EXPECT_EQ(Floats(batch), (std::vector<float>{-128, -1, 0, 127}));
  EXPECT_EQ(Floats(Append(ItemType::kU8, RawAll<uint8_t>({0, 255}), 2)),
            (std::vector<float>{0, 255}));
}

TEST(RowAppenderTest, HalvesOfEveryKind) {
  // 1, -2, the largest, the smallest normal, the smallest subnormal, both zeros, both infinities.
  VectorBatch batch = Append(
      ItemType::kF16,
      RawAll<uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x0000, 0x8000, 0x7c00, 0xfc00}),
      9);
  EXPECT_EQ(batch.type, ElementType::kF16);
  EXPECT_EQ(batch.data.size(), 18u);
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Floats(batch),
            (std::vector<float>{1, -2, 65504, 0x1p-14f, 0x1p-24f, 0, -0.0f, infinity, -infinity}));
  EXPECT_TRUE(std::signbit(Floats(batch)[6]));
  EXPECT_TRUE(std::isnan(Floats(Append(ItemType::kF16, Raw(uint16_t{0x7e00}), 1))[0]));
}

TEST(RowAppenderTest, DoublesAreRoundedToNearest) {
  EXPECT_EQ(Floats(Append(ItemType::kF64, RawAll<double>({0.1, -1e-3}), 1)),
            (std::vector<float>{0.1f, -1e-3f}));
}

TEST(RowAppenderTest, BigEndianFloatsAreTurned) {
  EXPECT_EQ(Floats(Append(ItemType::kF32Big, BigEndian(0x3fc00000) + BigEndian(0xc0000000), 2)),
            (std::vector<float>{1.5f, -2.0f}));
}

TEST(RowAppenderTest, IntegerThatNoFloatEqualsMakesABadRow) {
  VectorBatch batch =
      Append(ItemType::kI32, RawAll<int32_t>({16777216, -5, 7, 16777217, 8, INT32_MIN}), 2);
  EXPECT_EQ(Floats(batch), (std::vector<float>{16777216, -5, 8, -2147483648.0f}));
  EXPECT_EQ(batch.row_numbers, (std::vector<uint64_t>{0, 2}));
  ASSERT_EQ(batch.bad.size(), 1u);
  EXPECT_EQ(batch.bad[0].row, 1u);
  EXPECT_TRUE(IsInvalid(batch.bad[0].reason, {"file row 1", "vector[1]", "16777217"}));
  EXPECT_EQ(Floats(Append(ItemType::kI32, Raw(INT32_MAX), 1)).size(), 0u);
}

TEST(RowAppenderTest, StrideIsPassedOver) {
  const std::string bytes = SampleVecs<float>(4, 3);
  VectorBatch batch;
  StartBatch(ElementType::kF32, 3, 10, batch);
  AppendRows({ItemType::kF32, reinterpret_cast<const uint8_t*>(bytes.data()) + 4, 16, 4, 3}, 10,
             "file", batch);
  EXPECT_EQ(batch.row_numbers, (std::vector<uint64_t>{10, 11, 12, 13}));
  const std::vector<float> all = Floats(batch);
  EXPECT_EQ(std::vector<float>(all.begin() + 9, all.end()), SampleRow<float>(3, 3));
}

}  // namespace
}  // namespace tessera::formats

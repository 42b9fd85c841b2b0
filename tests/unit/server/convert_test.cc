#include "server/convert.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace tessera::server {
namespace {

const std::string kName = "a";
const Shape kShape{3, kName};

TEST(ConvertTest, IdsOfBothForms) {
  v1::PointId id;
  EXPECT_EQ(FromProto(id, "id").status(), InvalidArgument("id is missing"));
  id.set_num(0);
  EXPECT_EQ(*FromProto(id, "id"), PointId(0));
  id.set_key("");
  EXPECT_EQ(FromProto(id, "id").status(), InvalidArgument("id.key is empty"));
  id.set_key(std::string(256, 'k'));
  ASSERT_TRUE(FromProto(id, "id").ok());
  v1::PointId back;
  ToProto(*FromProto(id, "id"), &back);
  EXPECT_EQ(back.key(), id.key());
  id.set_key(std::string(257, 'k'));
  EXPECT_EQ(FromProto(id, "id").status(),
            InvalidArgument("id.key has 257 bytes, at most 256 are allowed"));
}

TEST(ConvertTest, OneVectorChecksTheLength) {
  v1::Vector vector;
  EXPECT_EQ(OneVector(vector, kShape, "v").status(), InvalidArgument("v is missing"));
  vector.mutable_f32();
  EXPECT_EQ(OneVector(vector, kShape, "v").status(),
            InvalidArgument("v has 0 components, collection \"a\" has 3"));
  vector.set_f32_le(std::string(11, 'x'));
  EXPECT_EQ(OneVector(vector, kShape, "v").status(),
            InvalidArgument("v has 11 bytes, not a multiple of 4 (f32)"));
  vector.set_f16_le(std::string(5, 'x'));
  EXPECT_EQ(OneVector(vector, kShape, "v").status(),
            InvalidArgument("v has 5 bytes, not a multiple of 2 (f16)"));
  vector.set_f16_le(std::string(6, 'x'));
  ASSERT_TRUE(OneVector(vector, kShape, "v").ok());
  EXPECT_EQ(OneVector(vector, kShape, "v")->type, ElementType::kF16);
  vector.set_i8("1234");
  EXPECT_EQ(OneVector(vector, kShape, "v").status(),
            InvalidArgument("v has 4 components, collection \"a\" has 3"));
}

TEST(ConvertTest, RowsAreWholeSomeAndNotTooMany) {
  v1::Vector vector;
  vector.set_u8("");
  EXPECT_EQ(Rows(vector, kShape, "v", 2).status(), InvalidArgument("v is empty"));
  vector.set_u8("1234");
  EXPECT_EQ(Rows(vector, kShape, "v", 2).status(),
            InvalidArgument("v has 4 components, not whole rows: collection \"a\" has 3"));
  vector.set_u8("123456");
  EXPECT_EQ(Rows(vector, kShape, "v", 2)->bytes, "123456");
  vector.set_u8("123456789");
  EXPECT_EQ(Rows(vector, kShape, "v", 2).status(),
            InvalidArgument("v has 3 rows, at most 2 are allowed in one request"));
}

TEST(ConvertTest, FloatsAreBorrowedOtherTypesConverted) {
  v1::Vector vector;
  for (float x : {1.f, -2.f, 3.f, 4.f, 5.f, 6.f}) vector.mutable_f32()->add_values(x);
  const FloatRows floats(*BytesOf(vector, "v"), 3);
  EXPECT_EQ(floats.view().data(), vector.f32().values().data());
  EXPECT_EQ(floats.view().rows(), 2u);
  EXPECT_EQ(floats.view().row(1)[0], 4);

  const FloatRows bytes({ElementType::kI8, std::string_view("\xff\x80\x7f", 3)}, 3);
  EXPECT_EQ(bytes.view().row(0)[0], -1);
  EXPECT_EQ(bytes.view().row(0)[1], -128);
  EXPECT_EQ(bytes.view().row(0)[2], 127);
  const FloatRows unsigned_bytes({ElementType::kU8, std::string_view("\xff\x80\x7f", 3)}, 3);
  EXPECT_EQ(unsigned_bytes.view().row(0)[0], 255);
  const FloatRows halves({ElementType::kF16, std::string_view("\x00\x3c\x00\xc0\x01\x00", 6)}, 3);
  EXPECT_EQ(halves.view().row(0)[0], 1);
  EXPECT_EQ(halves.view().row(0)[1], -2);
  EXPECT_EQ(halves.view().row(0)[2], 0x1p-24f);
  const FloatRows bfloats({ElementType::kBf16, std::string_view("\x80\x3f\x00\xc0\x01\x00", 6)}, 3);
  EXPECT_EQ(bfloats.view().row(0)[0], 1);
  EXPECT_EQ(bfloats.view().row(0)[1], -2);
  EXPECT_EQ(bfloats.view().row(0)[2], 0x1p-133f);
}

TEST(ConvertTest, UnalignedFloatsAreCopied) {
  const float values[3] = {1, 2, 3};
  alignas(4) char shifted[16];
  std::memcpy(shifted + 1, values, sizeof(values));
  const FloatRows rows({ElementType::kF32, {shifted + 1, sizeof(values)}}, 3);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(rows.view().data()) % 4, 0u);
  EXPECT_EQ(rows.view().row(0)[2], 3);
}

TEST(ConvertTest, VectorsGoBackInTheirType) {
  for (ElementType type :
       {ElementType::kF32, ElementType::kF16, ElementType::kBf16, ElementType::kI8, ElementType::kU8}) {
    v1::Vector vector;
    ToProto(type, {}, "12345678", &vector);
    EXPECT_FALSE(vector.has_quantized());
    const auto bytes = BytesOf(vector, "v");
    ASSERT_TRUE(bytes.ok());
    EXPECT_EQ(bytes->type, type);
    EXPECT_EQ(bytes->bytes, "12345678");
    EXPECT_EQ(bytes->quantization, ScalarParams());
  }
}

TEST(ConvertTest, QuantizedVectorsKeepScaleAndZeroPoint) {
  for (const ElementType type : {ElementType::kI8, ElementType::kU8}) {
    v1::Vector vector;
    const ScalarParams params{0.5f, type == ElementType::kI8 ? -128 : 255};
    ToProto(type, params, std::string("\x80\x00\x7f", 3), &vector);
    ASSERT_TRUE(vector.has_quantized());
    const auto bytes = OneVector(vector, kShape, "v");
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(bytes->type, type);
    EXPECT_EQ(bytes->quantization, params);
    const FloatRows rows(*bytes, 3);
    EXPECT_EQ(rows.view().row(0)[0], type == ElementType::kI8 ? 0.0f : -63.5f);
    EXPECT_EQ(rows.view().row(0)[2], type == ElementType::kI8 ? 127.5f : -64.0f);
  }
}

TEST(ConvertTest, QuantizedVectorsAreCheckedByField) {
  v1::Vector vector;
  v1::QuantizedVector& quantized = *vector.mutable_quantized();
  quantized.set_data("123");
  const auto refusal = [&vector] { return MessageOf(OneVector(vector, kShape, "v").status()); };
  EXPECT_EQ(refusal(), "v.quantized.scale is 0.000000, expected a finite number above 0");
  quantized.set_scale(-1);
  EXPECT_EQ(refusal(), "v.quantized.scale is -1.000000, expected a finite number above 0");
  quantized.set_scale(INFINITY);
  EXPECT_NE(refusal().find("v.quantized.scale is inf"), std::string::npos);
  quantized.set_scale(NAN);
  EXPECT_NE(refusal().find("v.quantized.scale is"), std::string::npos);
  quantized.set_scale(0.1f);
  quantized.set_zero_point(-1);
  EXPECT_EQ(refusal(), "v.quantized.zero_point is -1, expected 0 to 255 (u8)");
  quantized.set_is_signed(true);
  quantized.set_zero_point(128);
  EXPECT_EQ(refusal(), "v.quantized.zero_point is 128, expected -128 to 127 (i8)");
  quantized.set_zero_point(127);
  EXPECT_EQ(refusal(), "");
  quantized.set_data("1234");
  EXPECT_EQ(refusal(), "v has 4 components, collection \"a\" has 3");
}

}  // namespace
}  // namespace tessera::server

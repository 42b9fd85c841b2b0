#include "index/quant/code_planes.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

std::vector<uint8_t> RandomCodes(size_t dim, uint32_t bits, uint64_t seed) {
  Random random(seed);
  std::vector<uint8_t> codes(dim);
  for (uint8_t& code : codes) code = static_cast<uint8_t>(random.Below(uint64_t{1} << bits));
  return codes;
}

TEST(CodePlanes, ComeBackAndMultiplyExactly) {
  for (const size_t dim : {1, 2, 7, 8, 9, 15, 64, 100, 101, 784}) {
    const Rows y = GaussianRows(1, dim, 3);
    LimbVector limbs;
    QuantizeLimbs(y.row(0), dim, limbs);
    for (uint32_t bits = 1; bits <= 8; ++bits) {
      const std::vector<uint8_t> codes = RandomCodes(dim, bits, bits);
      std::vector<uint8_t> planes(PlaneBytes(dim, bits), 0xee);
      PackPlanes(codes.data(), dim, bits, planes.data());
      std::vector<uint8_t> back(dim, 0xee);
      UnpackPlanes(planes.data(), dim, bits, back.data());
      ASSERT_EQ(back, codes) << dim << " x " << bits;
      int64_t expected = 0;
      for (size_t j = 0; j < dim; ++j) {
        expected += int64_t{codes[j]} * (128 * limbs.high()[j] + limbs.low()[j]);
      }
      EXPECT_EQ(PlaneProduct(planes.data(), dim, bits, limbs), expected) << dim << " x " << bits;
    }
  }
}

TEST(CodePlanes, TakeTheBytesThatTheirBitsNeed) {
  const size_t expected[] = {0, 13, 26, 39, 50, 63, 76, 89, 100};
  for (uint32_t bits = 1; bits <= 8; ++bits) EXPECT_EQ(PlaneBytes(100, bits), expected[bits]);
  EXPECT_EQ(PlaneBytes(1, 1), 1u);
  EXPECT_EQ(PlaneBytes(9, 4), 5u);
}

TEST(CodePlanes, StandAsDescribed) {
  const uint8_t codes[] = {0b101101, 0b000010, 0b111111};
  uint8_t planes[4];
  ASSERT_EQ(PlaneBytes(3, 6), 4u);
  PackPlanes(codes, 3, 6, planes);
  EXPECT_EQ(planes[0], 0b1011 | 0b1111 << 4);  // components 0 and 2
  EXPECT_EQ(planes[1], 0b0000);                // component 1, and nothing
  EXPECT_EQ(planes[2], 0b110);                 // second lowest bits
  EXPECT_EQ(planes[3], 0b101);                 // lowest bits
}

}  // namespace
}  // namespace tessera::quant

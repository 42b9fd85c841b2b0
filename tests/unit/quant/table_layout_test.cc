#include "index/quant/table_layout.h"

#include <gtest/gtest.h>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(TableLayout, SubSpacesDifferByAtMostOne) {
  EXPECT_EQ(SubSpaceBounds(11, 4), (std::vector<uint32_t>{0, 3, 6, 8, 11}));  // round(2.75), round(5.5)
  EXPECT_EQ(SubSpaceBounds(3, 1), (std::vector<uint32_t>{0, 3}));
}

TEST(TableLayout, ProductCodesHaveAPartASubSpace) {
  const TableLayout layout = LayoutOf(Spec("PQ3x6"), 10);
  EXPECT_EQ(layout.dim, 10u);
  EXPECT_EQ(layout.scan_bits, 6u);
  ASSERT_EQ(layout.parts.size(), 3u);
  EXPECT_EQ(layout.parts[1].begin, 3u);
  EXPECT_EQ(layout.parts[1].end, 7u);
  EXPECT_EQ(layout.parts[1].bits, 6u);
  EXPECT_EQ(layout.floats(), 10u * 64);
}

TEST(TableLayout, TwoBitsAreScannedAsFour) {
  const TableLayout layout = LayoutOf(Spec("PQ5x2"), 5);
  EXPECT_EQ(layout.scan_bits, 4u);
  EXPECT_EQ(layout.parts.size(), 5u);
  EXPECT_EQ(layout.floats(), 5u * 4);
}

TEST(TableLayout, StagesOfASubSpaceStandTogether) {
  const TableLayout layout = LayoutOf(Spec("PRQ2x3x8"), 10);
  EXPECT_EQ(layout.scan_bits, 8u);
  ASSERT_EQ(layout.parts.size(), 6u);
  for (size_t p = 0; p < 6; ++p) {
    EXPECT_EQ(layout.parts[p].begin, p < 3 ? 0u : 5u);
    EXPECT_EQ(layout.parts[p].end, p < 3 ? 5u : 10u);
    EXPECT_EQ(layout.parts[p].bits, 8u);
  }
  const TableLayout additive = LayoutOf(Spec("PQ3x4+4"), 10);
  EXPECT_EQ(additive.scan_bits, 4u);
  ASSERT_EQ(additive.parts.size(), 6u);
  EXPECT_TRUE(additive.parts[2].SameRange(additive.parts[3]));
  EXPECT_EQ(additive.parts[2].bits, 4u);
}

}  // namespace
}  // namespace tessera::quant

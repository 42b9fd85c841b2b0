#include "index/filter/text_position.h"

#include <gtest/gtest.h>

namespace tessera::filter {
namespace {

TEST(TextPosition, ColumnsCountCharacters) {
  const std::string text = "a\xc3\xa9z";
  EXPECT_EQ(ColumnOf(text, 0), 1u);
  EXPECT_EQ(ColumnOf(text, 3), 3u);
  EXPECT_EQ(ColumnOf(text, 99), 4u);
  for (const size_t offset : {0, 1, 3, 4})
    EXPECT_EQ(OffsetOfColumn(text, ColumnOf(text, offset)), offset);
  EXPECT_EQ(OffsetOfColumn(text, 100), text.size());
}

TEST(TextPosition, CaretStandsUnderTheCharacter) {
  EXPECT_EQ(CaretLine("price < )", 8), "\nprice < )\n        ^");
  EXPECT_EQ(CaretLine("x\n\xc3\xa9\xc3\xa9 y\nz", 7), "\n\xc3\xa9\xc3\xa9 y\n   ^");
  EXPECT_EQ(CaretLine("", 0), "\n\n^");
  EXPECT_EQ(CaretLine("ab", 9), "\nab\n  ^");
}

TEST(TextPosition, LongLinesAreCutAroundIt) {
  const std::string cut = CaretLine(std::string(5000, 'x'), 2500);
  EXPECT_EQ(cut, "\n" + std::string(100, 'x') + "\n" + std::string(60, ' ') + "^");
}

TEST(TextPosition, ExcerptsAreShortAndPrintable) {
  EXPECT_EQ(Excerpt("a\nb\x1b"), "a b ");
  EXPECT_EQ(Excerpt(std::string(39, 'x') + "\xc3\xa9" + "yz"), std::string(39, 'x') + "...");
}

}  // namespace
}  // namespace tessera::filter

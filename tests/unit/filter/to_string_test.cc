#include <gtest/gtest.h>

#include "index/filter.h"
#include "tests/unit/filter/random_filters.h"

namespace tessera {
namespace {

std::string Again(std::string_view text) { return ToString(ParseFilter(text).value()); }

TEST(FilterToString, ReadsAsPeopleWrite) {
  EXPECT_EQ(Again("category = 'shoes' AND ( price<50 or not in_stock=true )"),
            "category = \"shoes\" and (price < 50 or not in_stock = true)");
  EXPECT_EQ(Again("x between 1 and 5.0"), "1 <= x <= 5.0");
  EXPECT_EQ(Again("`a-b`.c != \"q\""), "`a-b.c` != \"q\"");
  EXPECT_EQ(Again("`id` = 1 and `And` = 2"), "`id` = 1 and `And` = 2");
  EXPECT_EQ(Again("id not in (1,'a')"), "not id in (1, \"a\")");
  EXPECT_EQ(Again("geo_radius(p, 1, 2, 3)"), "geo_radius(p, 1.0, 2.0, 3.0)");
  EXPECT_EQ(Again(""), "true");
  EXPECT_EQ(Again("false"), "not true");
  EXPECT_EQ(Again("x in ()"), "x in ()");
}

TEST(FilterToString, RandomFiltersComeBackNormalized) {
  RandomFilters random(2);
  for (int i = 0; i < 1500; ++i) {
    const Filter filter = random.Random(4);
    const std::string text = ToString(filter);
    const auto parsed = ParseFilter(text);
    ASSERT_TRUE(parsed.ok()) << parsed.status() << "\n" << text;
    EXPECT_EQ(*parsed, NormalizeFilter(filter)) << text;
    EXPECT_EQ(ToString(*parsed), text);
    EXPECT_EQ(NormalizeFilter(*parsed), *parsed) << text;
  }
}

}  // namespace
}  // namespace tessera

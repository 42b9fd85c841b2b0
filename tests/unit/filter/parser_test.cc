#include <gtest/gtest.h>

#include <random>

#include "index/filter.h"

namespace tessera {
namespace {

using Kind = Condition::Kind;

Filter Parsed(std::string_view text) {
  const auto filter = ParseFilter(text);
  EXPECT_TRUE(filter.ok()) << filter.status();
  return filter.ok() ? *filter : Filter{};
}

std::string ErrorOf(std::string_view text) {
  const auto filter = ParseFilter(text);
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument) << text;
  const std::string message = MessageOf(filter.status());
  return message.substr(0, message.find('\n'));
}

TEST(ParseFilter, PrecedenceAndGroups) {
  const Filter filter = Parsed("a = 1 or b = 2 AND NOT c = 3");
  ASSERT_EQ(filter.should.size(), 2u);
  EXPECT_EQ(filter.should[0].condition.field, "a");
  ASSERT_EQ(filter.should[1].must.size(), 2u);
  ASSERT_EQ(filter.should[1].must[1].must_not.size(), 1u);
  EXPECT_EQ(filter.should[1].must[1].must_not[0].condition.field, "c");
  EXPECT_EQ(Parsed("((a = 1))"), Parsed("a = 1"));
  EXPECT_EQ(Parsed("(a = 1 or b = 2) and c = 3").must.size(), 2u);
  EXPECT_EQ(Parsed(" "), Filter{});
  EXPECT_EQ(Parsed("true"), Filter{});
  EXPECT_EQ(Parsed("false").must_not.size(), 1u);
}

TEST(ParseFilter, Comparisons) {
  const Condition equal = Parsed("category = \"shoes\"").condition;
  EXPECT_EQ(equal.kind, Kind::kAnyOf);
  EXPECT_EQ(equal.values, std::vector{PayloadValue::Keyword("shoes")});
  EXPECT_EQ(Parsed("x == 1").condition, Parsed("1 = x").condition);
  EXPECT_EQ(Parsed("x != 1").condition.kind, Kind::kNoneOf);
  EXPECT_EQ(Parsed("x <> true").condition.values[0], PayloadValue::Bool(true));
  const Condition less = Parsed("price < 50").condition;
  EXPECT_EQ(less.kind, Kind::kRange);
  EXPECT_TRUE(less.upper.present && !less.upper.inclusive && !less.lower.present);
  EXPECT_EQ(Parsed("50 > price").condition, less);
  const Condition chain = Parsed("1 < price <= 5").condition;
  EXPECT_TRUE(chain.lower.present && !chain.lower.inclusive && chain.upper.inclusive);
  EXPECT_EQ(Parsed("5 >= price > 1").condition, chain);
  EXPECT_EQ(Parsed("price between 1 and 5").condition, Parsed("1 <= price <= 5").condition);
  EXPECT_EQ(Parsed("price between 1 and 5 and x = 1").must.size(), 2u);
}

TEST(ParseFilter, Lists) {
  EXPECT_EQ(Parsed("c in (\"a\", 'b', 3, 1.5, false)").condition.values.size(), 5u);
  EXPECT_EQ(Parsed("c not in (\"a\")").condition.kind, Kind::kNoneOf);
  EXPECT_TRUE(Parsed("c in ()").condition.values.empty());
  const Condition ids = Parsed("id in (1, \"a\", 18446744073709551615)").condition;
  EXPECT_EQ(ids.kind, Kind::kHasId);
  EXPECT_EQ(ids.ids,
            (std::vector<PointId>{PointId(1), PointId(std::string("a")), PointId(UINT64_MAX)}));
  EXPECT_EQ(Parsed("id = 7").condition.ids.size(), 1u);
  EXPECT_EQ(Parsed("id != 7").must_not[0].condition.kind, Kind::kHasId);
  EXPECT_EQ(Parsed("id not in (7)"), Parsed("not id = 7"));
  EXPECT_EQ(Parsed("`id` = 7").condition.field, "id");
}

TEST(ParseFilter, Functions) {
  EXPECT_EQ(Parsed("exists(a.b)").condition.kind, Kind::kExists);
  EXPECT_EQ(Parsed("missing(`a-b`)").condition.field, "a-b");
  EXPECT_EQ(Parsed("prefix(f, 'x')").condition.prefix, "x");
  const Condition radius = Parsed("geo_radius(place, 52.5, -13, 1000)").condition;
  EXPECT_EQ(radius.center, (GeoPoint{52.5, -13}));
  EXPECT_EQ(radius.radius, 1000);
  EXPECT_EQ(Parsed("geo_box(place, -1, 170, 1, -170)").condition.box, (GeoBox{-1, 170, 1, -170}));
  EXPECT_EQ(Parsed("exists = 1").condition.field, "exists");
  EXPECT_EQ(Parsed("prefix in (1)").condition.kind, Kind::kAnyOf);
}

TEST(ParseFilter, ConditionsKnowTheirColumn) {
  const Filter filter = Parsed("  a = '\xc3\xa9' and 5 < b");
  EXPECT_EQ(filter.must[0].condition.column, 3u);
  EXPECT_EQ(filter.must[1].condition.column, 19u);
}

TEST(ParseFilter, ErrorsPointAtTheColumn) {
  EXPECT_EQ(MessageOf(ParseFilter("(a = 1 and b <)").status()),
            "filter: column 15: expected a value after \"<\", found \")\"\n(a = 1 and b <)\n       "
            "       ^");
  EXPECT_EQ(ErrorOf("a"),
            "filter: column 2: expected =, !=, <, <=, >, >=, in, not in or between after \"a\", "
            "found the end");
  EXPECT_EQ(ErrorOf("a = 1 b = 2"),
            "filter: column 7: expected `and`, `or` or the end, found \"b\"");
  EXPECT_EQ(ErrorOf("a = 1 and"),
            "filter: column 10: expected a condition after \"and\", found the end");
  EXPECT_EQ(ErrorOf("(a = 1"), "filter: column 7: expected \")\", found the end");
  EXPECT_EQ(ErrorOf("a in 1"), "filter: column 6: expected \"(\", found \"1\"");
  EXPECT_EQ(ErrorOf("a in (1 2)"), "filter: column 9: expected \",\" or \")\", found \"2\"");
  EXPECT_EQ(ErrorOf("a in (1,)"), "filter: column 9: expected a value after \",\", found \")\"");
  EXPECT_EQ(ErrorOf("a between 1"), "filter: column 12: expected `and` after \"1\", found the end");
  EXPECT_EQ(ErrorOf("1 < a >= 5"), "filter: column 7: expected < or <=, found \">=\"");
  EXPECT_EQ(ErrorOf("id in (-1)"),
            "filter: column 8: expected an id (an unsigned integer, or a string of 1 to 256 bytes) "
            "after \"(\", found \"-1\"");
  EXPECT_EQ(ErrorOf("prefix(a, 1)"),
            "filter: column 11: expected a string after \",\", found \"1\"");
  EXPECT_EQ(ErrorOf("`a..b` = 1"), "filter: column 1: the path has an empty key");
  EXPECT_EQ(ErrorOf("x = \xff"), "filter: not UTF-8");
}

TEST(ParseFilter, DepthIsBounded) {
  EXPECT_NE(ErrorOf(std::string(100000, '(')).find("nested deeper than 64"), std::string::npos);
  std::string nots;
  for (int i = 0; i < 100000; ++i) nots += "not ";
  EXPECT_NE(ErrorOf(nots + "a = 1").find("nested deeper than 64"), std::string::npos);
  const std::string open(64, '('), close(64, ')');
  EXPECT_EQ(Parsed(open + "a = 1" + close), Parsed("a = 1"));
}

TEST(ParseFilter, SizeIsBounded) {
  EXPECT_EQ(ErrorOf(std::string(kMaxFilterTextBytes + 1, ' ')),
            "filter: 4194305 bytes, expected at most 4194304");
}

TEST(ParseFilter, NoTextCrashes) {
  const std::string pieces[] = {
      "a",    "`b-c`",  "and",     "or",     "not",     "in",         "between", "(",   ")",
      ",",    "=",      "!=",      "<",      "<=",      "1",          "-2.5",    "'s'", "\"t\"",
      "true", "exists", "missing", "prefix", "geo_box", "geo_radius", "id",      "."};
  std::mt19937_64 random(11);
  size_t good = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    for (size_t n = random() % 9; n > 0; --n) text += pieces[random() % std::size(pieces)] + " ";
    const auto filter = ParseFilter(text);
    if (!filter.ok()) continue;
    ++good;
    EXPECT_EQ(Parsed(ToString(*filter)), *filter) << text;
  }
  EXPECT_GT(good, 100u);
}

}  // namespace
}  // namespace tessera

#include "index/filter/resolved_condition.h"

#include <gtest/gtest.h>

#include <cmath>

#include "index/filter/datetime.h"

namespace tessera::filter {
namespace {

PayloadSchema Schema() {
  return PayloadSchema::Make({{"created", FieldType::kDatetime},
                              {"price", FieldType::kFloat},
                              {"kind", FieldType::kKeyword},
                              {"new", FieldType::kBool},
                              {"place", FieldType::kGeo},
                              {"text", FieldType::kKeyword, false, false}})
      .value();
}

Condition Of(std::string_view text) { return ParseFilter(text).value().condition; }

std::string ErrorOf(const Condition& condition) {
  const auto test = ResolveCondition(condition, Schema());
  EXPECT_EQ(test.status().code(), absl::StatusCode::kInvalidArgument);
  return MessageOf(test.status());
}
std::string ErrorOf(std::string_view text) { return ErrorOf(Of(text)); }

TEST(ResolvedCondition, ConditionsThatDoNotFitTheirField) {
  EXPECT_EQ(ErrorOf("price < \"a\""),
            "field \"price\": is declared as float, and cannot be compared with the string \"a\"");
  EXPECT_EQ(ErrorOf("kind = 5"),
            "field \"kind\": is declared as keyword, and cannot be compared with the integer 5");
  EXPECT_EQ(ErrorOf("kind < \"x\""),
            "field \"kind\": is declared as keyword, and has no range, which is of numbers and "
            "datetimes");
  EXPECT_EQ(ErrorOf("new = 1"),
            "field \"new\": is declared as bool, and cannot be compared with the integer 1");
  EXPECT_EQ(
      ErrorOf("new < true"),
      "field \"new\": is declared as bool, and has no range, which is of numbers and datetimes");
  EXPECT_EQ(
      ErrorOf("created > 5"),
      "field \"created\": is declared as datetime, and cannot be compared with the integer 5");
  EXPECT_EQ(ErrorOf("created > \"soon\""),
            "field \"created\": is declared as datetime, and the string \"soon\" is not RFC 3339, "
            "as \"2024-01-31T12:00:00Z\" is");
  EXPECT_EQ(ErrorOf("place = 1"),
            "field \"place\": is declared as geo, and cannot be compared with the integer 1; use "
            "geo_radius or geo_box");
  EXPECT_EQ(ErrorOf("place.lat = 1"),
            "field \"place.lat\": is below \"place\", which is declared as geo");
  EXPECT_EQ(ErrorOf("geo_radius(price, 1, 2, 3)"),
            "field \"price\": is declared as float, and is no place");
  EXPECT_EQ(ErrorOf("prefix(price, 'a')"),
            "field \"price\": is declared as float, and has no prefixes");
  EXPECT_EQ(ErrorOf("text = 'a'"), "field \"text\": is declared without an index");
  EXPECT_EQ(ErrorOf("other > '2024-01-01'"),
            "field \"other\": a range is of numbers, found the string \"2024-01-01\"; datetimes "
            "compare once the field "
            "is declared as datetime");
  EXPECT_EQ(ErrorOf("other = '" + std::string(257, 'x') + "'"),
            "field \"other\": a keyword has at most 256 bytes, found 257");
}

TEST(ResolvedCondition, BadNumbersAndPlaces) {
  EXPECT_EQ(ErrorOf("geo_radius(x, 91, 0, 1)"),
            "field \"x\": the center must have a latitude in -90..90 and a longitude in -180..180");
  EXPECT_EQ(ErrorOf("geo_radius(x, 1, 0, -1)"),
            "field \"x\": the radius must be a number of metres, at least 0");
  EXPECT_EQ(ErrorOf("geo_box(x, 2, 0, 1, 1)"),
            "field \"x\": the box has its south above its north");
  EXPECT_EQ(ErrorOf("geo_box(x, 0, 181, 1, 1)"),
            "field \"x\": the box must have latitudes in -90..90 and longitudes in -180..180");
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    Condition equal = Of("x = 1.5"), less = Of("x < 1.5"), radius = Of("geo_radius(x, 1, 0, 1)"),
              box = Of("geo_box(x, 0, 0, 1, 1)");
    equal.values[0].number = less.upper.value.number = radius.radius = box.box.north = bad;
    for (const Condition& condition : {equal, less, radius, box}) EXPECT_NE(ErrorOf(condition), "");
  }
  Condition unbounded = Of("x < 1");
  unbounded.upper.present = false;
  EXPECT_EQ(ErrorOf(unbounded), "field \"x\": the range has no bounds");
}

TEST(ResolvedCondition, ValuesOfAllKindsAreComparedExactly) {
  const Condition condition = Of("x in ('b', 'a', 1.0, 1, true, 9007199254740993)");
  const ResolvedCondition test = ResolveCondition(condition, Schema()).value();
  EXPECT_EQ(test.keywords, (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(test.numbers[static_cast<size_t>(ValueKind::kNumber)].size(), 2u);
  const auto holds = [&](ValueKind kind, const Number& number) {
    return Satisfies(test, {kind, "", number, {}});
  };
  EXPECT_TRUE(holds(ValueKind::kNumber, Number::FromInteger(1)));
  EXPECT_TRUE(holds(ValueKind::kBool, Number::FromInteger(1)));
  EXPECT_FALSE(holds(ValueKind::kBool, Number::FromInteger(0)));
  EXPECT_FALSE(holds(ValueKind::kDatetime, Number::FromInteger(1)));
  EXPECT_FALSE(holds(ValueKind::kNumber, Number::FromFloat(9007199254740992.0)));
  EXPECT_TRUE(Satisfies(test, {ValueKind::kKeyword, "a", {}, {}}));
  EXPECT_FALSE(Satisfies(test, {ValueKind::kText, "a", {}, {}}));
}

TEST(ResolvedCondition, RangesOfDatetimes) {
  const Condition condition = Of("'2024-01-01' <= created < '2024-01-02T00:00:00+01:00'");
  const ResolvedCondition test = ResolveCondition(condition, Schema()).value();
  const auto holds = [&](const char* text) {
    return Satisfies(test,
                     {ValueKind::kDatetime, text, Number::FromInteger(*ParseDatetime(text)), {}});
  };
  EXPECT_TRUE(holds("2024-01-01T00:00:00Z"));
  EXPECT_FALSE(holds("2023-12-31T23:59:59.999999Z"));
  EXPECT_TRUE(holds("2024-01-01T22:59:59.999999Z"));
  EXPECT_FALSE(holds("2024-01-01T23:00:00Z"));
  EXPECT_FALSE(Satisfies(test, {ValueKind::kNumber, "", test.lower.value, {}}));
}

}  // namespace
}  // namespace tessera::filter

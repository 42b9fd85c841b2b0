#include <gtest/gtest.h>

#include "index/filter.h"

namespace tessera {
namespace {

const PayloadSchema& Schema() {
  static const PayloadSchema schema =
      PayloadSchema::Make({{"created", FieldType::kDatetime}, {"place", FieldType::kGeo}}).value();
  return schema;
}

bool Holds(std::string_view text, std::string_view payload, const PointId& id = PointId(1)) {
  const auto matches = Matches(ParseFilter(text).value(), payload, id, Schema());
  EXPECT_TRUE(matches.ok()) << matches.status();
  return matches.ok() && *matches;
}

TEST(Matches, AnyValueOfAnArraySatisfies) {
  EXPECT_TRUE(Holds("tags = 'b'", R"({"tags":["a","b"]})"));
  EXPECT_TRUE(Holds("tags in ('x','a')", R"({"tags":["a","b"]})"));
  EXPECT_TRUE(Holds("n > 1 and n < 1", R"({"n":[0,2]})"));
  EXPECT_FALSE(Holds("0 < n < 2", R"({"n":[0,2]})"));
  EXPECT_TRUE(Holds("offers.price < 2", R"({"offers":[{"price":5},{"price":1.5}]})"));
  EXPECT_FALSE(Holds("tags in ()", R"({"tags":["a"]})"));
}

TEST(Matches, NotEqualNeedsAValue) {
  EXPECT_FALSE(Holds("x != 1", "{}"));
  EXPECT_FALSE(Holds("x != 1", R"({"x":null})"));
  EXPECT_TRUE(Holds("not x = 1", "{}"));
  EXPECT_TRUE(Holds("x != 1", R"({"x":"1"})"));
  EXPECT_FALSE(Holds("x != 1", R"({"x":[1,2]})"));
  EXPECT_TRUE(Holds("x not in (3)", R"({"x":[1,2]})"));
  EXPECT_TRUE(Holds("x != 'a'", "{\"x\":\"" + std::string(400, 'a') + "\"}"));
}

TEST(Matches, ExistsAndMissing) {
  EXPECT_TRUE(Holds("exists(a)", R"({"a":{"b":[1]}})"));
  EXPECT_FALSE(Holds("exists(a)", R"({"a":{"b":[null]}})"));
  EXPECT_FALSE(Holds("exists(a)", R"({"ab":1})"));
  EXPECT_TRUE(Holds("missing(a)", R"({"a":[]})"));
  EXPECT_TRUE(Holds("missing(a)", ""));
  EXPECT_TRUE(Holds("exists(text)", "{\"text\":\"" + std::string(400, 'a') + "\"}"));
}

TEST(Matches, NumbersCompareExactly) {
  EXPECT_FALSE(Holds("n = 9223372036854775808.0", R"({"n":9223372036854775807})"));
  EXPECT_TRUE(Holds("n < 9223372036854775808.0", R"({"n":9223372036854775807})"));
  EXPECT_TRUE(Holds("n = 9223372036854775808.0", R"({"n":9223372036854775808})"));
  EXPECT_TRUE(Holds("n = 1", R"({"n":1.0})"));
  EXPECT_FALSE(Holds("n = 1", R"({"n":true})"));
  EXPECT_FALSE(Holds("n = 1", R"({"n":"1"})"));
}

TEST(Matches, PlacesAndTimes) {
  const char* payload =
      R"({"created":"2024-06-01T12:00:00+02:00","place":{"lat":0,"lon":179.9},"spot":{"lat":1,"lon":1}})";
  EXPECT_TRUE(Holds("created = '2024-06-01T10:00:00Z'", payload));
  EXPECT_TRUE(Holds("created between '2024-06-01' and '2024-06-02'", payload));
  EXPECT_TRUE(Holds("geo_radius(place, 0, -179.9, 23000)", payload));
  EXPECT_FALSE(Holds("geo_radius(place, 0, -179.9, 22000)", payload));
  EXPECT_TRUE(Holds("geo_box(place, -1, 179, 1, -179)", payload));
  EXPECT_TRUE(Holds("geo_radius(spot, 1, 1, 0)", payload));
  EXPECT_TRUE(Holds("spot.lat = 1", payload));
}

TEST(Matches, Ids) {
  EXPECT_TRUE(Holds("id in (1, 'a')", "{}"));
  EXPECT_TRUE(Holds("id in (1, 'a')", "{}", PointId(std::string("a"))));
  EXPECT_FALSE(Holds("id = 2", "{}"));
  EXPECT_TRUE(Holds("id != 2", "{}"));
}

TEST(Matches, EmptyGroups) {
  EXPECT_TRUE(Holds("true", ""));
  EXPECT_FALSE(Holds("false", ""));
  Filter filter;
  filter.should.push_back(ParseFilter("x = 1").value());
  EXPECT_FALSE(Matches(filter, "{}", PointId(1), Schema()).value());
}

TEST(Matches, Errors) {
  const Filter filter = ParseFilter("created > 5").value();
  EXPECT_EQ(Matches(filter, "{}", PointId(1), Schema()).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MessageOf(Matches(Filter{}, "{", PointId(1), Schema()).status()).substr(0, 9),
            "payload: ");
  EXPECT_FALSE(Matches(Filter{}, R"({"created":5})", PointId(1), Schema()).ok());
}

}  // namespace
}  // namespace tessera

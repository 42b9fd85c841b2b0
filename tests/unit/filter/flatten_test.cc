#include "index/filter/flatten.h"

#include <gtest/gtest.h>

#include <vector>

#include "index/filter/datetime.h"

namespace tessera::filter {
namespace {

using Seen = std::vector<std::pair<std::string, ValueKind>>;

StatusOr<Seen> Flatten(std::string_view text, const PayloadSchema& schema = {}, bool all = false) {
  TESSERA_ASSIGN_OR_RETURN(const JsonValue object, ParseJsonObject(text));
  Seen seen;
  TESSERA_RETURN_IF_ERROR(
      FlattenPayload(object, schema, all, [&](const std::string& path, const FieldValue& value) {
        seen.emplace_back(path, value.kind);
      }));
  return seen;
}

TEST(Flatten, UndeclaredFieldsAreWhatTheyAre) {
  EXPECT_EQ(
      Flatten(R"({"s":"x","i":1,"f":1.5,"b":true,"n":null,"a":["y",2,[false]],"e":[],"o":{}})")
          .value(),
      (Seen{{"s", ValueKind::kKeyword},
            {"i", ValueKind::kNumber},
            {"f", ValueKind::kNumber},
            {"b", ValueKind::kBool},
            {"a", ValueKind::kKeyword},
            {"a", ValueKind::kNumber},
            {"a", ValueKind::kBool}}));
}

TEST(Flatten, ArraysOfObjectsFlatten) {
  EXPECT_EQ(Flatten(R"({"offers":[{"price":1},{"price":2,"shop":{"name":"x"}}]})").value(),
            (Seen{{"offers.price", ValueKind::kNumber},
                  {"offers.price", ValueKind::kNumber},
                  {"offers.shop.name", ValueKind::kKeyword}}));
}

TEST(Flatten, LongStringsAreText) {
  const auto of = [](size_t size) {
    return Flatten("{\"s\":\"" + std::string(size, 'x') + "\"}").value()[0].second;
  };
  EXPECT_EQ(of(kMaxKeywordBytes), ValueKind::kKeyword);
  EXPECT_EQ(of(kMaxKeywordBytes + 1), ValueKind::kText);
}

TEST(Flatten, PlacesAreInferred) {
  EXPECT_EQ(
      Flatten(R"({"p":{"lon":13.4,"lat":52}})").value(),
      (Seen{{"p", ValueKind::kGeo}, {"p.lon", ValueKind::kNumber}, {"p.lat", ValueKind::kNumber}}));
  EXPECT_EQ(Flatten(R"({"p":{"lat":91,"lon":0}})").value().size(), 2u);
  EXPECT_EQ(Flatten(R"({"p":{"lat":1,"lon":0,"alt":3}})").value().size(), 3u);
  EXPECT_EQ(Flatten(R"({"p":{"lat":1,"lat2":0}})").value().size(), 2u);
}

TEST(Flatten, DeclaredFieldsAreTyped) {
  const auto schema = PayloadSchema::Make({{"when", FieldType::kDatetime},
                                           {"place", FieldType::kGeo},
                                           {"note", FieldType::kKeyword, false, false}});
  ASSERT_TRUE(schema.ok()) << schema.status();
  const std::string text =
      R"({"when":["2024-01-01T00:00:00Z"],"place":[{"lat":1,"lon":2}],"note":"x"})";
  EXPECT_EQ(Flatten(text, *schema).value(),
            (Seen{{"when", ValueKind::kDatetime}, {"place", ValueKind::kGeo}}));
  EXPECT_EQ(Flatten(text, *schema, true).value().size(), 3u);
}

TEST(Flatten, Paths) {
  EXPECT_TRUE(IsAtOrBelow("a.b", "a"));
  EXPECT_TRUE(IsAtOrBelow("a", "a"));
  EXPECT_FALSE(IsAtOrBelow("ab", "a"));
  EXPECT_FALSE(IsAtOrBelow("a", "a.b"));
  for (const std::string& bad : {std::string(""), std::string("."), std::string("a."),
                                 std::string(".a"), std::string("a..b"), std::string(1025, 'x')}) {
    EXPECT_FALSE(CheckPath(bad).ok()) << bad;
  }
  std::string deep = "a";
  for (int i = 1; i < 16; ++i) deep += ".a";
  EXPECT_TRUE(CheckPath(deep).ok());
  EXPECT_FALSE(CheckPath(deep + ".a").ok());
}

}  // namespace
}  // namespace tessera::filter

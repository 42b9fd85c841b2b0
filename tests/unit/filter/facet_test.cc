#include <gtest/gtest.h>

#include <map>

#include "index/filter/payload_index.h"
#include "tests/unit/filter/random_filters.h"

namespace tessera::filter {
namespace {

using IndexPtr = std::shared_ptr<const PayloadIndex>;

IndexPtr Shop() {
  const auto schema = PayloadSchema::Make({{"day", FieldType::kDatetime},
                                           {"price", FieldType::kFloat},
                                           {"note", FieldType::kKeyword, false, false}})
                          .value();
  const PayloadRow first[] = {{RowId(0), R"({"c":"red","n":1,"day":"2024-01-01"})"},
                              {RowId(1), R"({"c":["red","blue"],"n":1.0,"price":2})"},
                              {RowId(2), R"({"c":"blue","n":true})"}};
  const PayloadRow second[] = {
      {RowId(5), R"({"c":"green","n":"1","day":"2024-01-01T01:00:00+01:00"})"},
      {RowId(6), R"({"c":"red","price":2.0})"}};
  return PayloadIndex::Make(schema)->With(first).value()->With(second).value();
}

std::vector<FacetCount> Facet(std::string_view path, const RowSet* rows = nullptr,
                              size_t limit = 100) {
  return Shop()->Facet(path, rows, limit).value();
}

TEST(Facet, MostFirstThenByValue) {
  const auto red = PayloadValue::Keyword("red"), blue = PayloadValue::Keyword("blue"),
             green = PayloadValue::Keyword("green");
  EXPECT_EQ(Facet("c"), (std::vector<FacetCount>{{red, 3}, {blue, 2}, {green, 1}}));
  EXPECT_EQ(Facet("c", nullptr, 1), (std::vector<FacetCount>{{red, 3}}));
  EXPECT_TRUE(Facet("c", nullptr, 0).empty());
  const RowSet some = RowSet::OfRange(RowId(1), RowId(6));
  EXPECT_EQ(Facet("c", &some), (std::vector<FacetCount>{{blue, 2}, {green, 1}, {red, 1}}));
  const RowSet none;
  EXPECT_TRUE(Facet("c", &none).empty());
}

TEST(Facet, ValuesOfAllKinds) {
  EXPECT_EQ(Facet("n"), (std::vector<FacetCount>{{PayloadValue::Integer(1), 2},
                                                 {PayloadValue::Keyword("1"), 1},
                                                 {PayloadValue::Bool(true), 1}}));
  EXPECT_EQ(Facet("day"),
            (std::vector<FacetCount>{{PayloadValue::Keyword("2024-01-01T00:00:00Z"), 2}}));
  EXPECT_EQ(Facet("price"), (std::vector<FacetCount>{{PayloadValue::Float(2), 2}}));
  EXPECT_TRUE(Facet("none").empty());
}

TEST(Facet, Errors) {
  EXPECT_EQ(MessageOf(Shop()->Facet("note", nullptr, 1).status()),
            "field \"note\": is declared without an index");
  EXPECT_EQ(MessageOf(Shop()->Facet("a..b", nullptr, 1).status()),
            "field \"a..b\": the path has an empty key");
}

TEST(Facet, AgreesWithTheValuesOfEachRow) {
  RandomFilters random(5);
  IndexPtr index = PayloadIndex::Make({});
  std::map<std::string, uint64_t> expected;
  std::vector<RowId> asked;
  for (uint32_t row = 0; row < 2000; ++row) {
    const std::string payload = random.Payload();
    const PayloadRow added[] = {{RowId(row), payload}};
    index = index->With(added).value();
    if (!random.OneIn(3)) continue;
    asked.emplace_back(row);
    std::map<std::string, uint64_t> of_row;
    const auto values = PayloadValues(payload, "kind", {}).value();
    for (const PayloadValue& value : values) of_row[value.ToString()] = 1;
    for (const auto& [value, one] : of_row) expected[value] += one;
  }
  const RowSet rows = RowSet::OfRows(asked);
  std::map<std::string, uint64_t> counted;
  const auto facets = index->Facet("kind", &rows, 1000).value();
  for (const FacetCount& facet : facets) counted[facet.value.ToString()] = facet.count;
  EXPECT_EQ(counted, expected);
  EXPECT_GT(counted.size(), 3u);
}

}  // namespace
}  // namespace tessera::filter

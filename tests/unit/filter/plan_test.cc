#include "index/filter/plan.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

PayloadSchema Schema() {
  return PayloadSchema::Make({{"price", FieldType::kFloat}, {"tenant", FieldType::kKeyword, true}})
      .value();
}

Filter Parsed(std::string_view text) { return ParseFilter(text).value(); }

std::string ErrorOf(const Filter& filter, std::string_view text = {}) {
  const Status status = CheckFilter(filter, Schema(), text);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return MessageOf(status);
}

TEST(CheckFilter, NamesColumnOrPlace) {
  const std::string text = "x = 1 and (y = 2 or price < \"a\")";
  Filter filter = Parsed(text);
  const std::string message =
      "field \"price\": is declared as float, and cannot be compared with the string \"a\"";
  EXPECT_EQ(ErrorOf(filter), "filter: column 21: " + message);
  EXPECT_EQ(ErrorOf(filter, text),
            "filter: column 21: " + message + "\n" + text + "\n" + std::string(20, ' ') + "^");
  filter.must[1].should[1].condition.column = 0;
  EXPECT_EQ(ErrorOf(filter), "filter.must[1].should[1]: " + message);
  EXPECT_TRUE(CheckFilter(Parsed("price < 5 and not (z = true)"), Schema()).ok());
}

TEST(CheckFilter, Limits) {
  Filter deep = Parsed("x = 1");
  for (size_t i = 1; i < kMaxFilterDepth; ++i) {
    Filter outer;
    outer.must.push_back(std::move(deep));
    deep = std::move(outer);
  }
  EXPECT_TRUE(CheckFilter(deep, Schema()).ok());
  Filter outer;
  outer.must_not.push_back(std::move(deep));
  EXPECT_EQ(ErrorOf(outer), "filter: nested deeper than 16");

  Filter wide;
  wide.should.assign(kMaxFilterConditions, Parsed("x = 1"));
  EXPECT_TRUE(CheckFilter(wide, Schema()).ok());
  wide.should.push_back(Parsed("x = 1"));
  EXPECT_EQ(ErrorOf(wide), "filter: 1001 conditions, expected at most 1000");
  wide.should.assign(5000, Filter{});
  EXPECT_EQ(ErrorOf(wide), "filter: more than 2000 conditions and groups");

  Filter values = Parsed("x = 1 and id = 1");
  values.must[0].condition.values.assign(kMaxFilterValues - 1, PayloadValue::Integer(1));
  EXPECT_TRUE(CheckFilter(values, Schema()).ok());
  values.must[1].condition.ids.emplace_back(2);
  EXPECT_EQ(ErrorOf(values), "filter: more than 65536 values and ids");
}

TEST(CheckFilter, Malformed) {
  Filter both = Parsed("x = 1");
  both.must.push_back(Parsed("y = 1"));
  EXPECT_EQ(ErrorOf(both), "filter: is both a condition and a group");
  Filter unknown = Parsed("x = 1");
  unknown.condition.kind = static_cast<Condition::Kind>(77);
  EXPECT_EQ(ErrorOf(unknown), "filter: unknown kind of condition");
  Filter pathless = Parsed("x = 1");
  pathless.condition.field = "";
  pathless.condition.column = 0;
  EXPECT_EQ(ErrorOf(pathless), "filter: field \"\": the path is empty");
}

TEST(Plan, KnowsWhereIdsAre) {
  const Filter filter = Parsed("(x = 1 or y = 2) and not id = 3");
  const filter::Plan plan = filter::MakePlan(filter, Schema()).value();
  ASSERT_EQ(plan.parts.size(), 2u);
  EXPECT_TRUE(plan.has_ids);
  EXPECT_FALSE(plan.parts[0].has_ids);
  EXPECT_TRUE(plan.parts[1].has_ids);
  EXPECT_EQ(plan.parts[0].filter, &filter.must[0]);
}

TEST(PartitionCondition, FoundWhereItBinds) {
  const PayloadSchema schema = Schema();
  const auto found = [&](std::string_view text) {
    return PartitionCondition(Parsed(text), schema) != nullptr;
  };
  EXPECT_TRUE(found("tenant = 'a'"));
  EXPECT_TRUE(found("x = 1 and tenant in ('a', 'b')"));
  EXPECT_FALSE(found("x = 1 or tenant = 'a'"));
  EXPECT_FALSE(found("not tenant = 'a'"));
  EXPECT_FALSE(found("tenant != 'a'"));
  EXPECT_EQ(PartitionCondition(Parsed("tenant = 'a'"), PayloadSchema()), nullptr);
}

}  // namespace
}  // namespace tessera

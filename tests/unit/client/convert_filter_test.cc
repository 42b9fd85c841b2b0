#include "client/convert_filter.h"

#include <gtest/gtest.h>

namespace tessera::client {
namespace {

TEST(ConvertFilterTest, ExpressionsGoAsTheyAre) {
  v1::CountRequest request;
  ASSERT_TRUE(SetFilter(FilterInput(), &request).ok());
  EXPECT_FALSE(request.has_filter());
  ASSERT_TRUE(SetFilter(FilterInput("price < 5"), &request).ok());
  EXPECT_EQ(request.filter().expression(), "price < 5");
  EXPECT_EQ(SetFilter(FilterInput("a = \"\xff\""), &request), InvalidArgument("filter is not UTF-8"));
}

TEST(ConvertFilterTest, ATreeGoesAsATree) {
  const auto tree = ParseFilter("a = 1 and (not b in (\"x\", true, 2.5) or price >= 3 or id = 7)");
  ASSERT_TRUE(tree.ok());
  v1::QueryRequest request;
  ASSERT_TRUE(SetFilter(FilterInput(*tree), &request).ok());
  const v1::Filter& filter = request.filter();
  ASSERT_EQ(filter.must_size(), 2);
  EXPECT_EQ(filter.must(0).condition().any_of().values(0).integer(), 1);
  ASSERT_EQ(filter.must(1).should_size(), 3);
  const v1::Values& values = filter.must(1).should(0).must_not(0).condition().any_of();
  EXPECT_EQ(values.values(0).text(), "x");
  EXPECT_TRUE(values.values(1).boolean());
  EXPECT_EQ(values.values(2).number(), 2.5);
  EXPECT_TRUE(filter.must(1).should(1).condition().range().has_gte());
  EXPECT_EQ(filter.must(1).should(2).condition().has_id().ids(0).num(), 7u);
}

TEST(ConvertFilterTest, WhatTheWireCannotCarryIsRefused) {
  Filter filter;
  filter.condition.kind = Condition::Kind::kPrefix;
  filter.condition.field = "a";
  filter.condition.prefix = "\xc0";
  v1::Filter out;
  EXPECT_EQ(ToProto(filter, &out), InvalidArgument("filter: a prefix is not UTF-8"));
  filter.condition.kind = Condition::Kind::kAnyOf;
  filter.condition.field = "\xff";
  EXPECT_EQ(ToProto(filter, &out), InvalidArgument("filter: a field is not UTF-8"));
  filter.condition.kind = Condition::Kind::kHasId;
  filter.condition.field.clear();
  filter.condition.ids = {PointId(std::string())};
  EXPECT_FALSE(ToProto(filter, &out).ok());
  Filter deep;
  for (size_t i = 0; i < kMaxFilterDepth; ++i) {
    Filter outer;
    outer.must.push_back(deep);
    deep = outer;
  }
  EXPECT_EQ(ToProto(deep, &out), InvalidArgument("filter is nested deeper than 16"));
}

TEST(ConvertFilterTest, FieldsGoBothWays) {
  for (const PayloadField& field :
       {PayloadField{.path = "a.b", .type = FieldType::kGeo, .indexed = false},
        PayloadField{.path = "t", .type = FieldType::kKeyword, .partition = true}}) {
    v1::PayloadField wire;
    ToProto(field, &wire);
    EXPECT_EQ(FromProto(wire), field);
  }
}

}  // namespace
}  // namespace tessera::client

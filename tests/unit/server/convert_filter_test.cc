#include "server/convert_filter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace tessera::server {
namespace {

PayloadSchema Schema() {
  return *PayloadSchema::Make({{.path = "note", .indexed = false},
                               {.path = "price", .type = FieldType::kFloat},
                               {.path = "tenant", .partition = true}});
}

std::string ErrorOf(const v1::Filter& filter) {
  const auto result = FromProto(filter, Schema());
  if (result.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
  return MessageOf(result.status());
}

v1::Filter Equals(const std::string& field, const std::string& text) {
  v1::Filter filter;
  filter.mutable_condition()->set_field(field);
  filter.mutable_condition()->mutable_any_of()->add_values()->set_text(text);
  return filter;
}

v1::Filter Nested(int depth) {
  v1::Filter filter = Equals("a", "x");
  for (int i = 1; i < depth; ++i) {
    v1::Filter outer;
    *outer.add_must() = filter;
    filter = outer;
  }
  return filter;
}

TEST(ConvertFilterTest, TreesAndExpressionsMeanTheSame) {
  v1::Filter tree;
  *tree.add_must() = Equals("color", "red");
  v1::Condition* range = tree.add_must()->mutable_condition();
  range->set_field("price");
  range->mutable_range()->mutable_gt()->set_integer(1);
  range->mutable_range()->mutable_lte()->set_number(5.5);
  v1::Filter* either = tree.add_must();
  either->add_should()->mutable_condition()->mutable_has_id()->add_ids()->set_num(7);
  either->add_should()->mutable_condition()->set_field("n");
  either->mutable_should(1)->mutable_condition()->mutable_any_of()->add_values()->set_unsigned_integer(UINT64_MAX);
  v1::Filter expression;
  expression.set_expression("color = \"red\" and 1 < price <= 5.5 and (id = 7 or n = 18446744073709551615)");
  const auto a = FromProto(tree, Schema()), b = FromProto(expression, Schema());
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(NormalizeFilter(*a), *b) << ToString(*a) << "\n" << ToString(*b);
}

TEST(ConvertFilterTest, AnExpressionMayStandInAGroup) {
  v1::Filter filter;
  *filter.add_must() = Equals("tenant", "t1");
  filter.add_must()->set_expression("price < 5");
  const auto read = FromProto(filter, Schema());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_NE(PartitionCondition(*read, Schema()), nullptr);
  filter.mutable_must(1)->set_expression("price < ");
  EXPECT_EQ(ErrorOf(filter).rfind("filter.must[1]: filter: column 9: ", 0), 0u) << ErrorOf(filter);
}

TEST(ConvertFilterTest, ExpressionsNameColumnAndCaret) {
  v1::Filter filter;
  filter.set_expression("price < 5 and note = \"x\"");
  const std::string error = ErrorOf(filter);
  EXPECT_EQ(error.rfind("filter: column 15: ", 0), 0u) << error;
  EXPECT_NE(error.find("\nprice < 5 and note = \"x\"\n              ^"), std::string::npos) << error;
  filter.set_expression("price = \"cheap\"");
  EXPECT_NE(ErrorOf(filter).find("column 1: "), std::string::npos) << ErrorOf(filter);
}

TEST(ConvertFilterTest, TreesNameThePlace) {
  v1::Filter filter;
  *filter.add_must() = Equals("a", "x");
  v1::Filter* inner = filter.add_must();
  *inner->add_should() = Equals("price", "cheap");
  EXPECT_EQ(ErrorOf(filter).rfind("filter.must[1].should[0]: ", 0), 0u) << ErrorOf(filter);
  inner->mutable_should(0)->mutable_condition()->mutable_any_of()->add_values();
  EXPECT_EQ(ErrorOf(filter), "filter.must[1].should[0].condition.any_of.values[1] is missing");
  inner->mutable_should(0)->mutable_condition()->clear_test();
  EXPECT_EQ(ErrorOf(filter).rfind("filter.must[1].should[0].condition has no test", 0), 0u);
  inner->mutable_should(0)->mutable_condition()->clear_field();
  EXPECT_EQ(ErrorOf(filter), "filter.must[1].should[0].condition.field is missing");
  inner->mutable_should(0)->mutable_condition()->mutable_has_id()->add_ids();
  EXPECT_EQ(ErrorOf(filter), "filter.must[1].should[0].condition.has_id.ids[0] is missing");
  inner->set_expression("true");
  EXPECT_EQ(ErrorOf(filter),
            "filter.must[1] has several of expression, condition and must, should, must_not");
}

TEST(ConvertFilterTest, BadNumbersAndRangesAreRefused) {
  v1::Filter filter;
  v1::Condition* condition = filter.mutable_condition();
  condition->set_field("price");
  condition->mutable_range();
  EXPECT_NE(ErrorOf(filter), "") << "a range without bounds";
  condition->mutable_range()->mutable_gt()->set_number(std::nan(""));
  EXPECT_NE(ErrorOf(filter), "");
  condition->mutable_range()->mutable_gt()->clear_kind();
  EXPECT_EQ(ErrorOf(filter), "filter.condition.range.gt is missing");
  condition->set_field("where");
  condition->mutable_geo_radius()->set_metres(-1);
  EXPECT_NE(ErrorOf(filter), "");
  condition->mutable_geo_box()->set_south(10);
  EXPECT_NE(ErrorOf(filter), "") << "upside down";
  condition->set_prefix("x");
  EXPECT_EQ(ErrorOf(filter), "");
}

TEST(ConvertFilterTest, DepthAndSizesAreBounded) {
  EXPECT_EQ(ErrorOf(Nested(kMaxFilterDepth)), "");
  EXPECT_EQ(ErrorOf(Nested(kMaxFilterDepth + 1)), "filter is nested deeper than 16");
  v1::Filter wide;
  for (size_t i = 0; i < kMaxFilterConditions + 1; ++i) *wide.add_should() = Equals("a", "x");
  EXPECT_NE(ErrorOf(wide).find("conditions"), std::string::npos);
  v1::Filter empties;
  for (int i = 0; i < 10000; ++i) empties.add_must();
  EXPECT_EQ(ErrorOf(empties), "filter has more than 2000 conditions and groups");
  v1::Filter values = Equals("a", "x");
  for (size_t i = 0; i < kMaxFilterValues; ++i) {
    values.mutable_condition()->mutable_any_of()->add_values()->set_integer(1);
  }
  EXPECT_EQ(ErrorOf(values), "filter has more than 65536 values and ids");
  v1::Filter text;
  text.set_expression(std::string(kMaxFilterTextBytes + 1, ' '));
  EXPECT_NE(ErrorOf(text).find("bytes"), std::string::npos);
}

TEST(ConvertFilterTest, EmptyIsWhatSaysNothing) {
  v1::Filter filter;
  EXPECT_TRUE(IsEmpty(filter));
  filter.set_expression(" \n ");
  EXPECT_TRUE(IsEmpty(filter));
  filter.set_expression("true");
  EXPECT_FALSE(IsEmpty(filter));
  EXPECT_FALSE(IsEmpty(Equals("a", "x")));
  EXPECT_FALSE(IsEmpty(Nested(2)));
}

TEST(ConvertFilterTest, FieldsGoBothWays) {
  google::protobuf::RepeatedPtrField<v1::PayloadField> fields;
  ToProto(Schema(), &fields);
  ASSERT_EQ(fields.size(), 3);
  const auto back = FromProto(fields);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, Schema());
  fields.Mutable(0)->clear_indexed();
  EXPECT_TRUE(FromProto(fields)->Find("note")->indexed) << "the default";
  fields.Mutable(1)->clear_type();
  EXPECT_EQ(MessageOf(FromProto(fields).status()),
            "collection.payload_fields[1].type is 0, expected 1 to 6");
  fields.Mutable(1)->set_type(v1::FIELD_TYPE_KEYWORD);
  fields.Mutable(1)->set_partition(true);
  EXPECT_EQ(MessageOf(FromProto(fields).status()).rfind("collection.payload_fields: ", 0), 0u);
  fields.Clear();
  for (size_t i = 0; i <= kMaxSchemaFields; ++i) fields.Add();
  EXPECT_NE(MessageOf(FromProto(fields).status()).find("at most 1024"), std::string::npos);
}

}  // namespace
}  // namespace tessera::server

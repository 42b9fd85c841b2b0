#include "index/filter/segment.h"

#include <gtest/gtest.h>

#include "tests/unit/filter/random_filters.h"

namespace tessera::filter {
namespace {

std::vector<uint32_t> Rows(const Roaring& rows) { return {rows.begin(), rows.end()}; }

std::vector<uint32_t> Evaluated(const Segment& segment, std::string_view text) {
  const Filter filter = ParseFilter(text).value();
  const Plan plan = MakePlan(filter, {}).value();
  const Roaring rows = segment.Evaluate(plan);
  EXPECT_LE(rows.cardinality(), segment.Bound(plan)) << text;
  return Rows(rows);
}

std::shared_ptr<const Segment> Small() {
  const PayloadSchema schema;
  SegmentBuilder builder(schema);
  EXPECT_TRUE(builder.Add(10, R"({"a":"x","n":1})").ok());
  EXPECT_TRUE(builder.Add(12, R"({"a":["x","y"],"n":2.5})").ok());
  EXPECT_TRUE(builder.Add(13, R"({})").ok());
  EXPECT_TRUE(builder.Add(15, R"({"o":{"b":true},"n":[1,7]})").ok());
  return builder.Finish(1);
}

TEST(Segment, CoversTheRangeOfItsRows) {
  const auto segment = Small();
  EXPECT_EQ(segment->begin(), 10u);
  EXPECT_EQ(segment->end(), 16u);
  EXPECT_EQ(segment->size(), 3u);
  EXPECT_NE(segment->Find("o.b"), nullptr);
  EXPECT_EQ(segment->Find("o"), nullptr);
  EXPECT_GT(segment->bytes(), sizeof(Segment));
}

TEST(Segment, Conditions) {
  const auto segment = Small();
  using V = std::vector<uint32_t>;
  EXPECT_EQ(Evaluated(*segment, "a = 'x'"), (V{10, 12}));
  EXPECT_EQ(Evaluated(*segment, "a != 'y'"), (V{10}));
  EXPECT_EQ(Evaluated(*segment, "not a = 'y'"), (V{10, 11, 13, 14, 15}));
  EXPECT_EQ(Evaluated(*segment, "n in (1, 2.5)"), (V{10, 12, 15}));
  EXPECT_EQ(Evaluated(*segment, "2 < n <= 7"), (V{12, 15}));
  EXPECT_EQ(Evaluated(*segment, "n > 7"), (V{}));
  EXPECT_EQ(Evaluated(*segment, "5 < n < 3"), (V{}));
  EXPECT_EQ(Evaluated(*segment, "exists(o)"), (V{15}));
  EXPECT_EQ(Evaluated(*segment, "missing(a)"), (V{11, 13, 14, 15}));
  EXPECT_EQ(Evaluated(*segment, "prefix(a, '')"), (V{10, 12}));
  EXPECT_EQ(Evaluated(*segment, "a = 'x' and not n = 1"), (V{12}));
  EXPECT_EQ(Evaluated(*segment, "a = 'x' or o.b = true"), (V{10, 12, 15}));
  EXPECT_EQ(Evaluated(*segment, "true").size(), 6u);
  EXPECT_EQ(Evaluated(*segment, "false").size(), 0u);
}

TEST(Segment, PrefixesEndWhereBytesOverflow) {
  const PayloadSchema schema;
  SegmentBuilder builder(schema);
  EXPECT_TRUE(builder.Add(0, "{\"a\":\"\xf4\x8f\xbf\xbf\"}").ok());
  EXPECT_TRUE(builder.Add(1, "{\"a\":\"\xf4\x8f\xbf\xbfz\"}").ok());
  EXPECT_TRUE(builder.Add(2, "{\"a\":\"b\"}").ok());
  const auto segment = builder.Finish(1);
  EXPECT_EQ(Evaluated(*segment, "prefix(a, '\xf4\x8f\xbf\xbf')"), (std::vector<uint32_t>{0, 1}));
  Filter bytes = ParseFilter("prefix(a, 'x')").value();
  bytes.condition.prefix = "\xff";
  EXPECT_TRUE(segment->Evaluate(MakePlan(bytes, {}).value()).isEmpty());
}

TEST(Segment, NothingToBuild) {
  const PayloadSchema schema;
  SegmentBuilder builder(schema);
  EXPECT_TRUE(builder.Add(1, "{}").ok());
  EXPECT_TRUE(builder.Add(2, "{\"a\":null,\"b\":[],\"c\":{}}").ok());
  EXPECT_EQ(builder.Finish(1), nullptr);
}

// A merge is the segment that would have been built of the rows that live.
TEST(Segment, MergesAreAsBuiltAtOnce) {
  RandomFilters random(31);
  const PayloadSchema schema = RandomFilters::Schema();
  std::vector<std::shared_ptr<const Segment>> parts;
  SegmentBuilder whole(schema);
  Roaring dead;
  uint32_t row = 0;
  for (uint64_t part = 0; part < 4; ++part) {
    SegmentBuilder builder(schema);
    for (int i = 0; i < 150; ++i, ++row) {
      const std::string payload = random.Payload();
      ASSERT_TRUE(builder.Add(row, payload).ok()) << payload;
      if (random.OneIn(4) && row > 0 && row < 599) {
        dead.add(row);
      } else {
        ASSERT_TRUE(whole.Add(row, payload).ok());
      }
    }
    parts.push_back(builder.Finish(part));
  }
  const auto merged = Segment::Merge(9, parts, dead), expected = whole.Finish(10);
  EXPECT_TRUE(merged->rows() == expected->rows());
  EXPECT_EQ(merged->begin(), expected->begin());
  for (int i = 0; i < 500; ++i) {
    Filter filter = random.Random(3);
    const Plan plan = MakePlan(filter, schema).value();
    if (plan.has_ids) continue;
    EXPECT_TRUE(merged->Evaluate(plan) == expected->Evaluate(plan)) << ToString(filter);
    EXPECT_GE(merged->Bound(plan), merged->Evaluate(plan).cardinality()) << ToString(filter);
  }
  Roaring all;
  all.addRange(0, row);
  EXPECT_EQ(Segment::Merge(11, parts, all)->size(), 0u);
}

}  // namespace
}  // namespace tessera::filter

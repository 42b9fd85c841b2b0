#include "index/types.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace tessera {
namespace {

static_assert(!std::is_convertible_v<uint32_t, RowId>);
static_assert(!std::is_convertible_v<RowId, ListId>);
static_assert(!std::is_constructible_v<RowId, ListId>);

TEST(TypesTest, StrongIntegersCompareAndHash) {
  EXPECT_EQ(RowId(), RowId(0));
  EXPECT_LT(RowId(1), RowId(2));
  const std::unordered_set<RowId> set = {RowId(1), RowId(2), RowId(1)};
  EXPECT_EQ(set.size(), 2u);
}

TEST(PointIdTest, NumbersAndStringsAreDifferent) {
  EXPECT_TRUE(PointId().is_number());
  EXPECT_EQ(PointId(17).number(), 17u);
  const PointId key(std::string("17"));
  EXPECT_FALSE(key.is_number());
  EXPECT_EQ(key.key(), "17");
  EXPECT_NE(key, PointId(17));
  EXPECT_NE(PointId(std::string()), PointId(0));
  EXPECT_EQ(PointId(17).ToString(), "17");
  EXPECT_EQ(key.ToString(), "\"17\"");
}

TEST(PointIdTest, NumbersOrderBeforeStrings) {
  EXPECT_LT(PointId(1), PointId(2));
  EXPECT_LT(PointId(UINT64_MAX), PointId(std::string()));
  EXPECT_LT(PointId(std::string("a")), PointId(std::string("b")));
}

TEST(PointIdTest, HashSpreadsDenseNumbers) {
  const std::hash<PointId> hash;
  EXPECT_EQ(hash(PointId(5)), hash(PointId(5)));
  EXPECT_EQ(hash(PointId(std::string("a"))), hash(PointId(std::string("a"))));
  std::vector<size_t> buckets(64);
  for (uint64_t i = 0; i < 64000; i += 10) ++buckets[hash(PointId(i)) % 64];
  for (const size_t count : buckets) {
    EXPECT_GT(count, 50u);
    EXPECT_LT(count, 150u);
  }
}

TEST(TypesTest, ElementsAndMetrics) {
  EXPECT_EQ(ElementSize(ElementType::kF32), 4u);
  EXPECT_EQ(ElementSize(ElementType::kF16), 2u);
  EXPECT_EQ(ElementSize(ElementType::kI8), 1u);
  EXPECT_EQ(ElementSize(ElementType::kU8), 1u);
  EXPECT_EQ(ElementSize(ElementType::kBf16), 2u);
  EXPECT_EQ(ElementSize(static_cast<ElementType>(5)), 0u);
  EXPECT_STREQ(ElementTypeName(ElementType::kF16), "f16");
  EXPECT_STREQ(ElementTypeName(ElementType::kBf16), "bf16");
  EXPECT_STREQ(ElementTypeName(static_cast<ElementType>(9)), "unknown");
  EXPECT_STREQ(MetricName(Metric::kL2), "l2");
  EXPECT_STREQ(MetricName(Metric::kInnerProduct), "ip");
  EXPECT_STREQ(MetricName(Metric::kCosine), "cosine");
  EXPECT_TRUE(RanksBefore(Metric::kL2, 1.0f, 2.0f));
  EXPECT_FALSE(RanksBefore(Metric::kL2, 2.0f, 2.0f));
  EXPECT_TRUE(RanksBefore(Metric::kInnerProduct, 2.0f, 1.0f));
  EXPECT_FALSE(RanksBefore(Metric::kCosine, 1.0f, 2.0f));
}

TEST(MatrixViewTest, RowsStandAStrideApart) {
  std::vector<int> data(12);
  for (int i = 0; i < 12; ++i) data[i] = i;
  const MatrixView<int> view(data.data(), 3, 2, 4);
  EXPECT_EQ(view.row(2)[1], 9);
  const MatrixView<const int> slice = view.Slice(1, 2);
  EXPECT_EQ(slice.rows(), 2u);
  EXPECT_EQ(slice.dim(), 2u);
  EXPECT_EQ(slice.row(1)[0], 8);
  EXPECT_EQ(MatrixView<int>(data.data(), 3, 4).stride(), 4u);
}

}  // namespace
}  // namespace tessera

// Rows that are not floats: 16 bits, and integers with and without scale and zero point.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "index/collection.h"
#include "index/elements.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

using ElementTypesTest = CollectionTest;

TEST_F(ElementTypesTest, ElementTypesKeepTheirBytes) {
  Create(2, Metric::kL2);
  const std::string f16("\x00\x3c\x00\xc0", 4);  // 1, -2
  const std::string i8("\x01\xfe", 2);
  const std::string u8("\x01\xfe", 2);
  const std::string bf16("\x80\x3f\x00\xc0", 4);  // 1, -2
  ASSERT_TRUE(collection_->Upsert({{PointId(1), ElementType::kF16, f16},
                                   {PointId(2), ElementType::kI8, i8},
                                   {PointId(3), ElementType::kU8, u8},
                                   {PointId(4), ElementType::kBf16, bf16}}).ok());
  const float q[] = {1, -2};
  QueryParams params;
  params.with_vector = true;
  const auto result = collection_->Query(q, 2, params);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->hits[0].score, 0.0f);
  EXPECT_EQ(result->hits[1].score, 0.0f);
  EXPECT_EQ(result->hits[2].score, 0.0f);
  EXPECT_EQ(result->hits[2].vector, bf16);
  EXPECT_EQ(result->hits[2].vector_type, ElementType::kBf16);
  EXPECT_EQ(result->hits[3].score, 256.0f * 256.0f);
  EXPECT_EQ(result->hits[0].vector, f16);
  EXPECT_EQ(result->hits[0].vector_type, ElementType::kF16);
}

// Quantized rows are scored as the floats they stand for, before training and after, and given back as
// they came; a reopened collection knows them still.
TEST_F(ElementTypesTest, QuantizedRowsAreExactlyTheFloatsTheyStandFor) {
  constexpr size_t kRows = 1500, kDim = 16;
  const ScalarParams params{0.037f, -9};
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    SCOPED_TRACE(MetricName(metric));
    Create(kDim, metric);
    std::mt19937 random(3);
    std::vector<int8_t> integers(kRows * kDim);
    for (int8_t& q : integers) q = static_cast<int8_t>(random());
    std::vector<float> floats(integers.size());
    ToFloats(ElementType::kI8, params, integers.data(), floats.size(), floats.data());
    const auto row = [&integers](size_t i) {
      return std::string_view(reinterpret_cast<const char*>(integers.data()) + i * kDim, kDim);
    };
    std::vector<PointInput> points;
    for (size_t i = 0; i < kRows; ++i) points.push_back({PointId(i), ElementType::kI8, row(i), params});
    ASSERT_TRUE(collection_->Upsert(points).ok());
    auto expected = catalog_->Create("floats", collection_->spec());
    ASSERT_TRUE(expected.ok());
    points.clear();
    for (size_t i = 0; i < kRows; ++i) {
      points.push_back({PointId(i), ElementType::kF32, Bytes(floats.data() + i * kDim, kDim)});
    }
    ASSERT_TRUE((*expected)->Upsert(points).ok());

    const MatrixView<const float> queries(floats.data(), 5, kDim);
    const auto compare = [&](const QueryParams& query) {
      const auto found = collection_->QueryBatch(queries, query);
      const auto wanted = (*expected)->QueryBatch(queries, query);
      ASSERT_TRUE(found.ok() && wanted.ok());
      for (size_t q = 0; q < queries.rows(); ++q) {
        ASSERT_EQ((*found)[q].hits.size(), (*wanted)[q].hits.size());
        for (size_t i = 0; i < (*found)[q].hits.size(); ++i) {
          EXPECT_EQ((*found)[q].hits[i].id, (*wanted)[q].hits[i].id);
          EXPECT_EQ((*found)[q].hits[i].score, (*wanted)[q].hits[i].score);
        }
      }
    };
    compare({});
    ASSERT_TRUE(collection_->Train({}).ok());
    ASSERT_TRUE((*expected)->Train({}).ok());
    compare({});
    QueryParams exact, raw;
    exact.exact = true;
    raw.rerank = RerankTier::kRaw;
    compare(exact);
    compare(raw);
    expected->reset();
    Reopen();
    const auto got = collection_->Get({PointId(7)});
    ASSERT_TRUE(got.ok());
    EXPECT_EQ((*got)[0]->type, ElementType::kI8);
    EXPECT_EQ((*got)[0]->vector, row(7));
    EXPECT_EQ((*got)[0]->quantization, params);
    QueryParams with_vector;
    with_vector.with_vector = true;
    const auto near = collection_->QueryById(PointId(7), with_vector);
    ASSERT_TRUE(near.ok());
    EXPECT_EQ(near->hits[0].vector_quantization, params);
    collection_.reset();
    ASSERT_TRUE(catalog_->Drop("c").ok());
    ASSERT_TRUE(catalog_->Drop("floats").ok());
  }
}

TEST_F(ElementTypesTest, ScaleAndZeroPointAreCheckedByRow) {
  Create(2, Metric::kL2);
  const std::string bytes("\x01\xfe\x00\x00", 4);
  const auto refusal = [&](ElementType type, ScalarParams params) {
    const std::string_view vector = std::string_view(bytes).substr(0, 2 * ElementSize(type));
    return MessageOf(collection_
                         ->Upsert({{PointId(1), ElementType::kU8, "ab"}, {PointId(2), type, vector, params}},
                                  {.atomic = true})
                         .status());
  };
  EXPECT_EQ(refusal(ElementType::kI8, {0, 0}),
            "points[1].vector.scale is 0.000000, expected a finite number above 0");
  EXPECT_EQ(refusal(ElementType::kU8, {1, -1}), "points[1].vector.zero_point is -1, expected 0 to 255 (u8)");
  EXPECT_EQ(refusal(ElementType::kBf16, {2, 0}),
            "points[1].vector.scale and zero_point are of i8 and u8, not of bf16");
  EXPECT_NE(refusal(ElementType::kI8, {3e38f, 0}).find("points[1].vector"), std::string::npos);
  EXPECT_EQ(collection_->Count(), 0u);
}

}  // namespace
}  // namespace tessera

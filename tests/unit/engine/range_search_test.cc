// Everything within a radius, no more and no less.
#include "index/engine/range_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "index/filter.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 8;
constexpr uint32_t kRows = 3000;

class RangeSearchTest : public CollectionTest, public ::testing::WithParamInterface<Metric> {
 protected:
  void Make() {
    Create(kDim, GetParam(), "IVF8,PQ4x8");
    rows_ = ClusteredRows(kRows, kDim, 5);
    std::vector<std::string> payloads;
    std::vector<PointInput> points;
    for (uint32_t i = 0; i < kRows; ++i) payloads.push_back("{\"n\":" + std::to_string(i) + "}");
    for (uint32_t i = 0; i < kRows; ++i) {
      points.push_back({PointId(i), ElementType::kF32, Bytes(rows_.data() + i * kDim, kDim), {}, payloads[i]});
    }
    ASSERT_TRUE(collection_->Upsert(points).ok());
    ASSERT_TRUE(collection_->Delete({PointId(10), PointId(11)}).ok());
  }
  // Scores by exact search of everything.
  std::map<uint64_t, float> All(const std::vector<float>& query) {
    QueryParams params;
    params.exact = true;
    params.limit = kRows;
    std::map<uint64_t, float> scores;
    const auto found = collection_->Query(query.data(), kDim, params);
    EXPECT_TRUE(found.ok());
    for (const Hit& hit : found->hits) scores[hit.id.number()] = hit.score;
    return scores;
  }
  std::map<uint64_t, float> Within(const Examples& query, const RangeParams& params, RangeResult* result = nullptr) {
    std::map<uint64_t, float> scores;
    const auto done = collection_->QueryRange(query, params, [&](std::vector<Hit>& hits) {
      EXPECT_FALSE(hits.empty());
      for (const Hit& hit : hits) {
        EXPECT_TRUE(hit.exact);
        EXPECT_TRUE(scores.emplace(hit.id.number(), hit.score).second) << "twice";
      }
      return OkStatus();
    });
    EXPECT_TRUE(done.ok()) << done.status();
    if (done.ok() && result) *result = *done;
    return scores;
  }

  std::vector<float> rows_;
};

TEST_P(RangeSearchTest, FindsAllWithin) {
  Make();
  const std::vector<float> query = ClusteredRows(1, kDim, 77);
  for (const bool train : {false, true}) {
    if (train) {
      ASSERT_TRUE(collection_->Train({}).ok());
    }
    const auto all = All(query);
    ASSERT_EQ(all.size(), kRows - 2);
    std::vector<float> sorted;
    for (const auto& [id, score] : all) sorted.push_back(score);
    std::sort(sorted.begin(), sorted.end());
    for (const size_t at : {size_t{0}, size_t{1}, size_t{50}, size_t{1500}, sorted.size() - 1}) {
      RangeParams params;
      params.radius = sorted[at];
      std::map<uint64_t, float> expected;
      for (const auto& [id, score] : all) {
        if (GetParam() == Metric::kL2 ? score <= params.radius : score >= params.radius) expected[id] = score;
      }
      RangeResult result;
      EXPECT_EQ(Within(Examples::Of(query), params, &result), expected) << at;
      EXPECT_EQ(result.hits, expected.size());
      EXPECT_EQ(result.rows_compared, kRows - 2);
      // Few rows that pass, which are fetched one by one, and many.
      for (const uint32_t below : {40u, 2500u}) {
        params.filter = *ParseFilter("n < " + std::to_string(below));
        std::map<uint64_t, float> fewer;
        for (const auto& [id, score] : expected) {
          if (id < below) fewer[id] = score;
        }
        EXPECT_EQ(Within(Examples::Of(query), params, &result), fewer);
        EXPECT_EQ(result.rows_compared, below - 2);
        params.filter.reset();
      }
    }
  }
}

TEST_P(RangeSearchTest, AStoredExampleIsLeftOut) {
  Make();
  RangeParams params;
  params.radius = GetParam() == Metric::kL2 ? 1e9f : -1e9f;
  params.with_payload = true;
  EXPECT_EQ(Within(Examples::Of(PointId(5)), params).count(5), 0u);
  EXPECT_EQ(Within(Examples::Of(PointId(5)), params).size(), kRows - 3);
}

TEST_P(RangeSearchTest, TheVisitorEndsIt) {
  Make();
  RangeParams params;
  params.radius = GetParam() == Metric::kL2 ? 1e9f : -1e9f;
  size_t calls = 0;
  const auto done = collection_->QueryRange(Examples::Of(PointId(5)), params, [&](std::vector<Hit>&) {
    ++calls;
    return Cancelled("enough");
  });
  EXPECT_EQ(done.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 1u);
}

TEST_P(RangeSearchTest, BadParametersAreNamed) {
  Make();
  RangeParams params;
  params.radius = std::numeric_limits<float>::quiet_NaN();
  const auto status = [&](const Examples& query) {
    return collection_->QueryRange(query, params, [](std::vector<Hit>&) { return OkStatus(); }).status();
  };
  EXPECT_EQ(MessageOf(status(Examples::Of(PointId(5)))), "radius is NaN");
  params.radius = -1;
  EXPECT_EQ(status(Examples::Of(PointId(5))).ok(), GetParam() != Metric::kL2);
  EXPECT_EQ(status(Examples::Of(PointId(10))).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status(Examples::Of(std::vector<float>(kDim - 1, 1))).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status(Examples()).code(), absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Metrics, RangeSearchTest,
                         ::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine));

}  // namespace
}  // namespace tessera

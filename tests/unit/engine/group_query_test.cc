// Groups of hits, against all distances sorted.
#include "index/engine/group_query.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "index/filter.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 8;
constexpr uint32_t kRows = 3000;

class GroupQueryTest : public CollectionTest {
 protected:
  void Make(bool train) {
    Create(kDim, Metric::kL2, "IVF8,PQ4x8,Refine(SQ8)");
    rows_ = ClusteredRows(kRows, kDim, 5);
    for (uint32_t i = 0; i < kRows; ++i) {
      // Group "big" has most points; 1 and 1.0 are one group; some points have several values, some none.
      std::string value = i % 97 == 0 ? R"("rare)" + std::to_string(i % 5) + "\"" : R"("big")";
      if (i % 50 == 1) value = i % 100 == 1 ? "1" : "1.0";
      if (i % 70 == 2) value = R"(["x","y","x"])";
      payloads_.push_back(i % 40 == 3 ? R"({"b":1})" : "{\"g\":" + value + ",\"n\":" + std::to_string(i) + "}");
    }
    std::vector<PointInput> points;
    for (uint32_t i = 0; i < kRows; ++i) {
      points.push_back({PointId(i), ElementType::kF32, Bytes(rows_.data() + i * kDim, kDim), {}, payloads_[i]});
    }
    ASSERT_TRUE(collection_->Upsert(points).ok());
    if (train) {
      ASSERT_TRUE(collection_->Train({}).ok());
    }
  }
  std::vector<std::string> ValuesOf(uint32_t i) const {
    if (i % 40 == 3) return {};
    if (i % 70 == 2) return {"\"x\"", "\"y\""};
    if (i % 50 == 1) return {"1"};
    if (i % 97 == 0) return {"\"rare" + std::to_string(i % 5) + "\""};
    return {"\"big\""};
  }
  using Groups = std::vector<std::pair<std::string, std::vector<uint64_t>>>;
  Groups Expected(const float* query, size_t groups, size_t size, uint32_t below) const {
    std::vector<std::pair<float, uint32_t>> order;
    for (uint32_t i = 0; i < std::min(below, kRows); ++i) {
      float d = 0;
      for (uint32_t j = 0; j < kDim; ++j) {
        const float e = query[j] - rows_[i * kDim + j];
        d += e * e;
      }
      order.emplace_back(d, i);
    }
    std::sort(order.begin(), order.end());
    Groups out;
    for (const auto& [d, i] : order) {
      for (const std::string& value : ValuesOf(i)) {
        auto at = std::find_if(out.begin(), out.end(), [&](const auto& g) { return g.first == value; });
        if (at == out.end()) {
          if (out.size() == groups) continue;
          at = out.insert(out.end(), {value, {}});
        }
        if (at->second.size() < size) at->second.push_back(i);
      }
    }
    return out;
  }
  static Groups Found(const GroupResult& result) {
    Groups out;
    for (const GroupHits& group : result.groups) {
      out.push_back({group.value.ToString(), {}});
      for (const Hit& hit : group.hits) out.back().second.push_back(hit.id.number());
    }
    return out;
  }

  std::vector<float> rows_;
  std::vector<std::string> payloads_;
};

TEST_F(GroupQueryTest, TheBestOfEachGroupInOrder) {
  for (const bool train : {false, true}) {
    Make(train);
    const std::vector<float> queries = ClusteredRows(10, kDim, 77);
    for (size_t q = 0; q < 10; ++q) {
      for (const auto& [limit, size] : std::vector<std::pair<uint32_t, uint32_t>>{{1, 1}, {3, 2}, {9, 4}, {20, 3}}) {
        for (const uint32_t below : {kRows, 200u}) {
          QueryParams params;
          params.limit = limit;
          params.nprobe = 8;
          params.rerank = RerankTier::kAuto;
          params.exact = true;
          if (below < kRows) params.filter = *ParseFilter("n < 200");
          const std::vector<float> query(queries.begin() + static_cast<ptrdiff_t>(q * kDim),
                                         queries.begin() + static_cast<ptrdiff_t>((q + 1) * kDim));
          const auto found = collection_->QueryGroups(Examples::Of(query), {"g", size}, params);
          ASSERT_TRUE(found.ok()) << found.status();
          const Groups expected = Expected(query.data(), limit, size, below);
          EXPECT_EQ(Found(*found), expected) << q << " " << limit << " " << size << " " << below;
          if (limit != expected.size() || limit < 9) {
            EXPECT_EQ(found->exhausted, expected.size() < limit);
          }
        }
      }
    }
    collection_.reset();
    ASSERT_TRUE(catalog_->Drop("c").ok());
    payloads_.clear();
  }
}

TEST_F(GroupQueryTest, CodesGiveFullGroupsToo) {
  Make(true);
  QueryParams params;
  params.limit = 9;
  const auto found = collection_->QueryGroups(Examples::Of(PointId(0)), {"g", 5}, params);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->groups.size(), 9u);  // big, 1, x, y, rare0 to rare4
  for (const GroupHits& group : found->groups) {
    EXPECT_EQ(group.hits.size(), 5u) << group.value.ToString();
    for (const Hit& hit : group.hits) {
      EXPECT_NE(hit.id, PointId(0));
      EXPECT_TRUE(hit.payload.empty());
    }
  }
  params.with_payload = true;
  const auto with = collection_->QueryGroups(Examples::Of(PointId(0)), {"g", 1}, params);
  ASSERT_TRUE(with.ok());
  EXPECT_FALSE(with->groups[0].hits[0].payload.empty());
}

TEST_F(GroupQueryTest, BadParametersAreNamed) {
  Make(false);
  const Examples query = Examples::Of(std::vector<float>(kDim, 1));
  QueryParams params;
  const auto message = [&](const GroupParams& groups) {
    return MessageOf(collection_->QueryGroups(query, groups, params).status());
  };
  EXPECT_EQ(message({"", 3}), "field is missing");
  EXPECT_EQ(message({"g", 0}), "group_size must be at least 1");
  params.limit = 0;
  EXPECT_EQ(message({"g", 3}), "limit must be at least 1");
  params.limit = 10000;
  EXPECT_EQ(message({"g", 3}), "limit * group_size is 30000, the most is 16384");
  params.limit = 10;
  params.offset = 1;
  EXPECT_EQ(message({"g", 3}), "offset does not go with groups");
  params.offset = 0;
  const auto none = collection_->QueryGroups(query, {"nothing", 3}, params);
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->groups.empty());
  EXPECT_TRUE(none->exhausted);
}

}  // namespace
}  // namespace tessera

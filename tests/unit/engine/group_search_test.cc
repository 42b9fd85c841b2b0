// Queries in groups, list by list, give what they give one at a time.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 24;
constexpr size_t kRows = 5000;
constexpr size_t kQueries = 300;

struct Case {
  const char* quantizer;
  Metric metric;
};

class GroupSearch : public CollectionTest, public ::testing::WithParamInterface<Case> {
 protected:
  // Rows with and without string ids, some dead, trained.
  void Make(uint64_t grouped_code_bytes) {
    options_.grouped_code_bytes = grouped_code_bytes;
    Reopen();
    Create(kDim, GetParam().metric, GetParam().quantizer);
    const auto rows = ClusteredRows(kRows, kDim, 1, 1.0f);
    Load(rows, kDim);
    std::vector<PointInput> named;
    for (size_t i = 0; i < kRows; i += 10) {
      named.push_back({PointId("key " + std::to_string(i)), ElementType::kF32,
                       Bytes(rows.data() + i * kDim, kDim)});
    }
    ASSERT_TRUE(collection_->Upsert(named).ok());
    ASSERT_TRUE(collection_->Train({}).ok());
    std::vector<PointId> dead;
    for (uint64_t id = 5; id < kRows; id += 9) dead.push_back(PointId(id));
    ASSERT_TRUE(collection_->Delete(dead).ok());
  }

  void ExpectSame(const QueryParams& params) {
    const auto queries = ClusteredRows(kQueries, kDim, 2, 1.0f);
    std::vector<QueryResult> group;
    ASSERT_TRUE(collection_->QueryBatch({queries.data(), kQueries, kDim}, params, group).ok());
    for (size_t i = 0; i < kQueries; ++i) {
      const auto one = collection_->Query(queries.data() + i * kDim, kDim, params);
      ASSERT_TRUE(one.ok()) << one.status();
      ASSERT_EQ(one->hits.size(), group[i].hits.size()) << i;
      EXPECT_EQ(one->exhausted, group[i].exhausted);
      for (size_t h = 0; h < one->hits.size(); ++h) {
        ASSERT_EQ(one->hits[h].id, group[i].hits[h].id) << "query " << i << " hit " << h;
        ASSERT_EQ(one->hits[h].score, group[i].hits[h].score);
        ASSERT_EQ(one->hits[h].exact, group[i].hits[h].exact);
      }
    }
  }
};

TEST_P(GroupSearch, EqualsOneAtATimeByList) {
  Make(0);
  for (const RerankTier tier : {RerankTier::kNone, RerankTier::kRefine, RerankTier::kRaw}) {
    for (const uint32_t nprobe : {1u, 6u, 40u}) {
      QueryParams params;
      params.nprobe = nprobe;
      params.rerank = tier;
      ExpectSame(params);
    }
  }
}

TEST_P(GroupSearch, EqualsOneAtATimeByQuery) {
  Make(UINT64_MAX);
  for (const RerankTier tier : {RerankTier::kNone, RerankTier::kRefine}) {
    QueryParams params;
    params.nprobe = 6;
    params.rerank = tier;
    ExpectSame(params);
  }
}

TEST_P(GroupSearch, WidensUntilEnoughAreFound) {
  Make(0);
  QueryParams params;
  params.nprobe = 1;
  params.limit = 900;
  ExpectSame(params);
  params.limit = 10000;  // more than there are
  ExpectSame(params);
}

TEST_P(GroupSearch, StopsAtTheDeadline) {
  Make(0);
  QueryParams params;
  params.nprobe = 8;
  params.stop = StopToken(StopToken::Clock::time_point::min());
  const auto queries = ClusteredRows(kQueries, kDim, 2);
  std::vector<QueryResult> results;
  EXPECT_EQ(collection_->QueryBatch({queries.data(), kQueries, kDim}, params, results).code(),
            absl::StatusCode::kDeadlineExceeded);
}

INSTANTIATE_TEST_SUITE_P(Quantizers, GroupSearch,
                         ::testing::Values(Case{"IVF40,PQ6x8,Refine(SQ8)", Metric::kL2},
                                           Case{"RR,IVF40,PQ12x4,Refine(SQ8S)", Metric::kCosine},
                                           Case{"IVF40,PQ8x8,Refine(SQ8)", Metric::kInnerProduct},
                                           // Enough lists for the coarse search by bytes.
                                           Case{"IVF128,PQ6x8,Refine(SQ8)", Metric::kL2}),
                         [](const auto& one) { return "Case" + std::to_string(one.index); });

}  // namespace
}  // namespace tessera

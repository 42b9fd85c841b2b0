// Lists follow the rows: splits, merges, what searches, writers, a restart and a training see of them.
#include "index/engine/rebalance.h"

#include <atomic>
#include <cmath>
#include <map>
#include <thread>

#include "index/base/failpoint.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 16;
const std::string kSpec = "IVF64,PQ8,Refine(SQ8)";

class RebalanceTest : public CollectionTest {
 protected:
  // As many lists as 500 rows allow, then rows elsewhere.
  void TrainSmall(Metric metric = Metric::kL2, const std::string& spec = kSpec) {
    CollectionSpec made;
    made.dim = kDim;
    made.metric = metric;
    made.auto_train = false;
    made.sync_writes = false;
    made.quantizer = *QuantizerSpec::Parse(spec);
    auto created = catalog_->Create("c", made);
    ASSERT_TRUE(created.ok()) << created.status();
    collection_ = *created;
    Load(ClusteredRows(500, kDim, 1), kDim);
    ASSERT_TRUE(collection_->Train({}).ok());
    ASSERT_EQ(collection_->Stats().nlist, 12u);
  }

  RebalanceResult Rebalance() {
    auto result = collection_->Rebalance();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : RebalanceResult();
  }

  // Every row comes, once, and its refine record and its exact score say the same: codes meet the centroid they were
  // made with.
  void CheckAllRows(uint64_t rows) {
    const std::vector<float> queries = ClusteredRows(2, kDim, 77);
    ASSERT_EQ(collection_->Count(), rows);
    for (size_t q = 0; q < 2; ++q) {
      QueryParams params;
      params.limit = static_cast<uint32_t>(rows) + 10;
      params.rerank = RerankTier::kRefine;
      params.rerank_depth = params.limit;
      const auto refined = collection_->Query(queries.data() + q * kDim, kDim, params);
      ASSERT_TRUE(refined.ok()) << refined.status();
      ASSERT_EQ(refined->hits.size(), rows);
      QueryParams exact;
      exact.limit = params.limit;
      exact.exact = true;
      const auto truth = collection_->Query(queries.data() + q * kDim, kDim, exact);
      ASSERT_TRUE(truth.ok()) << truth.status();
      std::map<PointId, float> scores;
      for (const Hit& hit : truth->hits) ASSERT_TRUE(scores.emplace(hit.id, hit.score).second);
      const float allowed = 0.01f * std::abs(truth->hits.front().score - truth->hits.back().score);
      for (const Hit& hit : refined->hits) {
        ASSERT_TRUE(scores.count(hit.id));
        ASSERT_NEAR(hit.score, scores[hit.id], allowed) << hit.id.ToString();
        scores.erase(hit.id);
      }
      ASSERT_TRUE(scores.empty());
    }
  }

  std::vector<Hit> Hits(uint64_t limit = 50) {
    QueryParams params;
    params.limit = static_cast<uint32_t>(limit);
    params.rerank = RerankTier::kRefine;
    params.rerank_depth = 1000;
    params.nprobe = 4;
    const std::vector<float> query = ClusteredRows(1, kDim, 5);
    auto result = collection_->Query(query.data(), kDim, params);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->hits : std::vector<Hit>();
  }

  void ExpectSameHits(const std::vector<Hit>& a, const std::vector<Hit>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].id, b[i].id);
      EXPECT_EQ(a[i].score, b[i].score);
    }
  }
};

TEST_F(RebalanceTest, LongListsAreSplitAsATrainingWouldHaveThem) {
  TrainSmall();
  Load(ClusteredRows(5500, kDim, 2, 7), kDim, 1000);
  const double before = collection_->Stats().list_imbalance;
  const RebalanceResult result = Rebalance();
  EXPECT_GT(result.splits, 30u);
  EXPECT_GT(result.moved_rows, 3000u);
  const CollectionStats stats = collection_->Stats();
  EXPECT_GE(stats.nlist, 56u);
  EXPECT_LE(stats.nlist, 100u);
  EXPECT_LT(stats.list_imbalance, before);
  EXPECT_LE(stats.largest_list, 3 * 6000 / 64);
  EXPECT_EQ(stats.list_splits, result.splits);
  EXPECT_EQ(stats.list_moves, result.moved_rows);
  CheckAllRows(6000);
  EXPECT_EQ(Rebalance().splits, 0u) << "and then all is well";
}

TEST_F(RebalanceTest, ShortListsAreMerged) {
  TrainSmall();
  Load(ClusteredRows(5500, kDim, 2, 7), kDim, 1000);
  Rebalance();
  const uint32_t nlist = collection_->Stats().nlist;
  std::vector<PointId> gone;
  for (uint64_t id = 1100; id < 6500; ++id) gone.push_back(PointId(id));
  ASSERT_TRUE(collection_->Delete(gone).ok());
  const RebalanceResult result = Rebalance();
  EXPECT_GT(result.merges, 10u);
  EXPECT_EQ(collection_->Stats().nlist, nlist - result.merges + result.splits);
  CheckAllRows(600);
  const auto hits = Hits();
  Reopen();
  EXPECT_EQ(collection_->Stats().nlist, nlist - result.merges + result.splits);
  ExpectSameHits(hits, Hits());
  CheckAllRows(600);
}

TEST_F(RebalanceTest, AllMetricsAndCodesThatAreRecords) {
  const std::pair<Metric, std::string> cases[] = {{Metric::kL2, "RR,IVF64,SQ8,Refine(SQ8)"},
                                                  {Metric::kInnerProduct, kSpec},
                                                  {Metric::kCosine, "OPQ,IVF64,PQ8,Refine(SQ8)"}};
  for (const auto& [metric, spec] : cases) {
    TrainSmall(metric, spec);
    Load(ClusteredRows(2500, kDim, 2, 7), kDim, 1000);
    EXPECT_GT(Rebalance().splits, 10u) << spec;
    CheckAllRows(3000);
    const auto hits = Hits();
    Reopen();
    ExpectSameHits(hits, Hits());
    collection_.reset();
    ASSERT_TRUE(catalog_->Drop("c").ok());
  }
}

TEST_F(RebalanceTest, EqualRowsStayInOneList) {
  TrainSmall();
  Load(std::vector<float>(3000 * kDim, 3.0f), kDim, 1000);
  Rebalance();
  EXPECT_GE(collection_->Stats().largest_list, 3000u);
  CheckAllRows(3500);
}

TEST_F(RebalanceTest, WritesGoOnAfterwards) {
  TrainSmall();
  Load(ClusteredRows(2500, kDim, 2, 7), kDim, 1000);
  Rebalance();
  Load(ClusteredRows(2000, kDim, 3, 7), kDim, 1500);  // replaces
  ASSERT_TRUE(collection_->Delete({PointId(3), PointId(1200), PointId(3499)}).ok());
  ASSERT_TRUE(collection_->Patch({{PointId(1300), "{\"a\":1}"}}).ok());
  CheckAllRows(2997);
  Rebalance();
  CheckAllRows(2997);
  Reopen();
  CheckAllRows(2997);
}

TEST_F(RebalanceTest, ATrainingEndsWhatListsWere) {
  TrainSmall();
  Load(ClusteredRows(5500, kDim, 2, 7), kDim, 1000);
  Rebalance();
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_EQ(collection_->Stats().nlist, 64u);
  CheckAllRows(6000);
  const auto all = collection_->codebooks().List();
  ASSERT_TRUE(all.ok());
  ASSERT_TRUE(collection_->codebooks().RollBack({}).ok());
  EXPECT_EQ(collection_->Stats().nlist, 12u) << "the codebook is as it was trained";
  CheckAllRows(6000);
}

TEST_F(RebalanceTest, RunsByItself) {
  options_.rebalance = true;
  Reopen();
  TrainSmall();
  for (int part = 0; part < 4; ++part) {
    Load(ClusteredRows(1500, kDim, static_cast<unsigned>(part), 7), kDim, 1000 + 1500 * static_cast<uint64_t>(part));
  }
  for (int i = 0; i < 20000 && collection_->Stats().list_splits < 30; ++i) std::this_thread::yield();
  for (int i = 0; i < 20000 && collection_->Stats().rebalancing; ++i) std::this_thread::yield();
  EXPECT_GE(collection_->Stats().list_splits, 30u);
  CheckAllRows(6500);
}

TEST_F(RebalanceTest, NothingToDo) {
  Create(kDim, Metric::kL2, kSpec);
  EXPECT_EQ(Rebalance().splits, 0u) << "untrained";
  Load(ClusteredRows(500, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_EQ(Rebalance().splits, 0u);
  std::vector<PointId> gone;
  for (uint64_t id = 0; id < 500; ++id) gone.push_back(PointId(id));
  ASSERT_TRUE(collection_->Delete(gone).ok());
  const RebalanceResult result = Rebalance();
  EXPECT_EQ(result.splits + result.merges, 0u);
}

TEST_F(RebalanceTest, AStopIsHeard) {
  TrainSmall();
  Load(ClusteredRows(2500, kDim, 2, 7), kDim, 1000);
  const auto cancelled = std::make_shared<std::atomic<bool>>(true);
  const StopToken stop(StopToken::Clock::time_point::max(), cancelled);
  EXPECT_EQ(collection_->Rebalance(stop).status().code(), absl::StatusCode::kCancelled);
  CheckAllRows(3000);
}

TEST_F(RebalanceTest, AFailedWriteLeavesListsAsTheyWere) {
  TrainSmall();
  Load(ClusteredRows(2500, kDim, 2, 7), kDim, 1000);
  for (const char* point : {"lists.encoded=error", "store.write.before=error"}) {
    SetFailpoints(point);
    EXPECT_FALSE(collection_->Rebalance().ok()) << point;
    SetFailpoints("");
    EXPECT_EQ(collection_->Stats().nlist, 12u);
    CheckAllRows(3000);
    Reopen();
    EXPECT_EQ(collection_->Stats().nlist, 12u);
    CheckAllRows(3000);
  }
}

}  // namespace
}  // namespace tessera

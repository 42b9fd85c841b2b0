// Codes that are records, and rerank that stops early, through a collection.
#include "index/engine/rank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 24;
constexpr size_t kRows = 4000;
constexpr size_t kQueries = 20;

class RankTest : public CollectionTest, public ::testing::WithParamInterface<Metric> {
 protected:
  void Make(const std::string& quantizer) {
    Create(kDim, GetParam(), quantizer);
    Load(ClusteredRows(kRows, kDim, 1), kDim);
    const auto trained = collection_->Train({});
    ASSERT_TRUE(trained.ok()) << trained;
  }

  std::vector<QueryResult> Query(RerankTier tier, uint32_t depth = 0, bool exact = false) {
    QueryParams params;
    params.exact = exact;
    params.rerank = tier;
    params.rerank_depth = depth;
    params.nprobe = 16;
    params.explain = true;
    auto results = collection_->QueryBatch({queries_.data(), kQueries, kDim}, params);
    EXPECT_TRUE(results.ok()) << results.status();
    return *std::move(results);
  }

  double Recall(const std::vector<QueryResult>& found) {
    const auto truth = Query(RerankTier::kAuto, 0, true);
    size_t hits = 0;
    for (size_t i = 0; i < kQueries; ++i) {
      const auto want = Ids(truth[i]);
      for (const uint64_t id : Ids(found[i])) hits += std::count(want.begin(), want.end(), id);
    }
    return static_cast<double>(hits) / (10.0 * kQueries);
  }

  const std::vector<float> queries_ = ClusteredRows(kQueries, kDim, 2);
};

TEST_P(RankTest, RecordCodesAreFoundAfterWritesAndReopening) {
  struct Case {
    const char* quantizer;
    double codes;  // recall of codes alone, at least
    RerankTier chosen;
  };
  for (const Case& c : {Case{"IVF16,SQ8", .85, RerankTier::kRaw},
                        Case{"IVF16,RaBitQ4,Refine(SQ8)", .5, RerankTier::kRefine},
                        Case{"PCA9,IVF16,PQ9x8,Refine(SQ8)", .3, RerankTier::kRefine},
                        Case{"MRL9,IVF16,RaBitQ4,Refine(SQ8S)", .2, RerankTier::kRefine},
                        Case{"IVF16,Binary,Refine(BF16)", .05, RerankTier::kRefine}}) {
    SCOPED_TRACE(c.quantizer);
    if (GetParam() == Metric::kInnerProduct && c.quantizer[6] == 'B') continue;  // refused, below
    Make(c.quantizer);
    EXPECT_GE(Recall(Query(RerankTier::kNone)), c.codes);
    const auto automatic = Query(RerankTier::kAuto, 1000);
    EXPECT_EQ(automatic[0].rerank, c.chosen);
    EXPECT_GE(Recall(automatic), .93);
    std::vector<PointId> odd;
    for (uint64_t id = 1; id < kRows; id += 2) odd.push_back(PointId(id));
    ASSERT_TRUE(collection_->Delete(odd).ok());
    Load(ClusteredRows(200, kDim, 3), kDim, 2 * kRows);
    const auto before = Query(RerankTier::kNone);
    EXPECT_GE(Recall(before), c.codes);
    Reopen();
    const auto after = Query(RerankTier::kNone);
    for (size_t i = 0; i < kQueries; ++i) EXPECT_EQ(Ids(before[i]), Ids(after[i]));
    const CollectionStats stats = collection_->Stats();
    EXPECT_GT(stats.memory.codes, 0u);
    EXPECT_EQ(stats.memory.corrections == 0, QuantizerSpec::Parse(c.quantizer)->record.kind != RecordKind::kNone);
    collection_.reset();
    ASSERT_TRUE(catalog_->Drop("c").ok());
  }
}

TEST_P(RankTest, BinaryIsRefusedUnderInnerProduct) {
  CollectionSpec spec;
  spec.dim = kDim;
  spec.metric = GetParam();
  spec.quantizer = QuantizerSpec::Parse("IVF16,Binary").value();
  const Status status = spec.Validate();
  EXPECT_EQ(status.ok(), GetParam() != Metric::kInnerProduct) << status;
  if (status.ok()) return;
  EXPECT_EQ(MessageOf(status).substr(0, 24), "quantizer: record: Binar");
  Create(kDim, GetParam(), "IVF16,SQ8");
  Load(ClusteredRows(kRows, kDim, 1), kDim);
  TrainOptions options;
  options.quantizer = spec.quantizer;
  EXPECT_FALSE(collection_->Train(options).ok());
}

// With a bound rows are left out that a rerank of all would not have kept either.
TEST_P(RankTest, RerankLeavesOutWhatCannotEnter) {
  for (const char* quantizer : {"IVF16,PQ12x8,Refine(SQ8)", "IVF16,RaBitQ4,Refine(SQ8)"}) {
    SCOPED_TRACE(quantizer);
    Make(quantizer);
    constexpr uint32_t kDepth = 100;  // that is chosen for 10 hits
    const bool bounded =
        GetParam() != Metric::kInnerProduct || quantizer[6] == 'R';  // see error_bound.h
    for (const RerankTier tier : {RerankTier::kRaw, RerankTier::kRefine}) {
      const auto found = Query(tier);
      uint64_t reranked = 0;
      for (const QueryResult& result : found) reranked += result.explain.rows_reranked;
      if (bounded) {
        EXPECT_LT(reranked, kQueries * kDepth);
        EXPECT_GE(reranked, kQueries * 10);
      } else {
        EXPECT_EQ(reranked, kQueries * kDepth);
      }
      uint64_t asked = 0;  // a depth that is given is kept
      for (const QueryResult& result : Query(tier, kDepth)) asked += result.explain.rows_reranked;
      EXPECT_EQ(asked, kQueries * kDepth);
      if (tier == RerankTier::kRaw) {
        EXPECT_GE(Recall(found), .99);
      }
    }
    collection_.reset();
    ASSERT_TRUE(catalog_->Drop("c").ok());
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, RankTest,
                         ::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine),
                         [](const auto& one) { return std::string(MetricName(one.param)); });

}  // namespace
}  // namespace tessera

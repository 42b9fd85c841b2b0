// Recall that was asked for, on clustered rows: a curve is measured, served, stored, and measured
// again.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "index/base/failpoint.h"
#include "index/engine/recall_meter.h"
#include "index/engine/spared_rows.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 16;
constexpr size_t kQueries = 400;

class TunerTest : public CollectionTest {
 protected:
  // Rows by hand only: no background, so that nothing is measured that a test did not ask for.
  void SetUp() override { Reopen(); }
  void Reopen() {
    collection_.reset();
    catalog_.reset();
    options_.path = directory_.path();
    options_.compute = &compute_;
    options_.io = &io_;
    auto opened = Catalog::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    if (auto found = catalog_->Get("c"); found.ok()) collection_ = *found;
  }

  void Make(size_t rows, Metric metric = Metric::kL2,
            const char* quantizer = "IVF64,PQ4x8,Refine(SQ8)") {
    Create(kDim, metric, quantizer);
    Load(ClusteredRows(rows, kDim, 1), kDim);
    ASSERT_TRUE(collection_->Train({}).ok());
  }

  StatusOr<TuneResult> TuneOn(const std::vector<float>& queries) {
    TuneOptions options;
    options.queries = {queries.data(), queries.size() / kDim, kDim};
    return collection_->Tune(options);
  }

  // Mean 10-recall@10 of what the target gets on `queries`, and the last result.
  double Measure(const std::vector<float>& queries, QueryParams params,
                 QueryResult* last = nullptr) {
    const MatrixView<const float> view(queries.data(), queries.size() / kDim, kDim);
    QueryParams exact;
    exact.limit = params.limit;
    exact.exact = true;
    const auto truth = collection_->QueryBatch(view, exact);
    const auto found = collection_->QueryBatch(view, params);
    EXPECT_TRUE(truth.ok() && found.ok()) << found.status();
    if (!found.ok()) return 0;
    size_t hits = 0, wanted = 0;
    for (size_t i = 0; i < view.rows(); ++i) {
      const auto want = Ids((*truth)[i]);
      wanted += want.size();
      for (const uint64_t id : Ids((*found)[i])) hits += std::count(want.begin(), want.end(), id);
    }
    if (last) *last = found->back();
    return static_cast<double>(hits) / static_cast<double>(wanted);
  }
  static QueryParams Target(float target, uint32_t limit = 10) {
    QueryParams params;
    params.target_recall = target;
    params.limit = limit;
    return params;
  }
};

class TunerMetrics : public TunerTest, public ::testing::WithParamInterface<Metric> {};

TEST_P(TunerMetrics, TargetsAreReachedOnUnseenQueries) {
  Make(8000, GetParam());
  const auto tuned = TuneOn(ClusteredRows(1000, kDim, 2));
  ASSERT_TRUE(tuned.ok()) << tuned.status();
  EXPECT_EQ(tuned->queries, 1000u);
  EXPECT_EQ(tuned->source, CalibrationSource::kGiven);
  const auto unseen = ClusteredRows(1000, kDim, 3);
  for (const float target : {0.8f, 0.9f, 0.95f, 0.99f}) {
    QueryResult last;
    const double recall = Measure(unseen, Target(target), &last);
    EXPECT_GT(recall, target - 0.015);
    EXPECT_GT(last.nprobe, 0u);
    ASSERT_TRUE(last.recall_estimate.has_value());
    EXPECT_NEAR(last.recall_estimate->value, recall, 0.02);
    EXPECT_GE(last.recall_estimate->value, target);
  }
}
INSTANTIATE_TEST_SUITE_P(Metrics, TunerMetrics,
                         ::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine),
                         [](const auto& one) { return MetricName(one.param); });

// Without clusters the nearest list has a third of the neighbours, so that there is something between.
TEST_F(TunerTest, NoMoreThanWasAskedFor) {
  const auto normal_rows = [](size_t n, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> rows(n * kDim);
    for (float& value : rows) value = normal(random);
    return rows;
  };
  Create(kDim, Metric::kL2, "IVF64,PQ8x8,Refine(SQ8)");
  Load(normal_rows(8000, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  ASSERT_TRUE(TuneOn(normal_rows(1000, 2)).ok());
  const auto unseen = normal_rows(1000, 3);
  for (const float target : {0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f}) {
    QueryResult last;
    const double recall = Measure(unseen, Target(target), &last);
    EXPECT_NEAR(last.recall_estimate->value, recall, 0.025);
    EXPECT_GT(recall, target - 0.02);
    if (last.nprobe == 1) continue;
    QueryParams fewer;
    fewer.nprobe = last.nprobe - 1;
    fewer.rerank = last.rerank;
    fewer.rerank_depth = last.rerank_depth;
    EXPECT_LT(Measure(unseen, fewer), target + 0.02) << "of " << last.nprobe;
  }
}

// Every cell is what a search with its parameters finds.
TEST_F(TunerTest, TheGridIsWhatSearchesFind) {
  Make(4000);
  const auto queries = ClusteredRows(kQueries, kDim, 2);
  ASSERT_TRUE(TuneOn(queries).ok());
  const auto tuned = TuneOn(queries);
  for (size_t i = 0; i < tuned->points.size(); i += 7) {
    const RecallPoint& point = tuned->points[i];
    QueryParams params;
    params.limit = point.k;
    params.nprobe = point.nprobe;
    params.rerank = point.rerank;
    params.rerank_depth = point.rerank_depth;
    EXPECT_NEAR(Measure(queries, params), point.recall.value, 0.01)
        << "k " << point.k << " nprobe " << point.nprobe << " tier "
        << static_cast<int>(point.rerank) << " depth " << point.rerank_depth;
  }
}

TEST_F(TunerTest, RowsStandInForQueriesAndAreNotTheirOwnNeighbours) {
  Make(12000);
  const auto tuned = collection_->Tune({});
  ASSERT_TRUE(tuned.ok()) << tuned.status();
  EXPECT_EQ(tuned->source, CalibrationSource::kRows);
  EXPECT_GT(tuned->queries, 250u);
  EXPECT_LE(tuned->queries, 1000u);
  const auto unseen = ClusteredRows(1000, kDim, 3);
  for (const float target : {0.8f, 0.9f, 0.95f})
    EXPECT_GT(Measure(unseen, Target(target)), target - 0.02);
  // By id: the stored vector is left out, and the estimate is there.
  const auto by_id = collection_->QueryById(PointId(17), Target(0.9f));
  ASSERT_TRUE(by_id.ok()) << by_id.status();
  EXPECT_EQ(by_id->hits.size(), 10u);
  EXPECT_TRUE(by_id->recall_estimate.has_value());
}

TEST_F(TunerTest, SingleAndBatchChooseAlike) {
  Make(4000);
  const auto queries = ClusteredRows(kQueries, kDim, 2);
  ASSERT_TRUE(TuneOn(queries).ok());
  const auto batch = collection_->QueryBatch({queries.data(), 20, kDim}, Target(0.9f));
  ASSERT_TRUE(batch.ok());
  for (size_t i = 0; i < 20; ++i) {
    const auto one = collection_->Query(queries.data() + i * kDim, kDim, Target(0.9f));
    ASSERT_TRUE(one.ok());
    EXPECT_EQ(one->nprobe, (*batch)[i].nprobe);
    EXPECT_EQ(one->rerank_depth, (*batch)[i].rerank_depth);
    EXPECT_EQ(Ids(*one), Ids((*batch)[i]));
  }
}

TEST_F(TunerTest, AllIsExact) {
  Make(4000);
  ASSERT_TRUE(TuneOn(ClusteredRows(kQueries, kDim, 2)).ok());
  QueryResult last;
  EXPECT_EQ(Measure(ClusteredRows(50, kDim, 3), Target(1), &last), 1.0);
  EXPECT_TRUE(last.exact);
  EXPECT_EQ(last.nprobe, 0u);
  ASSERT_TRUE(last.recall_estimate.has_value());
  EXPECT_EQ(last.recall_estimate->low, 1);
}

TEST_F(TunerTest, WithoutACurveThereIsNoEstimate) {
  Make(4000);
  QueryResult last;
  EXPECT_GT(Measure(ClusteredRows(100, kDim, 3), Target(0.9f), &last), 0.9);
  EXPECT_FALSE(last.recall_estimate.has_value());
  EXPECT_FALSE(last.exact);
  EXPECT_EQ(last.nprobe, 16u);
  EXPECT_EQ(last.rerank_depth, 200u);
}

TEST_F(TunerTest, UntrainedIsExact) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(100, kDim, 1), kDim);
  const auto q = ClusteredRows(1, kDim, 2);
  const auto result = collection_->Query(q.data(), kDim, Target(0.9f));
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->exact);
  EXPECT_EQ(result->recall_estimate->value, 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(collection_->Tune({}).status()));
}

TEST_F(TunerTest, BadParametersAreNamed) {
  Make(4000);
  const auto q = ClusteredRows(1, kDim, 2);
  const auto refused = [&](QueryParams params) {
    const auto result = collection_->Query(q.data(), kDim, params);
    return absl::IsInvalidArgument(result.status()) &&
           MessageOf(result.status()).find("target_recall") != std::string::npos;
  };
  for (const float target : {-0.1f, 1.01f, std::nanf(""), INFINITY})
    EXPECT_TRUE(refused(Target(target)));
  QueryParams params = Target(0.9f);
  params.nprobe = 3;
  EXPECT_TRUE(refused(params));
  params = Target(0.9f);
  params.rerank_depth = 3;
  EXPECT_TRUE(refused(params));
  params = Target(0.9f);
  params.rerank = RerankTier::kNone;
  EXPECT_TRUE(refused(params));
  std::vector<float> bad = ClusteredRows(3, kDim, 2);
  bad[2 * kDim + 1] = NAN;
  const auto tuned = TuneOn(bad);
  EXPECT_TRUE(absl::IsInvalidArgument(tuned.status()));
  EXPECT_NE(MessageOf(tuned.status()).find("queries[2]"), std::string::npos) << tuned.status();
}

TEST_F(TunerTest, TheCurveSurvivesReopeningAndGoesWithItsModel) {
  Make(4000);
  const auto queries = ClusteredRows(kQueries, kDim, 2);
  ASSERT_TRUE(TuneOn(queries).ok());
  EXPECT_EQ(collection_->Stats().tuned_queries, kQueries);
  QueryResult before, after;
  Measure(queries, Target(0.9f), &before);
  Reopen();
  EXPECT_EQ(collection_->Stats().tuned_queries, kQueries);
  Measure(queries, Target(0.9f), &after);
  EXPECT_EQ(before.nprobe, after.nprobe);
  EXPECT_EQ(before.recall_estimate->value, after.recall_estimate->value);
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_EQ(collection_->Stats().tuned_queries, 0u);
  Measure(queries, Target(0.9f), &after);
  EXPECT_FALSE(after.recall_estimate.has_value());
  Reopen();
  EXPECT_EQ(collection_->Stats().tuned_queries, 0u);
}

TEST_F(TunerTest, AFailureLeavesTheCurve) {
  Make(4000);
  ASSERT_TRUE(TuneOn(ClusteredRows(kQueries, kDim, 2)).ok());
  SetFailpoints("tune.publish=error");
  EXPECT_FALSE(TuneOn(ClusteredRows(300, kDim, 3)).ok());
  SetFailpoints("");
  EXPECT_EQ(collection_->Stats().tuned_queries, kQueries);
  TuneOptions cancelled;
  cancelled.context.stop = StopToken(StopToken::Clock::time_point::min());
  EXPECT_TRUE(absl::IsDeadlineExceeded(collection_->Tune(cancelled).status()));
  EXPECT_TRUE(TuneOn(ClusteredRows(300, kDim, 3)).ok()) << "the failures left nothing behind";
}

TEST_F(TunerTest, ThreadsDoNotChangeRecall) {
  Make(4000);
  const auto queries = ClusteredRows(kQueries, kDim, 2);
  TuneOptions options;
  options.queries = {queries.data(), kQueries, kDim};
  const auto one = collection_->Tune(options);
  options.context.executor = &compute_;
  const auto two = collection_->Tune(options);
  ASSERT_TRUE(one.ok() && two.ok());
  // Costs are measured, so the cheapest differ; the last point of each k is the most that can be
  // had.
  EXPECT_EQ(one->points.back().recall.value, two->points.back().recall.value);
}

TEST_F(TunerTest, LiveQueriesAreKeptAndUsed) {
  CollectionSpec spec;
  spec.dim = kDim;
  spec.metric = Metric::kCosine;
  spec.auto_train = false;
  spec.quantizer = *QuantizerSpec::Parse("IVF64,PQ4x8,Refine(SQ8)");
  spec.query_sample = 500;
  collection_ = *catalog_->Create("c", spec);
  Load(ClusteredRows(4000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto queries = ClusteredRows(800, kDim, 2);
  ASSERT_TRUE(collection_->QueryBatch({queries.data(), 800, kDim}, {}).ok());
  const auto tuned = collection_->Tune({});
  ASSERT_TRUE(tuned.ok()) << tuned.status();
  EXPECT_EQ(tuned->source, CalibrationSource::kSample);
  EXPECT_EQ(tuned->queries, 500u);
  EXPECT_GT(Measure(ClusteredRows(1000, kDim, 3), Target(0.9f)), 0.88);
}

class BackgroundTuning : public CollectionTest {
 protected:
  // Returns when everything that was posted before has run.
  void Drain() {
    std::atomic<bool> done{false};
    background_.Post([&] {
      done = true;
      done.notify_all();
    });
    done.wait(false);
  }
};

TEST_F(BackgroundTuning, FollowsTrainingAndMuchChange) {
  Create(kDim, Metric::kL2, "IVF16,PQ4x8,Refine(SQ8)");
  Load(ClusteredRows(2000, kDim, 1), kDim);
  EXPECT_EQ(collection_->Stats().tuned_queries, 0u);
  ASSERT_TRUE(collection_->Train({}).ok());
  Drain();
  EXPECT_EQ(collection_->Stats().tuned_queries, 1000u);
  // 400 more are not much, 1,100 are.
  TuneOptions few;
  few.max_queries = 100;
  ASSERT_TRUE(collection_->Tune(few).ok());
  Load(ClusteredRows(400, kDim, 2), kDim, 2000);
  Load(ClusteredRows(1, kDim, 2), kDim, 2400);
  Drain();
  EXPECT_EQ(collection_->Stats().tuned_queries, 100u);
  Load(ClusteredRows(700, kDim, 3), kDim, 2400);
  Load(ClusteredRows(1, kDim, 4), kDim, 5000);  // sees what the write before made
  Drain();
  EXPECT_EQ(collection_->Stats().tuned_queries, 1000u);
}

TEST_F(BackgroundTuning, FollowsReplacement) {
  Create(kDim, Metric::kL2, "IVF16,PQ4x8,Refine(SQ8)");
  Load(ClusteredRows(2000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  Drain();
  TuneOptions few;
  few.max_queries = 100;
  ASSERT_TRUE(collection_->Tune(few).ok());
  Load(ClusteredRows(510, kDim, 2), kDim);  // the same ids: a quarter
  Load(ClusteredRows(1, kDim, 2), kDim);
  Drain();
  EXPECT_EQ(collection_->Stats().tuned_queries, 1000u);
}

TEST_F(BackgroundTuning, LiveRecallIsSplitIntoItsLosses) {
  CollectionSpec spec;
  spec.dim = kDim;
  spec.auto_train = false;
  spec.quantizer = *QuantizerSpec::Parse("IVF64,PQ4x8,Refine(SQ8)");
  spec.recall_sampling = 1;
  collection_ = *catalog_->Create("c", spec);
  Load(ClusteredRows(4000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  Drain();
  const auto ask = [&](const QueryParams& params) {
    const auto queries = ClusteredRows(200, kDim, 2);
    for (size_t i = 0; i < 200; ++i) {
      ASSERT_TRUE(collection_->Query(queries.data() + i * kDim, kDim, params).ok());
      if (i % 8 == 7) Drain(), Drain();
    }
    Drain(), Drain();
  };
  // All lists, codes alone: whatever is missing was lost by codes.
  QueryParams params;
  params.nprobe = 64;
  params.rerank = RerankTier::kNone;
  ask(params);
  LiveRecall live = collection_->Stats().live_recall;
  EXPECT_EQ(live.queries, 200u);
  EXPECT_EQ(live.probe_loss, 0);
  EXPECT_GT(live.code_loss, 0.02);
  EXPECT_NEAR(live.recall.value + live.code_loss, 1, 1e-5);
  // One list, raw vectors: whatever is missing was in other lists. A new model starts anew.
  ASSERT_TRUE(collection_->Train({}).ok());
  Drain();
  EXPECT_EQ(collection_->Stats().live_recall.queries, 0u);
  params.nprobe = 1;
  params.rerank = RerankTier::kRaw;
  params.rerank_depth = 1000;
  ask(params);
  live = collection_->Stats().live_recall;
  EXPECT_EQ(live.queries, 200u);
  EXPECT_EQ(live.code_loss, 0);
  EXPECT_GT(live.probe_loss, 0.02);
  EXPECT_LT(live.recall.low, live.recall.value);
}

TEST_F(BackgroundTuning, ClosingCancels) {
  Create(kDim, Metric::kL2, "IVF64,PQ4x8,Refine(SQ8)");
  Load(ClusteredRows(20000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());  // posts a tuning
  Reopen();                                  // another, if the first was cut short
  Drain();
  EXPECT_GT(collection_->Stats().tuned_queries, 250u);
}

// Rebuilds, writes, searches and tunings at once; meant for ThreadSanitizer too.
TEST_F(BackgroundTuning, RacesWithEverything) {
  Create(kDim, Metric::kL2, "IVF16,PQ4x8,Refine(SQ8)");
  Load(ClusteredRows(3000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (unsigned i = 0; !stop; ++i) Load(ClusteredRows(50, kDim, i), kDim, (i * 50) % 3000);
  });
  threads.emplace_back([&] {
    const auto q = ClusteredRows(1, kDim, 5);
    QueryParams params;
    params.target_recall = 0.9f;
    while (!stop) {
      const auto result = collection_->Query(q.data(), kDim, params);
      ASSERT_TRUE(result.ok()) << result.status();
      ASSERT_EQ(result->hits.size(), 10u);
    }
  });
  threads.emplace_back([&] {
    TuneOptions few;
    few.max_queries = 50;
    while (!stop) {
      const Status status = collection_->Tune(few).status();
      ASSERT_TRUE(status.ok() || absl::IsAborted(status) || absl::IsAlreadyExists(status))
          << status;
    }
  });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(collection_->Train({}).ok());
  stop = true;
  for (std::thread& thread : threads) thread.join();
  Drain();
  TuneOptions few;
  few.max_queries = 50;
  auto last = collection_->Tune(few);
  while (absl::IsAlreadyExists(last.status())) {  // one that began by itself
    Drain();
    last = collection_->Tune(few);
  }
  ASSERT_TRUE(last.ok()) << last.status();
}

}  // namespace
}  // namespace tessera

#include "index/collection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "index/base/failpoint.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr size_t kDim = 24;

double Score(Metric metric, const float* a, const float* b, size_t dim) {
  double dot = 0, aa = 0, bb = 0, l2 = 0;
  for (size_t i = 0; i < dim; ++i) {
    dot += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
    l2 += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  }
  if (metric == Metric::kL2) return l2;
  return metric == Metric::kInnerProduct ? dot : dot / std::sqrt(aa * bb);
}

// Ids of the k best rows by definition, in double.
std::vector<uint64_t> BruteForce(Metric metric, const std::vector<float>& rows, const float* q, size_t k) {
  std::vector<std::pair<double, uint64_t>> all;
  for (size_t i = 0; i < rows.size() / kDim; ++i) {
    const double s = Score(metric, q, rows.data() + i * kDim, kDim);
    all.emplace_back(metric == Metric::kL2 ? s : -s, i);
  }
  std::sort(all.begin(), all.end());
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < std::min(k, all.size()); ++i) ids.push_back(all[i].second);
  return ids;
}

double Recall(const std::vector<uint64_t>& found, const std::vector<uint64_t>& truth) {
  const std::set<uint64_t> want(truth.begin(), truth.end());
  size_t hit = 0;
  for (const uint64_t id : found) hit += want.count(id);
  return static_cast<double>(hit) / static_cast<double>(truth.size());
}

class EveryMetric : public CollectionTest, public ::testing::WithParamInterface<Metric> {};

TEST_P(EveryMetric, UntrainedIsExactForOneAndForMany) {
  Create(kDim, GetParam());
  const auto rows = ClusteredRows(1500, kDim, 1);
  Load(rows, kDim);
  const auto queries = ClusteredRows(20, kDim, 2);
  QueryParams params;
  const auto batch = collection_->QueryBatch({queries.data(), 20, kDim}, params);
  ASSERT_TRUE(batch.ok()) << batch.status();
  for (size_t i = 0; i < 20; ++i) {
    const float* q = queries.data() + i * kDim;
    EXPECT_EQ(Ids((*batch)[i]), BruteForce(GetParam(), rows, q, 10));
    const auto one = collection_->Query(q, kDim, params);
    ASSERT_TRUE(one.ok());
    EXPECT_EQ(Ids(*one), Ids((*batch)[i]));
    for (size_t h = 0; h < 10; ++h) {
      EXPECT_EQ(one->hits[h].score, (*batch)[i].hits[h].score);
      EXPECT_TRUE(one->hits[h].exact);
      const double want = Score(GetParam(), q, rows.data() + one->hits[h].id.number() * kDim, kDim);
      EXPECT_NEAR(one->hits[h].score, want, 1e-5 * (1 + std::abs(want)));
    }
    EXPECT_EQ(one->generation, Generation{0});
  }
}

TEST_P(EveryMetric, TrainedRecallByTierAndAfterReopen) {
  Create(kDim, GetParam());
  const auto rows = ClusteredRows(6000, kDim, 1, 2.0f);
  Load(rows, kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto queries = ClusteredRows(50, kDim, 2, 2.0f);
  const auto run = [&](RerankTier tier) {
    QueryParams params;
    params.nprobe = 16;
    params.rerank = tier;
    auto results = collection_->QueryBatch({queries.data(), 50, kDim}, params);
    EXPECT_TRUE(results.ok()) << results.status();
    return *results;
  };
  const auto recall = [&](const std::vector<QueryResult>& results) {
    double sum = 0;
    for (size_t i = 0; i < 50; ++i) {
      sum += Recall(Ids(results[i]), BruteForce(GetParam(), rows, queries.data() + i * kDim, 10));
    }
    return sum / 50;
  };
  const auto codes = run(RerankTier::kNone);
  const auto refined = run(RerankTier::kRefine);
  const auto raw = run(RerankTier::kRaw);
  EXPECT_GT(recall(codes), 0.35);
  EXPECT_GT(recall(refined), 0.93);
  EXPECT_GT(recall(raw), 0.95);
  EXPECT_FALSE(codes[0].hits[0].exact);
  EXPECT_TRUE(raw[0].hits[0].exact);
  QueryParams exact;
  exact.exact = true;
  const auto truth = collection_->QueryBatch({queries.data(), 50, kDim}, exact);
  ASSERT_TRUE(truth.ok()) << truth.status();
  EXPECT_EQ(recall(*truth), 1.0);

  Reopen();
  ASSERT_TRUE(collection_);
  EXPECT_EQ(collection_->Count(), 6000u);
  EXPECT_EQ(collection_->Stats().generation, Generation{1});
  const auto again = run(RerankTier::kRaw);
  const auto codes_again = run(RerankTier::kNone);
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(Ids(again[i]), Ids(raw[i]));
    EXPECT_EQ(Ids(codes_again[i]), Ids(codes[i]));
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, EveryMetric,
                         ::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine),
                         [](const auto& metric) { return MetricName(metric.param); });

TEST_F(CollectionTest, ReplaceDeleteAndGet) {
  Create(4, Metric::kL2);
  const std::vector<float> a{1, 0, 0, 0}, b{0, 1, 0, 0};
  const PointId key(std::string("a key"));
  ASSERT_TRUE(collection_->Upsert({{key, ElementType::kF32, Bytes(a.data(), 4)},
                                   {PointId(7), ElementType::kF32, Bytes(b.data(), 4)}}).ok());
  ASSERT_TRUE(collection_->Upsert({{key, ElementType::kF32, Bytes(b.data(), 4)}}).ok());
  EXPECT_EQ(collection_->Count(), 2u);
  auto got = collection_->Get({key, PointId(8)});
  ASSERT_TRUE(got.ok());
  ASSERT_TRUE((*got)[0].has_value());
  EXPECT_FALSE((*got)[1].has_value());
  EXPECT_EQ((*got)[0]->vector, Bytes(b.data(), 4));
  auto result = collection_->Query(b.data(), 4, {});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->hits.size(), 2u);
  EXPECT_EQ(result->hits[0].id, PointId(7)) << "equal scores: the smaller row first";
  EXPECT_EQ(result->hits[1].id, key);
  EXPECT_TRUE(result->exhausted);

  auto gone = collection_->Delete({key, PointId(1000)});
  ASSERT_TRUE(gone.ok());
  EXPECT_EQ(gone->deleted, 1u);
  EXPECT_EQ(collection_->Count(), 1u);
  result = collection_->Query(b.data(), 4, {});
  ASSERT_EQ(result->hits.size(), 1u);
}

TEST_F(CollectionTest, QueryByIdLeavesItselfOut) {
  Create(4, Metric::kL2);
  const auto rows = ClusteredRows(30, 4, 3);
  Load(rows, 4);
  QueryParams params;
  params.limit = 5;
  const auto result = collection_->QueryById(PointId(11), params);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->hits.size(), 5u);
  for (const Hit& hit : result->hits) EXPECT_NE(hit.id, PointId(11));
  EXPECT_EQ(collection_->QueryById(PointId(99), params).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(CollectionTest, BadRowsNameFieldAndPlaceAndWriteNothing) {
  Create(3, Metric::kCosine);
  const float good[] = {1, 2, 3};
  const float nan[] = {1, std::nanf(""), 3};
  const float infinite[] = {1, 2, -std::numeric_limits<float>::infinity()};
  const float zero[] = {0, 0, 0};
  const float huge[] = {3e38f, 3e38f, 3e38f};
  const auto f32 = ElementType::kF32;
  const std::vector<std::pair<PointInput, std::string>> cases = {
      {{PointId(1), f32, Bytes(nan, 3)}, "points[1].vector[1] is NaN"},
      {{PointId(1), f32, Bytes(infinite, 3)}, "points[1].vector[2] is -infinity"},
      {{PointId(1), f32, Bytes(zero, 3)}, "points[1].vector is zero"},
      {{PointId(1), f32, Bytes(huge, 3)}, "points[1].vector is too long"},
      {{PointId(1), f32, Bytes(good, 2)}, "points[1].vector has 8 bytes"},
      {{PointId(std::string()), f32, Bytes(good, 3)}, "points[1].id is an empty string"},
      {{PointId(std::string(257, 'x')), f32, Bytes(good, 3)}, "points[1].id is 257 bytes"},
      {{PointId(5), f32, Bytes(good, 3)}, "points[1].id 5 stands at points[0] too"},
  };
  for (const auto& [point, message] : cases) {
    const std::vector<PointInput> points{{PointId(5), f32, Bytes(good, 3)}, point};
    const auto result = collection_->Upsert(points, {.atomic = true});
    ASSERT_FALSE(result.ok()) << message;
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(MessageOf(result.status()).find(message), std::string::npos) << result.status();
    EXPECT_EQ(collection_->Count(), 0u) << message;
  }
  for (const auto& [point, message] : cases) {
    const auto result = collection_->Upsert({{PointId(5), f32, Bytes(good, 3)}, point});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->upserted, 1u);
    ASSERT_EQ(result->rejected.size(), 1u);
    EXPECT_EQ(result->rejected[0].index, 1u);
    EXPECT_NE(MessageOf(result->rejected[0].status).find(message), std::string::npos);
    EXPECT_EQ(collection_->Count(), 1u);
  }
}

TEST_F(CollectionTest, TheIdOfARefusedRowIsFreeForALaterOne) {
  Create(1, Metric::kL2);
  const float nan = std::nanf("");
  const float good = 2;
  const auto result = collection_->Upsert({{PointId(1), ElementType::kF32, Bytes(&nan, 1)},
                                           {PointId(1), ElementType::kF32, Bytes(&good, 1)}});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->upserted, 1u);
  ASSERT_EQ(result->rejected.size(), 1u);
  EXPECT_EQ(result->rejected[0].index, 0u);
}

TEST_F(CollectionTest, BadQueriesAreRefused) {
  Create(3, Metric::kL2);
  const std::vector<float> q{1, 2, 3};
  const auto message = [&](QueryParams params, std::vector<float> query, uint32_t dim) {
    const auto result = collection_->Query(query.data(), dim, params);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    return MessageOf(result.status());
  };
  QueryParams params;
  params.limit = 0;
  EXPECT_EQ(message(params, q, 3), "limit must be at least 1");
  params.limit = 1000000000;
  EXPECT_NE(message(params, q, 3).find("the most is 16384"), std::string::npos);
  EXPECT_NE(message({}, {1, 2}, 2).find("queries have 2 dimensions"), std::string::npos);
  EXPECT_NE(message({}, {1, std::nanf(""), 2}, 3).find("queries[0][1] is NaN"), std::string::npos);
}

TEST_F(CollectionTest, EmptyCollectionAnswersExhausted) {
  Create(3, Metric::kL2);
  const float q[] = {1, 2, 3};
  const auto result = collection_->Query(q, 3, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->hits.empty());
  EXPECT_TRUE(result->exhausted);
}

TEST_F(CollectionTest, OffsetThresholdAndVector) {
  Create(1, Metric::kL2);
  std::vector<float> rows;
  for (int i = 0; i < 10; ++i) rows.push_back(static_cast<float>(i));
  Load(rows, 1);
  QueryParams params;
  params.limit = 3;
  params.offset = 2;
  params.with_vector = true;
  const float q[] = {0};
  auto result = collection_->Query(q, 1, params);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(Ids(*result), (std::vector<uint64_t>{2, 3, 4}));
  EXPECT_EQ(result->hits[1].vector, Bytes(&rows[3], 1));
  EXPECT_EQ(result->hits[1].version, 1u);
  EXPECT_FALSE(result->exhausted);
  params.offset = 0;
  params.limit = 8;
  params.score_threshold = 9.0f;
  result = collection_->Query(q, 1, params);
  EXPECT_EQ(Ids(*result), (std::vector<uint64_t>{0, 1, 2, 3}));
  EXPECT_TRUE(result->exhausted);
}

TEST_F(CollectionTest, WidensUntilEnoughAreFound) {
  Create(kDim, Metric::kL2, "IVF64,PQ8,Refine(SQ8)");
  Load(ClusteredRows(3000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  QueryParams params;
  params.nprobe = 1;
  params.limit = 2500;
  params.explain = true;
  const auto q = ClusteredRows(1, kDim, 5);
  auto result = collection_->Query(q.data(), kDim, params);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->hits.size(), 2500u);
  EXPECT_GT(result->explain.lists_probed, 1u);
  EXPECT_FALSE(result->exhausted);
  params.limit = 5000;
  result = collection_->Query(q.data(), kDim, params);
  EXPECT_EQ(result->hits.size(), 3000u);
  EXPECT_TRUE(result->exhausted);
}

TEST_F(CollectionTest, WritesAfterTrainingAreFoundAndReplacedRowsAreNot) {
  Create(kDim, Metric::kL2);
  const auto rows = ClusteredRows(3000, kDim, 1);
  Load(rows, kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto fresh = ClusteredRows(500, kDim, 77);
  Load(fresh, kDim, 2800);  // replaces 200, adds 300
  EXPECT_EQ(collection_->Count(), 3300u);
  QueryParams params;
  params.nprobe = 16;
  params.limit = 1;
  for (size_t i = 0; i < 500; i += 50) {
    const auto result = collection_->Query(fresh.data() + i * kDim, kDim, params);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->hits[0].id, PointId(2800 + i));
  }
  params.exact = true;
  const auto old = collection_->Query(rows.data() + 2900 * kDim, kDim, params);
  EXPECT_GT(old->hits[0].score, 0.0f) << "the replaced vector must be gone";
  Reopen();
  EXPECT_EQ(collection_->Count(), 3300u);
}

TEST_F(CollectionTest, RetrainReplacesTheGenerationAndKeepsTheRows) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(2000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  TrainOptions options;
  options.quantizer = *QuantizerSpec::Parse("RR,IVF8,PQ12x4,Refine(SQ8S)");
  ASSERT_TRUE(collection_->Train(options).ok());
  const CollectionStats stats = collection_->Stats();
  EXPECT_EQ(stats.generation, Generation{2});
  EXPECT_EQ(stats.quantizer, "RR,IVF8,PQ12x4,Refine(SQ8S)");
  EXPECT_EQ(stats.rows, 2000u);
  EXPECT_EQ(stats.memory.codes, 2000u * 6);
  Reopen();
  EXPECT_EQ(collection_->Stats().generation, Generation{2});
  EXPECT_EQ(collection_->spec().quantizer.ToString(), "RR,IVF8,PQ12x4,Refine(SQ8S)");
  EXPECT_EQ(collection_->Count(), 2000u);
}

TEST_F(CollectionTest, TrainingNeedsRowsAndCanBeCancelled) {
  Create(kDim, Metric::kL2);
  EXPECT_EQ(collection_->Train({}).code(), absl::StatusCode::kFailedPrecondition);
  Load(ClusteredRows(3000, kDim, 1), kDim);
  TrainOptions options;
  auto cancel = std::make_shared<std::atomic<bool>>(false);
  options.context.stop = StopToken(StopToken::Clock::time_point::max(), cancel);
  double last = 0;
  options.context.progress = [&](double fraction, const char*) {
    EXPECT_GE(fraction, last);
    last = fraction;
    if (fraction > 0.6) *cancel = true;  // while encoding
  };
  const Status status = collection_->Train(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  EXPECT_EQ(collection_->Stats().generation, Generation{0});
  const auto q = ClusteredRows(1, kDim, 2);
  EXPECT_TRUE(collection_->Query(q.data(), kDim, {}).ok());
  EXPECT_TRUE(collection_->Train({}).ok()) << "a cancelled training leaves nothing in the way";
}

TEST_F(CollectionTest, TrainsByItself) {
  Create(4, Metric::kL2, true);
  Load(ClusteredRows(9000, 4, 1), 4);
  EXPECT_FALSE(collection_->Stats().training);
  EXPECT_EQ(collection_->Stats().generation, Generation{0});
  Load(ClusteredRows(1500, 4, 2), 4, 9000);
  // The next write sees 10,500 rows and starts it; closing waits for it or cancels it.
  Load(ClusteredRows(1, 4, 3), 4, 20000);
  while (collection_->Stats().training) std::this_thread::yield();
  EXPECT_EQ(collection_->Stats().generation, Generation{1});
}

TEST_F(CollectionTest, TrainsAgainAtFourTimesTheRowsNotTheSample) {
  Create(4, Metric::kL2, true);
  Load(ClusteredRows(9000, 4, 1), 4);
  TrainOptions options;
  options.sample_rows = 1000;
  ASSERT_TRUE(collection_->Train(options).ok());
  const auto growth = ClusteredRows(13000, 4, 2);
  Load(growth, 4, 10000);  // 22,000 rows: more than 10,000, and than four times the sample
  Load(growth, 4, 30000);  // 35,000: still less than 36,000
  const float v[] = {1, 2, 3, 4};
  ASSERT_TRUE(collection_->Upsert({{PointId(1), ElementType::kF32, Bytes(v, 4)}}).ok());
  EXPECT_FALSE(collection_->Stats().training);
  EXPECT_EQ(collection_->Stats().generation, Generation{1});
  Reopen();
  ASSERT_TRUE(collection_->Upsert({{PointId(1), ElementType::kF32, Bytes(v, 4)}}).ok());
  EXPECT_FALSE(collection_->Stats().training);
  EXPECT_EQ(collection_->Stats().generation, Generation{1});
}

TEST_F(CollectionTest, AFailedWriteMakesItReadOnlyUntilReopened) {
  Create(2, Metric::kL2);
  Load({1, 2, 3, 4}, 2);
  const float v[] = {5, 6};
  const std::vector<PointInput> point{{PointId(9), ElementType::kF32, Bytes(v, 2)}};
  SetFailpoints("store.write.before=error");
  const auto failed = collection_->Upsert(point);
  SetFailpoints("");
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable) << failed.status();
  EXPECT_EQ(collection_->Upsert(point).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(collection_->Delete({PointId(0)}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(collection_->Stats().read_only);
  EXPECT_NE(collection_->Stats().read_only_cause.find("store.write.before"), std::string::npos);
  const auto result = collection_->Query(v, 2, {});
  ASSERT_TRUE(result.ok()) << "searches go on";
  EXPECT_EQ(result->hits.size(), 2u);
  Reopen();
  EXPECT_EQ(collection_->Count(), 2u);
  EXPECT_TRUE(collection_->Upsert(point).ok());
}

TEST_F(CollectionTest, EncodeAndDecode) {
  Create(kDim, Metric::kL2);
  const auto rows = ClusteredRows(2000, kDim, 1);
  EXPECT_EQ(collection_->Encode({rows.data(), 1, kDim}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Load(rows, kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto encoded = collection_->Encode({rows.data(), 100, kDim});
  ASSERT_TRUE(encoded.ok());
  ASSERT_EQ(encoded->codes.size(), 100u * encoded->code_bytes);
  std::vector<float> decoded(100 * kDim);
  ASSERT_TRUE(collection_->Decode(encoded->lists, encoded->codes, decoded.data()).ok());
  double error = 0, power = 0;
  for (size_t i = 0; i < decoded.size(); ++i) {
    error += std::pow(decoded[i] - rows[i], 2);
    power += std::pow(rows[i], 2);
  }
  EXPECT_LT(error, 0.05 * power);
  EXPECT_EQ(collection_->Decode({16}, std::string(encoded->code_bytes, 0), decoded.data()).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(collection_->Decode({0}, "", decoded.data()).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CollectionTest, RowNumbersRunOut) {
  options_.max_row_id = 9;
  Reopen();
  Create(1, Metric::kL2);
  Load({0, 1, 2, 3, 4, 5, 6, 7}, 1);
  const float v = 1;
  std::vector<PointInput> three;
  for (uint64_t i = 0; i < 3; ++i) three.push_back({PointId(100 + i), ElementType::kF32, Bytes(&v, 1)});
  EXPECT_EQ(collection_->Upsert(three).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(collection_->Count(), 8u);
  three.pop_back();
  EXPECT_TRUE(collection_->Upsert(three).ok());
  EXPECT_EQ(collection_->Upsert({{PointId(1), ElementType::kF32, Bytes(&v, 1)}}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(collection_->Delete({PointId(1)}).ok());
}

TEST_F(CollectionTest, ADroppedCollectionAnswersNotFoundAndItsNameIsFree) {
  Create(1, Metric::kL2);
  Load({1, 2, 3}, 1);
  const auto held = collection_;
  // A callback that holds the last reference must not keep the drop waiting for itself.
  const float v = 4;
  held->UpsertAsync({{PointId(9), ElementType::kF32, Bytes(&v, 1)}}, {}, [keep = held](const auto&) {});
  ASSERT_TRUE(catalog_->Drop("c").ok());
  EXPECT_EQ(catalog_->Get("c").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(held->Query(&v, 1, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(held->Upsert({{PointId(9), ElementType::kF32, Bytes(&v, 1)}}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(held->Count(), 0u);
  Create(1, Metric::kL2);
  EXPECT_EQ(collection_->Count(), 0u);
}

TEST_F(CollectionTest, StopTokensAreHonoured) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(3000, kDim, 1), kDim);
  const auto q = ClusteredRows(1, kDim, 2);
  QueryParams params;
  params.stop = StopToken(StopToken::Clock::now() - std::chrono::seconds(1));
  EXPECT_EQ(collection_->Query(q.data(), kDim, params).status().code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_EQ(collection_->Query(q.data(), kDim, params).status().code(), absl::StatusCode::kDeadlineExceeded);
  auto cancelled = std::make_shared<std::atomic<bool>>(true);
  params.stop = StopToken(StopToken::Clock::time_point::max(), cancelled);
  EXPECT_EQ(collection_->Query(q.data(), kDim, params).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace tessera

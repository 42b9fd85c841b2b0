#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>

#include "index/evaluation.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 24;

QuantizerSpec Spec(const std::string& text) {
  auto spec = QuantizerSpec::Parse(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return *spec;
}

EvaluateOptions Small(const std::vector<std::string>& specs) {
  EvaluateOptions options;
  for (const std::string& text : specs) options.quantizers.push_back(Spec(text));
  options.queries = 100;
  return options;
}

class EvaluateTest : public CollectionTest {
 protected:
  static MatrixView<const float> View(const std::vector<float>& rows) {
    return {rows.data(), rows.size() / kDim, kDim};
  }
  const std::vector<float> rows_ = ClusteredRows(4000, kDim, 5);
};

TEST_F(EvaluateTest, MoreBytesLoseLessAndTheLossesAddUp) {
  EvaluateOptions options = Small({"IVF32,PQ3x8", "IVF32,PQ12x8", "IVF32,PQ6x8,Refine(SQ8)"});
  options.nprobe = {1, 4, 32};
  const auto result = EvaluateRows(View(rows_), Metric::kL2, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rows, 3900u);
  EXPECT_EQ(result->queries, 100u);
  ASSERT_EQ(result->quantizers.size(), 3u);
  const EvaluatedQuantizer& few = result->quantizers[0];
  const EvaluatedQuantizer& many = result->quantizers[1];
  const EvaluatedQuantizer& refined = result->quantizers[2];
  for (const EvaluatedQuantizer& q : result->quantizers) {
    ASSERT_TRUE(q.error.ok()) << q.error;
    EXPECT_EQ(q.nlist, 32u);
    EXPECT_GT(q.resident_bytes, q.code_bytes + q.refine_bytes);
    EXPECT_GT(q.encode_rows_per_second, 0);
    EXPECT_GT(q.scan_rows_per_second, 0);
    EXPECT_GT(q.train_seconds, 0);
    EXPECT_GT(q.codes.margin, 0);
    ASSERT_EQ(q.searches.size(), 3u);
    for (const EvaluatedSearch& s : q.searches) {
      EXPECT_NEAR(s.codes.value + s.probe_loss + s.code_loss, 1, 1e-9);
      EXPECT_GE(s.raw.value, s.codes.value);
      EXPECT_GT(s.query_cpu_us, 0);
    }
    EXPECT_GT(q.searches[0].probe_loss, q.searches[1].probe_loss);
    EXPECT_EQ(q.searches[2].probe_loss, 0);  // all lists
    EXPECT_DOUBLE_EQ(q.searches[2].codes.value, q.codes.value);
    EXPECT_DOUBLE_EQ(q.searches[2].refine.value, q.refine.value);
  }
  EXPECT_EQ(few.code_bytes, 4);
  EXPECT_EQ(many.code_bytes, 13);
  EXPECT_EQ(few.refine_bytes, 0);
  EXPECT_EQ(refined.refine_bytes, kDim + 6);  // bytes, scale, sum
  EXPECT_GT(many.codes.value, few.codes.value + 0.1);
  EXPECT_LT(many.squared_error, few.squared_error);
  EXPECT_LT(many.relative_error, 1);
  EXPECT_GT(refined.refine.value, 0.9);
  EXPECT_EQ(few.refine.value, few.codes.value);
}

// What is reported is what a collection of the base rows would answer, but that its training leaves
// some rows out, to measure drift against.
TEST_F(EvaluateTest, RecallIsThatOfACollection) {
  const std::vector<float> queries = ClusteredRows(50, kDim, 6);
  EvaluateOptions options = Small({"IVF16,PQ6x8"});
  options.query_vectors = View(queries);
  options.nprobe = {2};
  const auto result = EvaluateRows(View(rows_), Metric::kCosine, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rows, 4000u);
  EXPECT_EQ(result->queries, 50u);

  Create(kDim, Metric::kCosine, std::string("IVF16,PQ6x8"));
  Load(rows_, kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  QueryParams params;
  params.nprobe = 2;
  params.rerank = RerankTier::kNone;
  QueryParams exact;
  exact.exact = true;
  size_t found = 0;
  for (size_t i = 0; i < 50; ++i) {
    const auto got = Ids(*collection_->Query(queries.data() + i * kDim, kDim, params));
    for (const uint64_t id : Ids(*collection_->Query(queries.data() + i * kDim, kDim, exact))) {
      found += std::find(got.begin(), got.end(), id) != got.end() ? 1 : 0;
    }
  }
  EXPECT_NEAR(result->quantizers[0].searches[0].codes.value, static_cast<double>(found) / 500, 0.05);
  EXPECT_EQ(result->quantizers[0].spec, Spec("IVF16,PQ6x8"));
}

TEST_F(EvaluateTest, TheSameForTheSameSeedAtAnyNumberOfThreads) {
  EvaluateOptions options = Small({"IVF16,PQ4x8", "OPQ,PQ4x4"});
  options.sample_rows = 2000;
  ThreadPoolExecutor pool(3);
  const auto one = EvaluateRows(View(rows_), Metric::kL2, options);
  options.context.executor = &pool;
  const auto three = EvaluateRows(View(rows_), Metric::kL2, options);
  options.context.seed = 77;
  const auto other = EvaluateRows(View(rows_), Metric::kL2, options);
  ASSERT_TRUE(one.ok() && three.ok() && other.ok());
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(one->quantizers[i].codes.value, three->quantizers[i].codes.value);
    EXPECT_EQ(one->quantizers[i].squared_error, three->quantizers[i].squared_error);
    EXPECT_NE(one->quantizers[i].squared_error, other->quantizers[i].squared_error);
  }
}

TEST_F(EvaluateTest, ASpecThatCannotBeTrainedIsARow) {
  const auto result =
      EvaluateRows(View(rows_), Metric::kL2, Small({"IVF5000,PQ4x8", "IVF16,PQ4x8", "PQ25x8"}));
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->quantizers.size(), 3u);
  const EvaluatedQuantizer& too_many = result->quantizers[0];
  EXPECT_EQ(too_many.asked, "IVF5000,PQ4x8");
  EXPECT_NE(MessageOf(too_many.error).find("at least 5000 rows, got 3900"), std::string::npos)
      << too_many.error;
  EXPECT_TRUE(too_many.searches.empty());
  EXPECT_TRUE(result->quantizers[1].error.ok());
  EXPECT_NE(MessageOf(result->quantizers[2].error).find("pq_m"), std::string::npos);
}

TEST_F(EvaluateTest, AByteRangeMakesItsOwnSpecs) {
  EvaluateOptions options;
  options.min_bytes = 4;
  options.max_bytes = 8;
  options.queries = 50;
  options.sample_rows = 1500;
  const auto result = EvaluateRows(View(rows_), Metric::kL2, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GE(result->quantizers.size(), 4u);
  double least = 1e9, most = 0;
  for (const EvaluatedQuantizer& q : result->quantizers) {
    ASSERT_TRUE(q.error.ok()) << q.asked << ": " << q.error;
    least = std::min(least, q.code_bytes + q.refine_bytes);
    most = std::max(most, q.code_bytes + q.refine_bytes);
  }
  EXPECT_EQ(least, 4);
  EXPECT_EQ(most, 8);
}

TEST_F(EvaluateTest, BadOptionsAreNamed) {
  const auto refusal = [&](const EvaluateOptions& options) {
    const auto result = EvaluateRows(View(rows_), Metric::kL2, options);
    EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << result.status();
    return MessageOf(result.status());
  };
  EvaluateOptions options = Small({"PQ4x8"});
  options.k = 0;
  EXPECT_NE(refusal(options).find("k is 0"), std::string::npos);
  options = Small({});
  EXPECT_NE(refusal(options).find("quantizers or min_bytes"), std::string::npos);
  options = Small({"PQ4x8"});
  options.min_bytes = 4;
  EXPECT_NE(refusal(options).find("one of the two"), std::string::npos);
  options = Small({});
  options.min_bytes = 9;
  options.max_bytes = 8;
  EXPECT_NE(refusal(options).find("min_bytes"), std::string::npos);
  options.min_bytes = 0.5;
  options.max_bytes = 1;
  EXPECT_NE(refusal(options).find("they take 2 to"), std::string::npos);
  options = Small({"PQ4x8"});
  options.queries = 0;
  EXPECT_NE(refusal(options).find("queries"), std::string::npos);
  options = Small({"PQ4x8"});
  const std::vector<float> narrow(8, 1.0f);
  options.query_vectors = {narrow.data(), 2, 4};
  EXPECT_NE(refusal(options).find("4 dimensions, expected 24"), std::string::npos);
  std::vector<float> bad(kDim, 1.0f);
  bad[3] = std::numeric_limits<float>::quiet_NaN();
  options.query_vectors = {bad.data(), 1, kDim};
  EXPECT_NE(refusal(options).find("query_vectors[0]"), std::string::npos);
}

TEST_F(EvaluateTest, BadRowsAreNamedByTheirNumber) {
  std::vector<float> rows = rows_;
  std::fill_n(rows.begin() + 1234 * kDim, kDim, 0.0f);
  const auto result = EvaluateRows(View(rows), Metric::kCosine, Small({"PQ4x8"}));
  ASSERT_TRUE(absl::IsInvalidArgument(result.status())) << result.status();
  EXPECT_NE(MessageOf(result.status()).find("rows[1234]"), std::string::npos) << result.status();
}

TEST_F(EvaluateTest, TooFewRowsOrTooLittleMemory) {
  const std::vector<float> few = ClusteredRows(999, kDim, 1);
  auto result = EvaluateRows(View(few), Metric::kL2, Small({"PQ4x8"}));
  ASSERT_TRUE(absl::IsFailedPrecondition(result.status())) << result.status();
  EXPECT_NE(MessageOf(result.status()).find("at least 1000 rows, there are 999"),
            std::string::npos);
  EvaluateOptions options = Small({"PQ4x8"});
  options.sample_memory_bytes = 4096;
  result = EvaluateRows(View(rows_), Metric::kL2, options);
  ASSERT_TRUE(absl::IsFailedPrecondition(result.status())) << result.status();
  EXPECT_NE(MessageOf(result.status()).find("sample_memory_bytes"), std::string::npos);
}

TEST_F(EvaluateTest, ReportsProgressAndStops) {
  EvaluateOptions options = Small({"IVF16,PQ4x8", "IVF16,PQ6x8"});
  double last = 0;
  std::vector<std::string> stages;
  options.context.progress = [&](double fraction, const char* stage) {
    EXPECT_GE(fraction, last);
    last = fraction;
    stages.push_back(stage);
  };
  ASSERT_TRUE(EvaluateRows(View(rows_), Metric::kL2, options).ok());
  EXPECT_EQ(last, 1);
  EXPECT_NE(std::find(stages.begin(), stages.end(), "quantizer 2 of 2: codebooks"), stages.end());

  const auto stop = std::make_shared<std::atomic<bool>>(false);
  options.context.stop = StopToken(StopToken::Clock::time_point::max(), stop);
  options.context.progress = [&](double, const char* stage) {
    if (std::string(stage) == "quantizer 2 of 2: training") *stop = true;
  };
  EXPECT_TRUE(absl::IsCancelled(EvaluateRows(View(rows_), Metric::kL2, options).status()));
}

TEST_F(EvaluateTest, OfACollectionBesideWritesAndSearches) {
  Create(kDim, Metric::kL2, std::string("IVF16,PQ6x8"));
  Load(rows_, kDim);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    const std::vector<float> more = ClusteredRows(64, kDim, 9);
    for (uint64_t id = 10000; !done; id += 64) Load(more, kDim, id);
  });
  const uint64_t before = collection_->Stats().generation.value;
  const auto result = collection_->Evaluate(Small({"IVF16,PQ4x8", "PQ6x8,Refine(SQ8)"}));
  done = true;
  writer.join();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GE(result->rows, 3900u);
  EXPECT_EQ(result->quantizers.size(), 2u);
  EXPECT_EQ(collection_->Stats().generation.value, before);
  EXPECT_EQ(collection_->spec().quantizer, Spec("IVF16,PQ6x8"));
}

TEST_F(EvaluateTest, OfAnEmptyCollection) {
  Create(kDim, Metric::kL2, std::string("IVF16,PQ6x8"));
  const auto result = collection_->Evaluate(Small({"PQ4x8"}));
  EXPECT_TRUE(absl::IsFailedPrecondition(result.status())) << result.status();
}

}  // namespace
}  // namespace tessera

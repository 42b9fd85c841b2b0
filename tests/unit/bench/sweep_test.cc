#include "bench/ann/sweep.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/temp_dir.h"

namespace tessera::bench {
namespace {

// A small set on disk, and a collection of it.
class SweepTest : public ::testing::Test {
 protected:
  static constexpr size_t kDim = 16;
  static constexpr size_t kRows = 3000;
  static constexpr size_t kQueries = 40;

  void SetUp() override {
    WriteFvecs("base.fvecs", kRows, 1);
    WriteFvecs("query.fvecs", kQueries, 2);
  }

  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }

  void WriteFvecs(const std::string& name, size_t rows, uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::ofstream out(Path(name), std::ios::binary);
    for (size_t i = 0; i < rows; ++i) {
      const uint32_t dim = kDim;
      float row[kDim];
      for (float& value : row) value = normal(random);
      out.write(reinterpret_cast<const char*>(&dim), sizeof(dim));
      out.write(reinterpret_cast<const char*>(row), sizeof(row));
    }
  }

  Options Parse(std::vector<std::string> more) {
    std::vector<std::string> args = {"--base",          Path("base.fvecs"),
                                     "--queries",       Path("query.fvecs"),
                                     "--quantizer",     "IVF16,PQ8x8,Refine(SQ8)",
                                     "--rounds",        "2",
                                     "--round-seconds", "0.001",
                                     "--batch",         "16"};
    args.insert(args.end(), more.begin(), more.end());
    std::string help;
    auto options = ParseOptions(args, help);
    EXPECT_TRUE(options.ok()) << options.status();
    return *options;
  }

  StatusOr<std::unique_ptr<Subject>> Open(const Options& options) {
    log_.clear();
    return Subject::Open(options, [this](const std::string& line) { log_ += line + "\n"; });
  }

  testing::TempDir dir_;
  std::string log_;
};

TEST_F(SweepTest, AllListsWithRawRerankOfAllRowsFindEverything) {
  const Options options = Parse({"--nprobe", "1,16", "--rerank", "none,raw:3000", "--explain"});
  auto subject = Open(options);
  ASSERT_TRUE(subject.ok()) << subject.status();
  auto queries = ReadQueries(options, kRows);
  ASSERT_TRUE(queries.ok()) << queries.status();
  ASSERT_TRUE(ComputeTruth((*subject)->collection(), options.k, *queries).ok());
  const std::vector<Trial> trials = AllTrials(options);
  ASSERT_EQ(trials.size(), 8u);  // 2 nprobe x 2 rerank x 2 modes
  const auto rows = Sweep(**subject, *queries, options, trials);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), trials.size());
  for (const Row& row : *rows) {
    const bool all = row.nprobe == 16 && row.rerank == "raw";
    EXPECT_EQ(row.recall_at_10 == 1, all) << row.mode << row.nprobe << row.rerank;
    EXPECT_GT(row.recall_at_10, 0.05);
    EXPECT_GT(row.qps_wall, 0);
    EXPECT_GT(row.qps_cpu, 0);
    EXPECT_EQ(row.mode == "single", row.p99_us >= row.p50_us && row.p50_us > 0);
    EXPECT_EQ(row.mode == "single", row.rows_scanned > 0);
    EXPECT_EQ(row.rows, kRows);
    EXPECT_EQ(row.queries, kQueries);
    EXPECT_EQ(row.rounds, 2u);
    EXPECT_GE(row.bytes_codes, 8);
    EXPECT_GT(row.bytes_total, row.bytes_codes + row.bytes_refine);
  }
}

TEST_F(SweepTest, SeveralThreadsGiveTheSameRecall) {
  const Options options = Parse({"--nprobe", "2", "--rerank", "refine:20", "--threads", "1,3"});
  auto subject = Open(options);
  ASSERT_TRUE(subject.ok()) << subject.status();
  auto queries = ReadQueries(options, kRows);
  ASSERT_TRUE(queries.ok()) << queries.status();
  ASSERT_TRUE(ComputeTruth((*subject)->collection(), options.k, *queries).ok());
  const auto rows = Sweep(**subject, *queries, options, AllTrials(options));
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 4u);
  for (const Row& row : *rows) EXPECT_DOUBLE_EQ(row.recall_at_10, rows->at(0).recall_at_10);
}

TEST_F(SweepTest, TuningReachesItsTargetWithTheFewestLists) {
  const Options options = Parse({"--rerank", "refine:60", "--tune-recall", "0.6,0.9"});
  auto subject = Open(options);
  ASSERT_TRUE(subject.ok()) << subject.status();
  auto queries = ReadQueries(options, kRows);
  ASSERT_TRUE(queries.ok()) << queries.status();
  ASSERT_TRUE(ComputeTruth((*subject)->collection(), options.k, *queries).ok());
  const auto trials = Tune(**subject, *queries, options, [](const std::string&) {});
  ASSERT_TRUE(trials.ok()) << trials.status();
  ASSERT_EQ(trials->size(), 4u);  // 2 targets x 2 modes
  for (const Trial& trial : *trials) {
    Setting setting = trial.setting;
    auto recall = MeasureRecall(**subject, *queries, setting);
    ASSERT_TRUE(recall.ok());
    EXPECT_GE(recall->at10(), trial.target);
    if (--setting.nprobe == 0) continue;
    recall = MeasureRecall(**subject, *queries, setting);
    ASSERT_TRUE(recall.ok());
    EXPECT_LT(recall->at10(), trial.target);
  }
}

TEST_F(SweepTest, ATargetOutOfReachIsToldAndLeftOut) {
  const Options options = Parse({"--rerank", "none", "--tune-recall", "1"});
  auto subject = Open(options);
  ASSERT_TRUE(subject.ok()) << subject.status();
  auto queries = ReadQueries(options, kRows);
  ASSERT_TRUE(ComputeTruth((*subject)->collection(), options.k, *queries).ok());
  std::string told;
  const auto trials =
      Tune(**subject, *queries, options, [&](const std::string& line) { told += line; });
  ASSERT_TRUE(trials.ok()) << trials.status();
  EXPECT_TRUE(trials->empty());
  EXPECT_EQ(told, "recall 1.000 is not reached with rerank none");
}

TEST_F(SweepTest, AKeptCollectionIsTakenUpWithoutTraining) {
  const std::vector<std::string> keep = {"--data", Path("kept"), "--keep"};
  double train_seconds = 0;
  {
    auto subject = Open(Parse(keep));
    ASSERT_TRUE(subject.ok()) << subject.status();
    EXPECT_NE(log_.find("trained in"), std::string::npos);
    train_seconds = (*subject)->times().train_seconds;
    EXPECT_GT(train_seconds, 0);
  }
  auto subject = Open(Parse(keep));
  ASSERT_TRUE(subject.ok()) << subject.status();
  EXPECT_NE(log_.find("no loading, no training"), std::string::npos);
  EXPECT_EQ(log_.find("trained in"), std::string::npos);
  EXPECT_EQ((*subject)->collection().Count(), kRows);
  EXPECT_NEAR((*subject)->times().train_seconds, train_seconds, train_seconds * 1e-3);
  EXPECT_EQ((*subject)->collection().Stats().quantizer, "IVF16,PQ8x8,Refine(SQ8)");
}

TEST_F(SweepTest, AKeptCollectionOfSomethingElseIsRefused) {
  ASSERT_TRUE(Open(Parse({"--data", Path("kept"), "--keep"})).ok());
  for (int what = 0; what < 4; ++what) {
    Options options = Parse({"--data", Path("kept"), "--keep"});
    if (what == 0) options.metric = Metric::kCosine;
    if (what == 1) options.quantizer.refine = {};
    if (what == 2) options.max_rows = 2000;
    if (what == 3) options.base = Path("query.fvecs");
    const auto subject = Open(options);
    ASSERT_FALSE(subject.ok()) << what;
    EXPECT_NE(MessageOf(subject.status()).find("was built from"), std::string::npos);
  }
  const auto subject = Open(Parse({"--data", Path("kept")}));
  ASSERT_FALSE(subject.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(subject.status())) << subject.status();
  EXPECT_TRUE(Open(Parse({"--data", Path("kept"), "--keep"})).ok()) << "left as it was";
}

TEST_F(SweepTest, WithoutKeepNothingStays) {
  { ASSERT_TRUE(Open(Parse({"--data", Path("gone")})).ok()); }
  EXPECT_FALSE(std::filesystem::exists(Path("gone")));
}

TEST_F(SweepTest, TrainingOnTheFirstRowsLoadsTheRestAfterwards) {
  auto subject = Open(Parse({"--train-rows", "1000"}));
  ASSERT_TRUE(subject.ok()) << subject.status();
  EXPECT_EQ((*subject)->collection().Count(), kRows);
  EXPECT_LT(log_.find("trained in"), log_.find("loaded 3000 rows"));
}

TEST_F(SweepTest, QueriesAreCutAndTruthMustFit) {
  Options options = Parse({"--query-begin", "30", "--query-count", "5"});
  const auto some = ReadQueries(options, kRows);
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_EQ(some->size(), 5u);
  options.query_begin = 0;
  options.query_count = 0;
  const auto all = ReadQueries(options, kRows);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->vectors[30 * kDim], some->vectors[0]);
  options.query_count = kQueries + 1;
  EXPECT_TRUE(absl::IsInvalidArgument(ReadQueries(options, kRows).status()));
  // A true neighbour that the base does not have.
  options.query_count = 0;
  options.truth = Path("truth.ivecs");
  std::ofstream out(options.truth, std::ios::binary);
  for (size_t i = 0; i < kQueries; ++i) {
    int32_t row[11] = {10, 0, 1, 2, 3, 4, 5, 6, 7, 8, i == 7 ? int32_t{kRows} : 9};
    out.write(reinterpret_cast<const char*>(row), sizeof(row));
  }
  out.close();
  const auto bad = ReadQueries(options, kRows);
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(MessageOf(bad.status()).find("row 7 names row 3000"), std::string::npos)
      << bad.status();
  EXPECT_TRUE(ReadQueries(options, kRows + 1).ok());
  options.k = 11;
  EXPECT_NE(MessageOf(ReadQueries(options, kRows + 1).status()).find("--k"), std::string::npos);
}

}  // namespace
}  // namespace tessera::bench

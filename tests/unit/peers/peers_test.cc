// The rivals of bench_peers, asked small questions whose answers are known.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <utility>

#include "bench/peers/contest.h"
#include "bench/peers/options.h"
#include "bench/peers/rival.h"
#include "tests/temp_dir.h"

namespace tessera::bench {
namespace {

constexpr size_t kRows = 2000;
constexpr int32_t kDim = 16;
constexpr size_t kQueries = 20;
constexpr int32_t kTruth = 10;

struct Files {
  explicit Files(const std::string& path) : folder(path) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    std::vector<float> base(kRows * kDim);
    for (float& value : base) value = normal(random);
    WriteVecs("base.fvecs", base, kDim);
    // Queries are rows of the base, thus each row's nearest is itself.
    WriteVecs("query.fvecs", std::vector<float>(base.begin(), base.begin() + kQueries * kDim),
              kDim);
    std::vector<int32_t> truth;
    for (size_t i = 0; i < kQueries; ++i) {
      for (const int32_t id : Nearest(base, i)) truth.push_back(id);
    }
    WriteVecs("truth.ivecs", truth, kTruth);
  }

  static std::vector<int32_t> Nearest(const std::vector<float>& base, size_t query) {
    std::vector<std::pair<double, int32_t>> all;
    for (size_t i = 0; i < kRows; ++i) {
      double sum = 0;
      for (size_t d = 0; d < kDim; ++d) {
        const double difference = base[i * kDim + d] - base[query * kDim + d];
        sum += difference * difference;
      }
      all.emplace_back(sum, static_cast<int32_t>(i));
    }
    std::sort(all.begin(), all.end());
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < kTruth; ++i) ids.push_back(all[static_cast<size_t>(i)].second);
    return ids;
  }

  template <typename T>
  void WriteVecs(const std::string& name, const std::vector<T>& values, int32_t dim) {
    std::ofstream out(folder + "/" + name, std::ios::binary);
    for (size_t at = 0; at < values.size(); at += static_cast<size_t>(dim)) {
      out.write(reinterpret_cast<const char*>(&dim), sizeof(dim));
      out.write(reinterpret_cast<const char*>(&values[at]), dim * std::streamsize(sizeof(T)));
    }
  }

  std::string folder;
};

class PeersTest : public ::testing::Test {
 protected:
  PeerOptions Parse(std::vector<std::string> args) {
    for (const char* more : {"--rounds", "1", "--round-seconds", "0.01", "--batch", "7"}) {
      args.push_back(more);
    }
    args.insert(args.end(),
                {"--base", files_.folder + "/base.fvecs", "--queries",
                 files_.folder + "/query.fvecs", "--truth", files_.folder + "/truth.ivecs"});
    std::string help;
    const auto options = ParsePeerOptions(args, help);
    EXPECT_TRUE(options.ok()) << MessageOf(options.status());
    return *options;
  }
  StatusOr<Contest> Run(const std::vector<std::string>& args) {
    return RunContest(Parse(args), [](const std::string&) {});
  }
  // False if this build lacks the engine.
  static bool Has(const std::string& engine) {
    const auto rival = engine == "faiss" ? MakeFaiss("IVF8,Flat", 16, Metric::kL2)
                                         : MakeHnswlib("M8", 16, Metric::kL2);
    return rival.ok() && *rival != nullptr;
  }

  testing::TempDir directory_;
  Files files_{directory_.path()};
};

TEST_F(PeersTest, FaissFindsAllWhenEveryListIsProbedAndEveryRowReranked) {
  if (!Has("faiss")) return;  // AnEngineThatIsAbsentSaysSo
  const auto contest = Run({"--engine", "faiss", "--spec", "IVF8,PQ8x4fsr", "--nprobe", "8",
                            "--rerank", "none,raw:2000"});
  ASSERT_TRUE(contest.ok()) << MessageOf(contest.status());
  ASSERT_EQ(contest->rows.size(), 4u);  // two reranks, two modes
  const Row& codes = contest->rows[0];
  const Row& raw = contest->rows[2];
  EXPECT_GT(codes.recall_at_10, 0.1);
  EXPECT_LT(codes.recall_at_10, 1.0);
  EXPECT_EQ(raw.recall_at_10, 1.0);
  EXPECT_EQ(contest->rows[3].recall_at_10, 1.0);  // in batches of 7, which do not divide 20
  EXPECT_EQ(raw.first_at_1, 1.0);
  EXPECT_GT(raw.qps_wall, 0);
  EXPECT_EQ(codes.bytes_codes, 4);
  EXPECT_EQ(codes.bytes_centroids, 8 * kDim * 4.0 / kRows);
  EXPECT_GE(codes.bytes_padding, 0);
  EXPECT_DOUBLE_EQ(raw.bytes_total, codes.bytes_total + kDim * 4);
}

TEST_F(PeersTest, HnswlibFindsAllWithAListAsLongAsTheBase) {
  if (!Has("hnswlib")) return;  // AnEngineThatIsAbsentSaysSo
  const auto contest =
      Run({"--engine", "hnswlib", "--spec", "M8,ef50", "--nprobe", "2000", "--mode", "single"});
  ASSERT_TRUE(contest.ok()) << MessageOf(contest.status());
  ASSERT_EQ(contest->rows.size(), 1u);
  const Row& row = contest->rows[0];
  EXPECT_GT(row.recall_at_10, 0.999);
  EXPECT_EQ(row.bytes_refine, kDim * 4);
  EXPECT_GE(row.bytes_headers, 16 * 4);  // level 0 alone has twice M links
}

TEST_F(PeersTest, AKeptIndexAnswersAsTheOneThatWasBuilt) {
  for (const auto& [engine, spec] :
       {std::pair("faiss", "PCAR8,IVF8,PQ8x4fsr"), std::pair("hnswlib", "M8")}) {
    if (!Has(engine)) continue;
    const std::vector<std::string> args = {
        "--engine", engine,   "--spec", spec,     "--nprobe",
        "4",        "--mode", "batch",  "--keep", directory_.path()};
    const auto built = Run(args);
    ASSERT_TRUE(built.ok()) << MessageOf(built.status());
    const auto kept = Run(args);
    ASSERT_TRUE(kept.ok()) << MessageOf(kept.status());
    EXPECT_EQ(built->rows[0].recall_at_10, kept->rows[0].recall_at_10);
    EXPECT_EQ(built->rows[0].bytes_total, kept->rows[0].bytes_total);
    EXPECT_NEAR(built->rows[0].load_seconds, kept->rows[0].load_seconds, 1e-4);
  }
}

TEST_F(PeersTest, AnEngineThatIsAbsentSaysSo) {
  for (const auto& [engine, spec] :
       {std::pair("faiss", "IVF8,PQ8x4fsr"), std::pair("hnswlib", "M8")}) {
    const auto contest =
        Run({"--engine", engine, "--spec", spec, "--build-only", "--keep", directory_.path()});
    EXPECT_EQ(contest.ok(), Has(engine));
    if (contest.ok()) continue;
    EXPECT_NE(MessageOf(contest.status()).find("not found when this was built"), std::string::npos);
  }
}

TEST_F(PeersTest, BadSpecsAreNamed) {
  for (const std::string engine : {"faiss", "hnswlib"}) {
    if (!Has(engine)) continue;
    for (const char* spec : {"M16,", "Flat", "M1", "PQ8x4"}) {
      const auto contest = Run({"--engine", engine, "--spec", spec});
      ASSERT_FALSE(contest.ok()) << engine << " " << spec;
      EXPECT_NE(MessageOf(contest.status()).find("--spec " + std::string(spec)), std::string::npos)
          << MessageOf(contest.status());
    }
  }
}

TEST_F(PeersTest, BadOptionsAreNamed) {
  const std::vector<std::string> good = {"--engine", "faiss",     "--spec", "IVF8,Flat", "--base",
                                         "b",        "--queries", "q",      "--truth",   "t"};
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--metric", "l1"}, "--metric"},
      {{"--mode", "all"}, "--mode"},
      {{"--rerank", "raw:5"}, "--rerank"},
      {{"--nprobe", "0"}, "--nprobe"},
      {{"--k", "0"}, "--k"},
      {{"--batch", "0"}, "--batch"},
      {{"--rounds", "0"}, "--rounds"},
      {{"--build-only"}, "--keep"},
  };
  for (const auto& [more, named] : wrong) {
    std::vector<std::string> args = good;
    args.insert(args.end(), more.begin(), more.end());
    std::string help;
    const auto options = ParsePeerOptions(args, help);
    ASSERT_FALSE(options.ok()) << named;
    EXPECT_NE(MessageOf(options.status()).find(named), std::string::npos);
  }
}

TEST(Normalize, GivesUnitRowsAndKeepsZeros) {
  std::vector<float> rows = {3, 4, 0, 0};
  Normalize(rows.data(), 2, 2);
  EXPECT_FLOAT_EQ(rows[0], 0.6f);
  EXPECT_FLOAT_EQ(rows[1], 0.8f);
  EXPECT_EQ(rows[2], 0);
}

}  // namespace
}  // namespace tessera::bench

#include "bench/ann/options.h"

#include <gtest/gtest.h>

namespace tessera::bench {
namespace {

StatusOr<Options> Parse(std::vector<std::string> more) {
  std::vector<std::string> args = {"--base", "sets/words/base.fvecs", "--queries", "q.fvecs"};
  args.insert(args.end(), more.begin(), more.end());
  std::string help;
  return ParseOptions(args, help);
}

std::string ErrorOf(std::vector<std::string> more) {
  const auto options = Parse(std::move(more));
  return options.ok() ? "" : MessageOf(options.status());
}

TEST(OptionsTest, DefaultsMeasureOneThreadInBothModes) {
  const auto options = Parse({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->name, "words");
  EXPECT_EQ(options->k, 10u);
  EXPECT_TRUE(options->single && options->in_batches);
  EXPECT_EQ(options->threads, std::vector<size_t>{1});
  EXPECT_EQ(options->quantizer.ToString(), kDefaultQuantizer);
  EXPECT_EQ(options->rerank.size(), 2u);
  EXPECT_EQ(options->command, "bench_ann --base sets/words/base.fvecs --queries q.fvecs");
}

TEST(OptionsTest, ListsAreSeparatedByCommas) {
  const auto options = Parse({"--nprobe", "8,16,32", "--rerank", "none,refine:50,raw:200",
                              "--threads", "1,3", "--mode", "batch", "--tune-recall", ".9,0.95"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->nprobe, (std::vector<uint32_t>{8, 16, 32}));
  ASSERT_EQ(options->rerank.size(), 3u);
  EXPECT_EQ(options->rerank[1], (RerankChoice{RerankTier::kRefine, 50}));
  EXPECT_EQ(options->rerank[2], (RerankChoice{RerankTier::kRaw, 200}));
  EXPECT_EQ(options->threads, (std::vector<size_t>{1, 3}));
  EXPECT_FALSE(options->single);
  EXPECT_EQ(options->tune_recall, (std::vector<double>{0.9, 0.95}));
}

TEST(OptionsTest, AllThreadsAreAtLeastOne) {
  const auto options = Parse({"--threads", "all"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_GE(options->threads.at(0), 1u);
}

TEST(OptionsTest, ErrorsNameTheOption) {
  EXPECT_NE(ErrorOf({"--rerank", "refine"}).find("needs a depth"), std::string::npos);
  EXPECT_NE(ErrorOf({"--rerank", "none:5"}).find("--rerank: \"none:5\""), std::string::npos);
  EXPECT_NE(ErrorOf({"--rerank", "raw:-1"}).find("--rerank"), std::string::npos);
  EXPECT_NE(ErrorOf({"--metric", "l3"}).find("no metric \"l3\""), std::string::npos);
  EXPECT_NE(ErrorOf({"--mode", "both"}).find("--mode: \"both\""), std::string::npos);
  EXPECT_NE(ErrorOf({"--threads", "0"}).find("--threads"), std::string::npos);
  EXPECT_NE(ErrorOf({"--nprobe", "0"}).find("--nprobe"), std::string::npos);
  EXPECT_NE(ErrorOf({"--k", "5"}).find("--k"), std::string::npos);
  EXPECT_NE(ErrorOf({"--keep"}).find("--keep needs --data"), std::string::npos);
  EXPECT_NE(ErrorOf({"--tune-recall", "1.5"}).find("--tune-recall"), std::string::npos);
  EXPECT_NE(ErrorOf({"--rounds", "0"}).find("--rounds"), std::string::npos);
  EXPECT_NE(ErrorOf({"--round-seconds", "0"}).find("--round-seconds"), std::string::npos);
  EXPECT_NE(ErrorOf({"--quantizer", "PQ0"}).find("quantizer"), std::string::npos);
  EXPECT_NE(ErrorOf({"--no-such"}).find("--no-such"), std::string::npos);
}

TEST(OptionsTest, FilesAreRequired) {
  std::string help;
  const auto options = ParseOptions({"--queries", "q.fvecs"}, help);
  ASSERT_FALSE(options.ok());
  EXPECT_NE(MessageOf(options.status()).find("--base"), std::string::npos);
}

TEST(OptionsTest, HelpIsATextAndNoError) {
  std::string help;
  ASSERT_TRUE(ParseOptions({"--help"}, help).ok());
  EXPECT_NE(help.find("--tune-recall"), std::string::npos);
}

}  // namespace
}  // namespace tessera::bench

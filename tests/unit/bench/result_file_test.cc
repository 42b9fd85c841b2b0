#include "bench/recall_memory/result_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "bench/recall_memory/options.h"
#include "tests/temp_dir.h"

namespace tessera::bench {
namespace {

Row Measured(const std::string& asked, double recall, double qps) {
  Row row;
  row.data = "words";
  row.asked = asked;
  row.recall_at_10 = recall;
  row.qps_wall = qps;
  return row;
}

TEST(ResultFileTest, KnowsWhatAnEarlierRunWrote) {
  tessera::testing::TempDir dir;
  const std::string path = dir.path() + "/r.csv";
  auto file = ResultFile::Open(path, {"cpu: some"});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(file->Has("words", "PQ8x8", false));
  ASSERT_TRUE(file->Append({Measured("PQ8x8", 0.5, kNotMeasured)}).ok());
  ASSERT_TRUE(file->Append({Measured("PQ4x8", 0.4, 100)}).ok());
  ASSERT_TRUE(file->Append({Measured("refused", kNotMeasured, kNotMeasured)}).ok());
  auto again = ResultFile::Open(path, {"cpu: other"});
  ASSERT_TRUE(again.ok()) << again.status();
  for (ResultFile* one : {&*file, &*again}) {
    EXPECT_TRUE(one->Has("words", "PQ8x8", false));
    EXPECT_FALSE(one->Has("words", "PQ8x8", true)) << "its speed is missing";
    EXPECT_TRUE(one->Has("words", "PQ4x8", true));
    EXPECT_TRUE(one->Has("words", "refused", true));
    EXPECT_FALSE(one->Has("sift", "PQ8x8", false));
  }
  std::ifstream in(path);
  std::string first;
  std::getline(in, first);
  EXPECT_EQ(first, "# cpu: some");
}

TEST(ResultFileTest, AFileOfOtherColumnsOrCutShortIsRefused) {
  tessera::testing::TempDir dir;
  const std::string path = dir.path() + "/r.csv";
  std::ofstream(path) << "a,b\n1,2\n";
  EXPECT_NE(MessageOf(ResultFile::Open(path, {}).status()).find("other columns"),
            std::string::npos);
  std::ofstream(path) << CsvTop({}) << "tessera,wor";
  EXPECT_NE(MessageOf(ResultFile::Open(path, {}).status()).find("cut short"), std::string::npos);
}

TEST(LadderOptionsTest, ErrorsNameTheOption) {
  const auto error = [](std::vector<std::string> more) {
    std::vector<std::string> args = {"--base", "a/b.fvecs", "--queries", "q.fvecs", "--truth",
                                     "t.ivecs", "--spec", "PQ8x8", "--csv", "o.csv"};
    args.insert(args.end(), more.begin(), more.end());
    std::string help;
    const auto options = ParseLadderOptions(args, help);
    return options.ok() ? "" : MessageOf(options.status());
  };
  EXPECT_EQ(error({}), "");
  EXPECT_NE(error({"--metric", "l7"}).find("--metric"), std::string::npos);
  EXPECT_NE(error({"--k", "5"}).find("--k"), std::string::npos);
  EXPECT_NE(error({"--depth", "50"}).find("--depth"), std::string::npos);
  EXPECT_NE(error({"--pick-count", "0"}).find("--pick-count"), std::string::npos);
  EXPECT_NE(error({"--rounds", "0"}).find("--rounds"), std::string::npos);
}

TEST(LadderOptionsTest, SpeedAndRecallOnlyAreOneSwitch) {
  for (const bool speed : {false, true}) {
    std::string help;
    const auto options = ParseLadderOptions(
        {"--base", "set/b.fvecs", "--queries", "q", "--truth", "t", "--spec", "PQ8x8", "--spec",
         "PQ4x8", "--csv", "o.csv", speed ? "--speed" : "--recall-only"},
        help);
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->speed, speed);
    EXPECT_EQ(options->specs.size(), 2u);
    EXPECT_EQ(options->run.name, "set");
  }
}

}  // namespace
}  // namespace tessera::bench

// tessera evaluate, of collections and of files.
#include <signal.h>

#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliEvaluate : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    base_ = Write("base.fvecs", Fvecs(MakeRows(3000, 16)));
  }
  static bool Contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  static size_t Lines(const std::string& text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  std::string base_;
};

TEST_F(CliEvaluate, ACollectionAndAFileGiveTheSameKindOfTable) {
  Good({"load", "ev", base_, "--create", "--no-auto-train"});
  const std::vector<std::string> words = {"--specs", "IVF8,PQ4; IVF8,PQ8,Refine(SQ8)", "--nprobe",
                                          "1,8"};
  for (const bool file : {false, true}) {
    std::vector<std::string> all = {"evaluate", file ? base_ : "ev"};
    if (file) all.insert(all.end(), {"--server", "127.0.0.1:1"});
    all.insert(all.end(), words.begin(), words.end());
    const std::string out = Good(all).out;
    EXPECT_TRUE(Contains(out, "recall@10 of 300 queries on 2,700 rows")) << out;
    EXPECT_TRUE(Contains(out, "IVF8,PQ4x8")) << out;
    EXPECT_TRUE(Contains(out, "IVF8,PQ8x8,Refine(SQ8)")) << out;
    EXPECT_TRUE(Contains(out, "probe loss")) << out;
    EXPECT_TRUE(Contains(out, "scan rows/s")) << out;
  }
  Good({"collection", "delete", "ev", "-y"});
}

TEST_F(CliEvaluate, JsonAndCsv) {
  const std::string json =
      Good({"evaluate", base_, "--specs", "IVF8,PQ4;IVF9999,PQ4", "--json"}).out;
  EXPECT_EQ(json.find("{\"k\":10,\"rows\":2700,\"queries\":300,"), 0u) << json;
  EXPECT_TRUE(Contains(json, "\"code_bytes\":5,")) << json;
  EXPECT_TRUE(Contains(json, "\"error\":\"training IVF9999,PQ4x8 needs at least 9999 rows")) << json;
  const std::string csv =
      Good({"evaluate", base_, "--specs", "IVF8,PQ4;IVF9999,PQ4", "--nprobe", "1,2", "--csv"}).out;
  ASSERT_EQ(Lines(csv), 4u) << csv;  // header, two of the one, one of the other
  const size_t commas = static_cast<size_t>(std::count(csv.begin(), csv.begin() + csv.find('\n'), ','));
  EXPECT_EQ(commas, 27u);
  const std::string last = csv.substr(csv.rfind('\n', csv.size() - 2) + 1);
  EXPECT_EQ(last.find("\"IVF9999,PQ4x8\",\"training"), 0u) << last;
}

TEST_F(CliEvaluate, ARangeOfBytesAndQueriesFromAFile) {
  const std::string queries = Write("query.fvecs", Fvecs(MakeRows(50, 16, 2)));
  const std::string out = Good({"evaluate", base_, "--bytes", "3", "--queries", queries, "-k", "5",
                                "--metric", "cosine", "--sample", "1500"}).out;
  EXPECT_TRUE(Contains(out, "recall@5 of 50 queries on 1,500 rows")) << out;
  EXPECT_TRUE(Contains(out, "PQ2x8")) << out;
}

TEST_F(CliEvaluate, ErrorsAreOneLineThatHelps) {
  Finished run = Bad(1, {"evaluate", base_});
  EXPECT_TRUE(Contains(run.err, "--specs 'OPQ,IVF,PQ16;IVF,PQ32' or --bytes 8..64")) << run.err;
  run = Bad(1, {"evaluate", "nothere", "--specs", "PQ4"});
  EXPECT_TRUE(Contains(run.err, "\"nothere\" is no file here either")) << run.err;
  const std::string few = Write("few.fvecs", Fvecs(MakeRows(500, 16)));
  run = Bad(1, {"evaluate", few, "--specs", "PQ4"});
  EXPECT_TRUE(Contains(run.err, "at least 1000 rows, there are 500")) << run.err;
  const std::string wide = Write("wide.fvecs", Fvecs(MakeRows(5, 17)));
  run = Bad(1, {"evaluate", base_, "--specs", "PQ4", "--queries", wide});
  EXPECT_TRUE(Contains(run.err, "17")) << run.err;
  EXPECT_EQ(Run({"evaluate", base_, "--specs", "PX4"}).code, 2);
  EXPECT_EQ(Run({"evaluate", base_, "--bytes", "64..8"}).code, 2);
  EXPECT_EQ(Run({"evaluate", base_, "--bytes", "8", "--specs", "PQ4"}).code, 2);
}

TEST_F(CliEvaluate, HelpTellsEvalAndEvaluateApart) {
  EXPECT_TRUE(Contains(Good({"evaluate", "--help"}).out, "`tessera eval`"));
  EXPECT_TRUE(Contains(Good({"eval", "--help"}).out, "`tessera evaluate`"));
}

TEST_F(CliEvaluate, AnInterruptCancelsTheWorkInTheServer) {
  Good({"load", "evint", base_, "--create", "--no-auto-train"});
  std::string specs = "OPQ,IVF16,PQ8";
  for (int i = 0; i < 200; ++i) specs += ";OPQ,IVF16,PQ8";
  const auto running = Start({"evaluate", "evint", "--specs", specs});
  // Until the server knows the operation.
  while (!Contains(Good({"operation", "list"}).out, "evint")) {
  }
  running->Signal(SIGINT);
  const Finished finished = running->Wait();
  EXPECT_EQ(finished.code, 130) << finished.err;
  EXPECT_TRUE(Contains(finished.err, "interrupted")) << finished.err;
  EXPECT_TRUE(Contains(Good({"operation", "list"}).out, "failed: cancelled"));
  Good({"collection", "delete", "evint", "-y"});
}

}  // namespace
}  // namespace tessera::e2e

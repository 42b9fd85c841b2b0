// tessera train, query, eval, get, delete, operation.
#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

constexpr size_t kRows = 4000;

class CliSearch : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    rows_ = MakeRows(kRows, 16);
    base_ = Write("base.fvecs", Fvecs(rows_));
    Good({"load", "c", base_, "--create", "--no-auto-train", "--quantizer",
          "IVF16,PQ8x8,Refine(SQ8)"});
    queries_ = Write("q.fvecs", Fvecs(Rows(rows_.begin(), rows_.begin() + 50)));
  }

  Rows rows_;
  std::string base_;
  std::string queries_;
};

// The number behind "name": in a JSON text, the first one.
double JsonNumber(const std::string& json, const std::string& name) {
  const size_t at = json.find("\"" + name + "\":");
  return at == std::string::npos ? -1 : std::strtod(json.c_str() + at + name.size() + 3, nullptr);
}

TEST_F(CliSearch, UntrainedAnswersAreExact) {
  const std::string result =
      Good({"query", "c", "--file", base_, "--row", "3", "-k", "2", "--json"}).out;
  EXPECT_EQ(result.find("{\"hits\":[{\"id\":3,\"score\":0,\"exact\":true}"), 0u) << result;
  const std::string eval = Good({"eval", "c", queries_, "--json"}).out;
  EXPECT_EQ(JsonNumber(eval, "recall"), 1.0) << eval;
}

TEST_F(CliSearch, RecallIsAskedFor) {
  Good({"train", "c"});
  const std::string curve = Good({"tune", "c", "--queries", queries_}).out;
  EXPECT_NE(curve.find("measured on 50 queries (given) of 4,000 rows"), std::string::npos) << curve;
  const std::string json = Good({"tune", "c", "--json"}).out;
  EXPECT_EQ(JsonNumber(json, "generation"), 1) << json;
  EXPECT_NE(json.find("\"source\":\"rows\""), std::string::npos) << json;
  EXPECT_GT(JsonNumber(json, "cpu_us"), 0) << json;

  const std::string asked = Good({"query", "c", "--id", "3", "--target-recall", "0.9"}).out;
  EXPECT_NE(asked.find("recall 0.900 asked: nprobe "), std::string::npos) << asked;
  EXPECT_NE(asked.find("estimate 0.9"), std::string::npos) << asked;
  const std::string all = Good({"query", "c", "--id", "3", "--target-recall", "1", "--json"}).out;
  EXPECT_NE(all.find("\"exact\":true"), std::string::npos) << all;
  EXPECT_NE(all.find("\"recall_estimate\":{\"value\":1,"), std::string::npos) << all;
  const std::string eval = Good({"eval", "c", queries_, "--target-recall", "0.8,0.95", "--json"}).out;
  EXPECT_GT(JsonNumber(eval, "recall"), 0.75) << eval;
  const std::string results = eval.substr(eval.find("\"results\""));  // the collection has a goal of that name
  EXPECT_NEAR(JsonNumber(results, "target_recall"), 0.8, 1e-6) << eval;
  Bad(1, {"query", "c", "--id", "3", "--target-recall", "1.5"});
  Bad(1, {"query", "c", "--id", "3", "--target-recall", "0.9", "--nprobe", "4"});
  EXPECT_NE(Good({"collection", "show", "c"}).out.find("recall curve    measured on "), std::string::npos);
}

TEST_F(CliSearch, LiveRecallIsShown) {
  Good({"load", "live", base_, "--create", "--no-auto-train", "--quantizer", "IVF16,PQ8x8,Refine(SQ8)"});
  EXPECT_EQ(Good({"collection", "show", "live"}).out.find("live recall"), std::string::npos) << "off by default";
  Good({"collection", "create", "watched", "--dim", "16", "--no-auto-train", "--quantizer",
        "IVF16,PQ8x8,Refine(SQ8)", "--recall-sampling", "1", "--query-sample", "100"});
  Good({"load", "watched", base_});
  Good({"train", "watched"});
  Good({"tune", "watched"});  // behind it the background is idle
  EXPECT_NE(Good({"collection", "show", "watched"}).out.find("no query run again yet"), std::string::npos);
  Good({"query", "watched", "--file", base_, "--row", "3"});
  std::string shown;
  for (int i = 0; i < 500 && shown.find(" over 1 queries") == std::string::npos; ++i) {
    shown = Good({"collection", "show", "watched"}).out;
  }
  EXPECT_NE(shown.find(" over 1 queries"), std::string::npos) << shown;
  EXPECT_NE(Good({"collection", "show", "watched", "--json"}).out.find("\"probe_loss\":"), std::string::npos);
}

TEST_F(CliSearch, TrainQueryAndEvaluate) {
  const Finished train = Good({"train", "c"});
  EXPECT_NE(train.err.find("trained c in "), std::string::npos) << train.err;
  EXPECT_NE(Good({"collection", "list"}).out.find("serving"), std::string::npos);
  EXPECT_NE(Good({"operation", "list"}).out.find("done"), std::string::npos);

  const std::string by_id = Good({"query", "c", "--id", "3", "-k", "3"}).out;
  EXPECT_EQ(by_id.find("\n1     3 "), std::string::npos) << "itself is left out\n" << by_id;
  const Finished explained = Good({"query", "c", "--file", base_, "--row", "3", "-k", "1",
                                   "--rerank", "raw:50", "--explain", "--with-vector"});
  EXPECT_NE(explained.out.find("yes"), std::string::npos) << explained.out;
  EXPECT_NE(explained.out.find("rows scanned"), std::string::npos) << explained.out;

  const Finished table = Good({"eval", "c", queries_, "--nprobe", "1,16", "--rerank",
                               "none,refine,raw:100", "--save-ground-truth", Path("gt.ivecs")});
  EXPECT_NE(table.out.find("recall@10"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("of the true k nearest"), std::string::npos) << "the definition";
  EXPECT_NE(table.out.find("bytes/vector"), std::string::npos) << table.out;
  const std::string csv = Good({"eval", "c", queries_, "--nprobe", "16", "--rerank", "raw:200",
                                "--csv", "--ground-truth", Path("gt.ivecs")})
                              .out;
  EXPECT_NE(csv.find(",raw,16,200,1.000000,1.000000,"), std::string::npos) << csv;
  const std::string json =
      Good({"eval", "c", queries_, "--nprobe", "16", "--rerank", "none", "--json"}).out;
  EXPECT_GT(JsonNumber(json, "recall"), 0.4) << json;
  EXPECT_GT(JsonNumber(json, "qps"), 0) << json;
  EXPECT_GT(JsonNumber(json, "p99_us"), 0) << json;
}

TEST_F(CliSearch, BadQueriesAreErrors) {
  EXPECT_NE(Bad(1, {"query", "c", "--vector", "[1, 2]"}).err.find("16"), std::string::npos);
  Bad(1, {"query", "c", "--id", "999999"});
  Bad(1, {"query", "c", "--id", "1", "-k", "0"});
  Bad(1, {"query", "c", "--id", "1", "-k", "1000000000"});
  EXPECT_NE(Bad(1, {"query", "c", "--file", base_, "--row", "4000"}).err.find("base.fvecs"),
            std::string::npos);
  const auto narrow = Write("narrow.fvecs", Fvecs(MakeRows(3, 8)));
  Bad(1, {"eval", "c", narrow});
  Bad(1, {"eval", "c", Write("empty.fvecs", "")});
  EXPECT_NE(Bad(1, {"eval", "c", queries_, "--ground-truth", base_}).err.find("tessera: "),
            std::string::npos);
}

TEST_F(CliSearch, GetDeleteCount) {
  EXPECT_EQ(Count("c"), kRows);
  Good({"delete", "c", "0", "1", "1", "77777"});
  EXPECT_EQ(Count("c"), kRows - 2);
  const Finished get = Bad(1, {"get", "c", "0", "2"});
  EXPECT_NE(get.out.find("{\"id\":2,"), std::string::npos) << "what is there is printed";
  EXPECT_NE(get.err.find("not in c: 0"), std::string::npos) << get.err;
  // What get prints, load reads.
  const auto line = Write("one.jsonl", get.out);
  Good({"load", "d", line, "--create"});
  EXPECT_EQ(Good({"get", "d", "2"}).out.find(get.out.substr(0, get.out.find("\"version\""))), 0u);
}

TEST_F(CliSearch, NoWaitPrintsTheOperation) {
  const std::string line = Good({"train", "c", "--no-wait"}).out;
  EXPECT_EQ(line.find("operations/"), 0u) << line;
  const std::string name = line.substr(0, line.size() - 1);
  Good({"operation", "wait", name});
  EXPECT_NE(Good({"operation", "cancel", name}).err.find("ended already"), std::string::npos);
  Bad(1, {"operation", "wait", "999999"});
}

TEST_F(CliSearch, TooFewRowsCannotBeTrained) {
  const auto few = Write("few.fvecs", Fvecs(MakeRows(1, 4)));
  Good({"load", "few", few, "--create", "--quantizer", "IVF4096,PQ4x8"});
  Bad(1, {"train", "few", "--seed", "1"});
}

}  // namespace
}  // namespace tessera::e2e

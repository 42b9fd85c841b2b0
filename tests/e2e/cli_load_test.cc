// tessera load: what it takes, what it leaves out and says.
#include <cmath>

#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliLoad : public CliTest {
 protected:
  bool Says(const Finished& finished, const std::string& text) {
    return finished.err.find(text) != std::string::npos;
  }
};

TEST_F(CliLoad, CreatesLoadsAndAsksForNoMore) {
  const auto base = Write("base.fvecs", Fvecs(MakeRows(1000, 8)));
  const Finished load = Good({"load", "c", base, "--create", "--metric", "cosine"});
  EXPECT_TRUE(Says(load, "created c: 8 dimensions, cosine")) << load.err;
  EXPECT_TRUE(Says(load, "loaded 1,000 rows into c")) << load.err;
  EXPECT_EQ(load.out, "");
  EXPECT_EQ(Count("c"), 1000u);
  // Again: every id is replaced by itself.
  Good({"load", "c", base, "--create"});
  EXPECT_EQ(Count("c"), 1000u);
  EXPECT_TRUE(Says(Bad(1, {"load", "c", base, "--create", "--metric", "l2"}), "metric cosine"));
}

TEST_F(CliLoad, WithoutTheCollectionItSaysHowToMakeIt) {
  const auto base = Write("base.fvecs", Fvecs(MakeRows(10, 8)));
  EXPECT_TRUE(Says(Bad(1, {"load", "c", base}), "no collection c; --create makes it"));
  EXPECT_TRUE(Says(Bad(1, {"load", "c", Path("none.fvecs"), "--create"}), "none.fvecs"));
  EXPECT_EQ(Good({"collection", "list"}).out.find("\nc "), std::string::npos)
      << "a load that cannot begin makes no collection";
}

TEST_F(CliLoad, NaNAndInfinityAreReportedByRowAndTheRestGoesOn) {
  Rows rows = MakeRows(3000, 8);
  rows[17][3] = NAN;
  rows[2222][0] = -INFINITY;
  const auto base = Write("base.fvecs", Fvecs(rows));
  const Finished load = Good({"load", "c", base, "--create", "--batch", "100", "--bad-rows",
                              Path("bad.tsv"), "--json"});
  EXPECT_TRUE(Says(load, "base.fvecs row 17: vector[3] is NaN")) << load.err;
  EXPECT_TRUE(Says(load, "base.fvecs row 2222: vector[0] is ")) << load.err;
  EXPECT_NE(load.out.find("\"loaded\":2998,\"rejected\":2"), std::string::npos) << load.out;
  EXPECT_EQ(Count("c"), 2998u);
  const std::string bad = Read(Path("bad.tsv"));
  EXPECT_NE(bad.find(base + "\t17\t"), std::string::npos) << bad;
  EXPECT_NE(bad.find(base + "\t2222\t"), std::string::npos) << bad;
  // The rows around a bad one kept their ids.
  EXPECT_EQ(Run({"get", "c", "17"}).code, 1);
  EXPECT_NE(Good({"get", "c", "18"}).out.find("{\"id\":18,\"vector\":["), std::string::npos);
}

TEST_F(CliLoad, TooManyBadRowsStopIt) {
  Rows rows = MakeRows(100, 4);
  for (size_t i = 0; i < 20; ++i) rows[i][0] = NAN;
  const auto base = Write("base.fvecs", Fvecs(rows));
  const Finished load = Bad(1, {"load", "c", base, "--create", "--max-bad", "5"});
  EXPECT_TRUE(Says(load, "more than 5 bad rows")) << load.err;
  EXPECT_TRUE(Says(load, "bad rows: 10 more")) << load.err;
  EXPECT_EQ(Run({"load", "c", base, "--max-bad", "20", "--no-resume"}).code, 0);
  EXPECT_EQ(Count("c"), 80u);
}

TEST_F(CliLoad, AWrongDimensionIsRefusedBeforeARowIsSent) {
  Good({"collection", "create", "c", "--dim", "4"});
  const auto base = Write("base.fvecs", Fvecs(MakeRows(10, 8)));
  const Finished load = Bad(1, {"load", "c", base});
  EXPECT_TRUE(Says(load, "8") && Says(load, "4")) << load.err;
  EXPECT_EQ(Count("c"), 0u);
}

TEST_F(CliLoad, ATruncatedFileGivesItsWholeRowsAndAnError) {
  std::string bytes = Fvecs(MakeRows(100, 8));
  bytes.resize(bytes.size() - 5);
  const auto base = Write("base.fvecs", bytes);
  const Finished load = Bad(1, {"load", "c", base, "--create"});
  EXPECT_TRUE(Says(load, "base.fvecs")) << load.err;
  EXPECT_EQ(Count("c"), 99u);
}

TEST_F(CliLoad, JsonLinesWithFaultsAndStringIds) {
  const auto file = Write("v.jsonl",
                          "{\"id\": \"a\", \"vector\": [1, 2]}\n"
                          "{\"id\": \"b\", \"vector\": [1, \"2\"]}\n"
                          "{\"id\": \"c\", \"vector\": [1, 2, 3]}\n"
                          "not json\n"
                          "{\"id\": \"d\", \"vector\": [3, 4]}\n");
  const Finished load = Good({"load", "c", file, "--create"});
  EXPECT_TRUE(Says(load, "line 2: vector[1] is a string")) << load.err;
  EXPECT_TRUE(Says(load, "line 3")) << load.err;
  EXPECT_TRUE(Says(load, "line 4")) << load.err;
  EXPECT_TRUE(Says(load, "loaded 2 rows into c")) << load.err;
  EXPECT_EQ(Good({"get", "c", "d"}).out.substr(0, 25), "{\"id\":\"d\",\"vector\":[3,4],");
}

TEST_F(CliLoad, TheSameIdTwiceInOneBatchIsABadRow) {
  const auto file = Write("v.jsonl",
                          "{\"id\": 7, \"vector\": [1, 2]}\n"
                          "{\"id\": 8, \"vector\": [3, 4]}\n"
                          "{\"id\": 7, \"vector\": [5, 6]}\n");
  const Finished load = Good({"load", "c", file, "--create"});
  EXPECT_TRUE(Says(load, "v.jsonl line 3: ")) << load.err;
  EXPECT_EQ(Count("c"), 2u);
  EXPECT_NE(Good({"get", "c", "7"}).out.find("[1,2]"), std::string::npos);
}

TEST_F(CliLoad, AZeroVectorUnderCosineIsABadRow) {
  const auto base = Write("base.fvecs", Fvecs({{1, 0}, {0, 0}, {0, 1}}));
  const Finished load = Good({"load", "c", base, "--create", "--metric", "cosine"});
  EXPECT_TRUE(Says(load, "base.fvecs row 1: ")) << load.err;
  EXPECT_EQ(Count("c"), 2u);
}

TEST_F(CliLoad, StandardInput) {
  const auto file = Write("v.jsonl", "{\"vector\": [1, 2]}\n{\"vector\": [3, 4]}\n");
  const Finished load = Good({"load", "c", "-", "--create", "--format", "jsonl"}, file);
  EXPECT_TRUE(Says(load, "loaded 2 rows")) << load.err;
  const auto base = Write("base.fvecs", Fvecs(MakeRows(500, 2)));
  Good({"load", "d", "-", "--create", "--format", "fvecs"}, base);
  EXPECT_EQ(Count("d"), 500u);
  Bad(1, {"load", "c", "-"});  // empty
}

TEST_F(CliLoad, SkipLimitAndOffset) {
  const auto a = Write("a.fvecs", Fvecs(MakeRows(10, 2)));
  const auto b = Write("b.fvecs", Fvecs(MakeRows(10, 2, 2)));
  Good({"load", "c", a, b, "--create", "--skip", "8", "--limit", "4", "--id-offset", "100"});
  EXPECT_EQ(Count("c"), 4u);
  Good({"get", "c", "108", "109", "110", "111"});
  EXPECT_EQ(Run({"get", "c", "112"}).code, 1);
}

}  // namespace
}  // namespace tessera::e2e

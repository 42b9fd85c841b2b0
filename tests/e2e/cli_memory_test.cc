// tessera collection create, show and update with a memory limit.
#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliMemory : public CliTest {
 protected:
  static bool Contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
};

TEST_F(CliMemory, LimitsAreSetShownKeptAndRaised) {
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(2000, 16)));
  Good({"collection", "create", "m", "--dim", "16", "--no-auto-train", "--memory-limit", "100KiB"});
  const Finished refused = Run({"load", "m", base});
  EXPECT_NE(refused.code, 0);
  EXPECT_TRUE(Contains(refused.err, "of the collection's memory limit, 102400 bytes")) << refused.err;
  const std::string shown = Good({"collection", "show", "m"}).out;
  EXPECT_TRUE(Contains(shown, " used of 100.0 KiB")) << shown;
  EXPECT_TRUE(Contains(shown, "refused, the last: collection \"m\"")) << shown;
  EXPECT_TRUE(Contains(Good({"collection", "show", "m", "--json"}).out, "\"memory_budget\":{\"limit\":102400,"));
  EXPECT_TRUE(Contains(Good({"collection", "update", "m", "--memory-limit", "1MiB"}).err, "memory limit 1.0 MiB"));
  Good({"load", "m", base});
  EXPECT_TRUE(Contains(Good({"collection", "update", "m", "--memory-limit", "none"}).err, "memory limit none"));
  EXPECT_TRUE(Contains(Good({"collection", "show", "m"}).out, " used, no limit"));
  Good({"collection", "delete", "m", "-y"});
}

TEST_F(CliMemory, RefineRecordsAreLeftOnDisk) {
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(2000, 16)));
  Good({"collection", "create", "r", "--dim", "16", "--no-auto-train", "--quantizer", "IVF8,PQ8,Refine(SQ8)",
        "--refine-on-disk"});
  Good({"load", "r", base});
  Good({"train", "r"});
  EXPECT_TRUE(Contains(Good({"collection", "show", "r"}).out, "refine records  on disk"));
  EXPECT_TRUE(Contains(Good({"collection", "show", "r", "--json"}).out, "\"refine\":0,"));
  Good({"query", "r", "--id", "3", "--rerank", "refine"});
  EXPECT_TRUE(Contains(Good({"collection", "update", "r", "--refine-in-memory"}).err, "refine records in memory"));
  EXPECT_TRUE(Contains(Good({"collection", "show", "r"}).out, "on disk, in memory from the next training"));
  Good({"train", "r"});
  EXPECT_FALSE(Contains(Good({"collection", "show", "r"}).out, "refine records"));
  Good({"collection", "delete", "r", "-y"});
}

TEST_F(CliMemory, ExpectedRowsAreCheckedAgainstTheLimit) {
  const Finished refused = Bad(1, {"collection", "create", "x", "--dim", "16", "--memory-limit", "1MiB",
                                   "--expected-rows", "1000000"});
  EXPECT_TRUE(Contains(refused.err, "raise the limit to at least")) << refused.err;
  EXPECT_EQ(Run({"collection", "create", "x", "--dim", "16", "--memory-limit", "much"}).code, 2);
  EXPECT_EQ(Run({"collection", "update", "x"}).code, 2);
}

}  // namespace
}  // namespace tessera::e2e

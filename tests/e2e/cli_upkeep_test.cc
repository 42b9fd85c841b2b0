// tessera upkeep: against a real server process.
#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

using CliUpkeep = CliTest;

TEST_F(CliUpkeep, ShowsPausesResumesAndLimits) {
  EXPECT_EQ(Good({"upkeep", "show"}).out,
            "background work: runs\nprocessor share of a thread: 0.50\nwrites to disk: no limit\n");
  EXPECT_EQ(Good({"upkeep", "limit", "--cpu-share", "0.25", "--write-rate", "50MiB", "--json"}).out,
            "{\"paused\":false,\"cpu_share\":0.25,\"bytes_per_second\":52428800}\n");
  EXPECT_NE(Good({"upkeep", "pause"}).out.find("background work: paused"), std::string::npos);
  // Held back where it stands, while writes and queries go on.
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(3000, 16)));
  Good({"load", "slow", base, "--create", "--no-auto-train"});
  const std::string operation = Good({"train", "slow", "--quantizer", "IVF8,PQ8x8", "--no-wait"}).out;
  ASSERT_EQ(operation.find("operations/"), 0u) << operation;
  EXPECT_EQ(Count("slow"), 3000u);
  EXPECT_NE(Good({"operation", "list"}).out.find("0 % sample"), std::string::npos);
  EXPECT_NE(Good({"upkeep", "resume"}).out.find("background work: runs"), std::string::npos);
  Good({"operation", "wait", operation.substr(0, operation.find('\n'))});
  EXPECT_NE(Good({"collection", "show", "slow"}).out.find("IVF8,PQ8x8"), std::string::npos);
  EXPECT_NE(Good({"upkeep", "limit", "--write-rate", "none"}).out.find("no limit"), std::string::npos);
  EXPECT_NE(Bad(1, {"upkeep", "limit", "--cpu-share", "0"}).err.find("cpu_share is 0"), std::string::npos);
  Bad(2, {"upkeep", "limit", "--write-rate", "fast"});
  Bad(2, {"upkeep"});
  Good({"upkeep", "limit", "--cpu-share", "0.5"});
  Good({"collection", "delete", "slow", "--yes"});
}

}  // namespace
}  // namespace tessera::e2e

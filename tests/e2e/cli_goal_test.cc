// tessera collection create and load with a goal instead of a quantizer.
#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliGoal : public CliTest {
 protected:
  static bool Contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
};

TEST_F(CliGoal, ShowTellsTheGoalAndHowItWasMet) {
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(2000, 16)));
  const Finished load =
      Good({"load", "goal", base, "--create", "--no-auto-train", "--bytes-per-vector", "6"});
  EXPECT_TRUE(Contains(load.err, "6 bytes a vector, the quantizer is chosen at training")) << load.err;
  Good({"train", "goal"});
  const std::string shown = Good({"collection", "show", "goal"}).out;
  EXPECT_TRUE(Contains(shown, "goal            6 bytes a vector")) << shown;
  EXPECT_TRUE(Contains(shown, "plan: bytes_per_vector 6: ")) << shown;
  EXPECT_TRUE(Contains(shown, "recall@10 from memory")) << shown;
  EXPECT_TRUE(Contains(Good({"collection", "show", "goal", "--json"}).out, "\"bytes_per_vector\":6,"));
  Good({"collection", "delete", "goal", "-y"});
}

TEST_F(CliGoal, MemoryBudgetsHaveUnits) {
  const Finished made = Good({"collection", "create", "budget", "--dim", "8", "--memory-budget",
                              "64MiB", "--expected-rows", "1000000"});
  EXPECT_TRUE(Contains(made.err, "64.0 MiB for 1,000,000 vectors")) << made.err;
  Good({"collection", "delete", "budget", "-y"});
  const Finished refused = Bad(1, {"collection", "create", "budget", "--dim", "8", "--memory-budget",
                                   "1MiB", "--expected-rows", "1000000"});
  EXPECT_TRUE(Contains(refused.err, "take at least")) << refused.err;
}

TEST_F(CliGoal, OneGoalAndNoQuantizerBeside) {
  const std::vector<std::string> create = {"collection", "create", "x", "--dim", "8"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = create;
    words.insert(words.end(), more.begin(), more.end());
    return Run(words).code;
  };
  EXPECT_EQ(with({"--bytes-per-vector", "8", "--quantizer", "PQ4"}), 2);
  EXPECT_EQ(with({"--bytes-per-vector", "8", "--target-recall", "0.9"}), 2);
  EXPECT_EQ(with({"--memory-budget", "4GiB"}), 2);
  EXPECT_EQ(with({"--memory-budget", "4XiB", "--expected-rows", "5"}), 2);
}

}  // namespace
}  // namespace tessera::e2e

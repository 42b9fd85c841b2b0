// A load that is interrupted and goes on.
#include <signal.h>

#include <cstdlib>
#include <filesystem>

#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

constexpr size_t kRows = 60000;

class CliResume : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    base_ = Write("base.fvecs", Fvecs(MakeRows(kRows, 4)));
    Good({"collection", "create", "c", "--dim", "4", "--no-auto-train"});
    // Small requests, so that the load is long enough to be interrupted.
    load_ = {"load", "c", base_, "--batch", "16", "--in-flight", "2"};
  }

  // Starts the load and interrupts it when the server has some rows.
  Finished Interrupt() {
    auto child = Start(load_);
    while (Count("c") < 200) {
    }
    child->Signal(SIGINT);
    return child->Wait();
  }

  std::string base_;
  std::vector<std::string> load_;
};

TEST_F(CliResume, CtrlCSavesTheStateAndTheSameCommandGoesOn) {
  const Finished first = Interrupt();
  EXPECT_EQ(first.code, 130) << first.err;
  EXPECT_NE(first.err.find("the same command goes on"), std::string::npos) << first.err;
  EXPECT_NE(first.err.find("tessera: interrupted"), std::string::npos) << first.err;
  const uint64_t loaded = Count("c");
  EXPECT_LT(loaded, kRows);

  const Finished second = Good({"load", "c", base_, "--json"});
  EXPECT_NE(second.err.find("going on behind "), std::string::npos) << second.err;
  EXPECT_EQ(Count("c"), kRows);
  // What was acknowledged in the first run was not sent again.
  EXPECT_NE(second.out.find("\"loaded\":" + std::to_string(kRows - loaded) + ","),
            std::string::npos)
      << second.out;
  // Each row has its own vector: the last one is the file's last one.
  Good({"get", "c", std::to_string(kRows - 1)});
  EXPECT_TRUE(std::filesystem::is_empty(Path("state/tessera"))) << "dropped at the end";
}

TEST_F(CliResume, ACollectionMadeAnewIsLoadedFromTheFirstRow) {
  ASSERT_EQ(Interrupt().code, 130);
  Good({"collection", "delete", "c"});
  Good({"collection", "create", "c", "--dim", "4", "--no-auto-train"});
  const Finished second = Good({"load", "c", base_});
  EXPECT_NE(second.err.find("starting at the first row"), std::string::npos) << second.err;
  EXPECT_EQ(Count("c"), kRows);
}

TEST_F(CliResume, AChangedFileIsLoadedFromTheFirstRow) {
  ASSERT_EQ(Interrupt().code, 130);
  Write("base.fvecs", Fvecs(MakeRows(1000, 4, 9)));
  const Finished second = Good({"load", "c", base_, "--json"});
  EXPECT_NE(second.out.find("\"loaded\":1000,"), std::string::npos) << second.out;
}

TEST_F(CliResume, NoResumeStartsAtTheFirstRow) {
  ASSERT_EQ(Interrupt().code, 130);
  const Finished second = Good({"load", "c", base_, "--no-resume", "--json"});
  EXPECT_NE(second.out.find("\"loaded\":" + std::to_string(kRows)), std::string::npos)
      << second.out;
  EXPECT_EQ(Count("c"), kRows);
}

TEST_F(CliResume, AKilledServerThatComesBackIsWaitedFor) {
  auto server = std::make_unique<ServerProcess>(folder_);
  const std::string address = server->address();
  const std::vector<std::string> at = {"--server", address};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.begin(), at.begin(), at.end());
    return words;
  };
  Good(with({"collection", "create", "c", "--dim", "4", "--no-auto-train"}));
  auto child = Start(with(load_));
  while (std::strtoull(Good(with({"count", "c"})).out.c_str(), nullptr, 10) < 200) {
  }
  server->Stop(SIGKILL);
  server = std::make_unique<ServerProcess>(folder_, address);
  const Finished load = child->Wait();
  EXPECT_EQ(load.code, 0) << load.err;
  EXPECT_NE(load.err.find("loaded 60,000 rows"), std::string::npos) << load.err;
  EXPECT_EQ(Good(with({"count", "c"})).out, "60000\n");
}

TEST_F(CliResume, AServerThatStaysAwayIsGivenUpAndTheLoadGoesOnLater) {
  auto server = std::make_unique<ServerProcess>(folder_);
  const std::string address = server->address();
  Good({"--server", address, "collection", "create", "c", "--dim", "4", "--no-auto-train"});
  std::vector<std::string> words = load_;
  words.insert(words.end(), {"--retries", "1", "--server", address});
  auto child = Start(words);
  while (std::strtoull(Good({"count", "c", "--server", address}).out.c_str(), nullptr, 10) < 200) {
  }
  server->Stop(SIGKILL);
  const Finished first = child->Wait();
  EXPECT_EQ(first.code, 1) << first.err;
  EXPECT_NE(first.err.find("cannot reach the server at " + address), std::string::npos)
      << first.err;
  server = std::make_unique<ServerProcess>(folder_, address);
  const Finished second = Good(words);
  EXPECT_NE(second.err.find("going on behind"), std::string::npos) << second.err;
  EXPECT_EQ(Good({"count", "c", "--server", address}).out, "60000\n");
}

}  // namespace
}  // namespace tessera::e2e

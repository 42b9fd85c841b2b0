#include "client/cli/load_state.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tessera::cli {
namespace {

LoadState Sample() {
  LoadState state;
  state.identity = "server a:1\ninput /x bytes 5\n";
  state.position = {1, 2000, 30000};
  state.loaded = 31990;
  state.rejected = 10;
  state.commit = 77;
  state.last_id = PointId(31999);
  return state;
}

class LoadStateTest : public testing::Test {
 protected:
  LoadStateTest() : folder_(testing::TempDir() + "load_state_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~LoadStateTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST(LoadStateText, RoundTrips) {
  LoadState state = Sample();
  EXPECT_EQ(*ParseLoadState(FormatLoadState(state)), state);
  state.last_id = PointId(std::string("k\n\0\xff", 4));
  EXPECT_EQ(*ParseLoadState(FormatLoadState(state)), state);
  state.last_id.reset();
  EXPECT_EQ(*ParseLoadState(FormatLoadState(state)), state);
}

TEST(LoadStateText, EveryTruncationIsRefused) {
  const std::string text = FormatLoadState(Sample());
  // Without the last line end it is still whole.
  for (size_t n = 0; n + 1 < text.size(); ++n) {
    EXPECT_FALSE(ParseLoadState(text.substr(0, n)).ok()) << n;
  }
}

TEST(LoadStateText, NonsenseIsRefused) {
  EXPECT_FALSE(ParseLoadState("hello\n").ok());
  std::string text = FormatLoadState(Sample());
  text.replace(text.find("row 2000"), 8, "row -200");
  EXPECT_FALSE(ParseLoadState(text).ok());
}

TEST_F(LoadStateTest, IsWrittenReplacedAndRemoved) {
  const std::string path = folder_ + "/deep/er/state";
  EXPECT_TRUE(absl::IsNotFound(ReadLoadState(path).status()));
  LoadState state = Sample();
  ASSERT_TRUE(WriteLoadState(path, state).ok());
  state.position.row = 4000;
  ASSERT_TRUE(WriteLoadState(path, state).ok());
  EXPECT_EQ(*ReadLoadState(path), state);
  RemoveLoadState(path);
  EXPECT_TRUE(absl::IsNotFound(ReadLoadState(path).status()));
}

TEST_F(LoadStateTest, IdentityChangesWithTheFileAndTheOptions) {
  const std::string path = folder_ + "/base.fvecs";
  std::ofstream(path) << "12345";
  const std::string before = LoadIdentity({"collection c"}, {path});
  EXPECT_FALSE(before.empty());
  EXPECT_EQ(LoadIdentity({"collection c"}, {path}), before);
  EXPECT_NE(LoadIdentity({"collection d"}, {path}), before);
  std::ofstream(path, std::ios::app) << "6";
  EXPECT_NE(LoadIdentity({"collection c"}, {path}), before);
}

TEST_F(LoadStateTest, WhatCannotBeReadAgainHasNoIdentity) {
  EXPECT_EQ(LoadIdentity({}, {"-"}), "");
  EXPECT_EQ(LoadIdentity({}, {"/dev/null"}), "");
  EXPECT_EQ(LoadIdentity({}, {folder_ + "/missing"}), "");
}

TEST(LoadStatePath, FollowsTheEnvironment) {
  setenv("XDG_STATE_HOME", "/state", 1);
  const std::string path = DefaultLoadStatePath("a");
  EXPECT_EQ(path.substr(0, 20), "/state/tessera/load-");
  EXPECT_NE(DefaultLoadStatePath("b"), path);
  unsetenv("XDG_STATE_HOME");
  setenv("HOME", "/home/u", 1);
  EXPECT_EQ(DefaultLoadStatePath("a").rfind("/home/u/.local/state/tessera/load-", 0), 0u);
  unsetenv("HOME");
  EXPECT_EQ(DefaultLoadStatePath("a"), "");
}

}  // namespace
}  // namespace tessera::cli

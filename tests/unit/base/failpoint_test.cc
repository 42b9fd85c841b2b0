#include "index/base/failpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace tessera {
namespace {

class FailpointTest : public ::testing::Test {
 protected:
  void TearDown() override { SetFailpoints(""); }
};

TEST_F(FailpointTest, OffUnlessNamed) {
  EXPECT_TRUE(Failpoint("a").ok());
  SetFailpoints("b=error");
  EXPECT_TRUE(Failpoint("a").ok());
}

TEST_F(FailpointTest, ErrorOnceAtTheCount) {
  SetFailpoints("a=error,b=error:3");
  const Status status = Failpoint("a");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(MessageOf(status), "failpoint a");
  EXPECT_TRUE(Failpoint("a").ok());
  EXPECT_TRUE(Failpoint("b").ok());
  EXPECT_TRUE(Failpoint("b").ok());
  EXPECT_FALSE(Failpoint("b").ok());
  EXPECT_TRUE(Failpoint("b").ok());
}

TEST_F(FailpointTest, SetReplacesAll) {
  SetFailpoints("a=error");
  SetFailpoints("b=error");
  EXPECT_TRUE(Failpoint("a").ok());
  SetFailpoints("");
  EXPECT_TRUE(Failpoint("b").ok());
}

TEST_F(FailpointTest, UnknownOrBrokenIsIgnored) {
  SetFailpoints("a=explode,b,=,c=error:0,d=error:x,");
  for (const char* name : {"a", "b", "", "c", "d"}) EXPECT_TRUE(Failpoint(name).ok()) << name;
}

using FailpointDeathTest = FailpointTest;

TEST_F(FailpointDeathTest, KillEndsTheProcess) {
  EXPECT_EXIT(
      {
        SetFailpoints("a=kill:2");
        if (!Failpoint("a").ok()) _exit(1);
        (void)Failpoint("a");
        _exit(2);
      },
      ::testing::KilledBySignal(SIGKILL), "");
}

}  // namespace
}  // namespace tessera

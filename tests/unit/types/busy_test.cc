#include "index/busy.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(BusyTest, IsTheOneThatPasses) {
  const Status busy = Busy("in a moment");
  EXPECT_EQ(busy.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(MessageOf(busy), "in a moment");
  EXPECT_TRUE(IsBusy(busy));
  EXPECT_FALSE(IsBusy(ResourceExhausted("in a moment")));
  EXPECT_FALSE(IsBusy(OkStatus()));
}

}  // namespace
}  // namespace tessera

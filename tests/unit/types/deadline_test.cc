#include "index/deadline.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(StopTokenTest, NeverStopsByDefault) { EXPECT_TRUE(StopToken().Check().ok()); }

TEST(StopTokenTest, DeadlineAndFlag) {
  const auto now = StopToken::Clock::now();
  EXPECT_EQ(StopToken(now - std::chrono::hours(1)).Check().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(StopToken(now + std::chrono::hours(1)).Check().ok());
  const auto flag = std::make_shared<std::atomic<bool>>(false);
  const StopToken token(StopToken::Clock::time_point::max(), flag);
  const StopToken copy = token;
  EXPECT_TRUE(copy.Check().ok());
  *flag = true;
  EXPECT_EQ(token.Check().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(copy.Check().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace tessera

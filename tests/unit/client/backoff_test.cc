#include "client/backoff.h"

#include <gtest/gtest.h>

namespace tessera::client {
namespace {

using std::chrono::milliseconds;

const RetryPolicy kPolicy{.max_attempts = 5,
                          .initial_backoff = milliseconds(100),
                          .max_backoff = milliseconds(1000)};

TEST(Backoff, DoublesUpToTheMaximum) {
  EXPECT_EQ(BackoffDelay(kPolicy, 1, 1.0).count(), 100);
  EXPECT_EQ(BackoffDelay(kPolicy, 2, 1.0).count(), 200);
  EXPECT_EQ(BackoffDelay(kPolicy, 4, 1.0).count(), 800);
  EXPECT_EQ(BackoffDelay(kPolicy, 5, 1.0).count(), 1000);
  EXPECT_EQ(BackoffDelay(kPolicy, 1000000, 1.0).count(), 1000);
}

TEST(Backoff, JitterIsFull) {
  EXPECT_EQ(BackoffDelay(kPolicy, 3, 0.0).count(), 0);
  EXPECT_EQ(BackoffDelay(kPolicy, 3, 0.5).count(), 200);
}

TEST(Backoff, RetriesUnavailableUntilTheAttemptsAreUsedUp) {
  EXPECT_TRUE(RetryDelay(kPolicy, {absl::StatusCode::kUnavailable, {}, 1, true}));
  EXPECT_TRUE(RetryDelay(kPolicy, {absl::StatusCode::kUnavailable, {}, 4, true}));
  EXPECT_FALSE(RetryDelay(kPolicy, {absl::StatusCode::kUnavailable, {}, 5, true}));
}

TEST(Backoff, NeverRepeatsWhatMayDoHarmOrCannotHelp) {
  EXPECT_FALSE(RetryDelay(kPolicy, {absl::StatusCode::kUnavailable, {}, 1, false}));
  for (auto code : {absl::StatusCode::kInvalidArgument, absl::StatusCode::kDeadlineExceeded,
                    absl::StatusCode::kInternal, absl::StatusCode::kNotFound}) {
    EXPECT_FALSE(RetryDelay(kPolicy, {code, milliseconds(1), 1, true}));
  }
}

TEST(Backoff, ResourceExhaustedIsRetriedOnlyWithAHintAndNotBeforeIt) {
  EXPECT_FALSE(RetryDelay(kPolicy, {absl::StatusCode::kResourceExhausted, {}, 1, true}));
  const auto delay =
      RetryDelay(kPolicy, {absl::StatusCode::kResourceExhausted, milliseconds(70), 1, false});
  ASSERT_TRUE(delay);
  EXPECT_GE(delay->count(), 70);
  EXPECT_LE(delay->count(), 170);
}

}  // namespace
}  // namespace tessera::client

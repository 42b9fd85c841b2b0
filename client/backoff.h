// When to try again: the one place that decides about retries.
#pragma once

#include <chrono>
#include <optional>

#include "client/client.h"

namespace tessera::client {

// The wait after failed attempt `attempt` (from 1): uniform x min(max, initial * 2^(attempt-1)),
// uniform in [0, 1).
std::chrono::milliseconds BackoffDelay(const RetryPolicy& policy, int attempt, double uniform);

// What is known of a failed attempt.
struct FailedAttempt {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::optional<std::chrono::milliseconds> server_hint;  // when to come back
  int attempt = 1;                                       // from 1
  bool repeatable = true;                                // repeating does no harm
};

// How long to wait before the next attempt; none: give up. Draws from a random generator of the
// thread.
std::optional<std::chrono::milliseconds> RetryDelay(const RetryPolicy& policy,
                                                    const FailedAttempt& failed);

}  // namespace tessera::client

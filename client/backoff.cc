#include "client/backoff.h"

#include <algorithm>
#include <random>

namespace tessera::client {

using std::chrono::milliseconds;

milliseconds BackoffDelay(const RetryPolicy& policy, int attempt, double uniform) {
  const int doublings = std::clamp(attempt - 1, 0, 30);
  const double ceiling =
      std::min(static_cast<double>(policy.max_backoff.count()),
               static_cast<double>(policy.initial_backoff.count()) * (int64_t{1} << doublings));
  return milliseconds(static_cast<int64_t>(ceiling * uniform));
}

std::optional<milliseconds> RetryDelay(const RetryPolicy& policy, const FailedAttempt& failed) {
  if (failed.attempt >= policy.max_attempts) return std::nullopt;
  if (failed.code == absl::StatusCode::kResourceExhausted) {
    // Refused before anything was done, so harmless even where repeating is not. Without a hint it
    // is a limit (a message too large, say) that the next attempt would meet again.
    if (!failed.server_hint) return std::nullopt;
  } else if (failed.code != absl::StatusCode::kUnavailable || !failed.repeatable) {
    return std::nullopt;
  }
  thread_local std::minstd_rand random{std::random_device{}()};
  const double uniform = std::uniform_real_distribution<double>(0, 1)(random);
  const milliseconds backoff = BackoffDelay(policy, failed.attempt, uniform);
  // Callers who were told the same time would come back all at once: the jitter goes on top.
  return failed.server_hint ? *failed.server_hint + backoff : backoff;
}

}  // namespace tessera::client

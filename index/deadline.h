// "Should I go on?", asked between lists and batches, never inside kernels.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "index/status.h"

namespace tessera {

// A deadline and a cancel flag. Copies share the flag. Thread-safe.
class StopToken {
 public:
  using Clock = std::chrono::steady_clock;

  StopToken() : deadline_(Clock::time_point::max()) {}  // never stops
  explicit StopToken(Clock::time_point deadline,
                     std::shared_ptr<const std::atomic<bool>> cancelled = nullptr)
      : deadline_(deadline), cancelled_(std::move(cancelled)) {}

  // OK, Cancelled or DeadlineExceeded.
  Status Check() const {
    if (cancelled_ && cancelled_->load(std::memory_order_relaxed)) return Cancelled("cancelled");
    if (deadline_ != Clock::time_point::max() && Clock::now() >= deadline_) {
      return DeadlineExceeded("deadline exceeded");
    }
    return OkStatus();
  }

  Clock::time_point deadline() const { return deadline_; }  // max() if there is none

 private:
  Clock::time_point deadline_;
  std::shared_ptr<const std::atomic<bool>> cancelled_;
};

}  // namespace tessera

// A call that answers by a callback, made one that blocks.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

#include "index/status.h"

namespace tessera::engine {

// Waits for one callback. The answer is told under the lock, so that whoever waits may let this go at once.
template <typename T>
class Waiter {
 public:
  void Set(StatusOr<T> value) {
    std::lock_guard lock(mutex_);
    value_ = std::move(value);
    set_ = true;
    ready_.notify_one();
  }
  StatusOr<T> Wait() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return set_; });
    return std::move(value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  StatusOr<T> value_;
  bool set_ = false;
};

}  // namespace tessera::engine

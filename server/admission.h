// How much work is let in at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "index/status.h"

namespace tessera::server {

// Counts requests under way and the bytes of their messages. Thread-safe.
class Admission {
 public:
  Admission(size_t max_requests, size_t max_bytes)
      : max_requests_(max_requests), max_bytes_(max_bytes) {}

  // ResourceExhausted when either count is full: try again later. Unavailable after Close(). Each
  // OK is matched by one Release() of the same bytes.
  Status Admit(size_t bytes);
  void Release(size_t bytes);
  // Refuses from now on; what is under way goes on.
  void Close();
  // Until nothing is under way, or the timeout. Blocks.
  void WaitUntilIdle(std::chrono::milliseconds timeout);

  size_t requests() const;
  uint64_t admitted_total() const;  // ever; tells an idle server from a busy one

 private:
  const size_t max_requests_;
  const size_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  size_t requests_ = 0;
  size_t bytes_ = 0;
  uint64_t total_ = 0;
  bool closed_ = false;
};

}  // namespace tessera::server

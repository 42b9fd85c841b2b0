#include "server/admission.h"

#include <string>

#include "index/busy.h"

namespace tessera::server {

Status Admission::Admit(size_t bytes) {
  std::lock_guard lock(mutex_);
  if (closed_) return Unavailable("the server is shutting down");
  if (requests_ >= max_requests_) {
    return Busy("the server is busy with " + std::to_string(requests_) +
                             " requests, its limit; try again later");
  }
  // One request is always let in: the message limit alone decides how large it may be.
  if (requests_ > 0 && bytes_ + bytes > max_bytes_) {
    return Busy("the server holds " + std::to_string(bytes_) +
                             " bytes of requests, its limit is " + std::to_string(max_bytes_) +
                             "; try again later");
  }
  ++requests_;
  ++total_;
  bytes_ += bytes;
  return OkStatus();
}

void Admission::Release(size_t bytes) {
  std::lock_guard lock(mutex_);
  --requests_;
  bytes_ -= bytes;
  if (requests_ == 0) idle_.notify_all();
}

void Admission::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

void Admission::WaitUntilIdle(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  idle_.wait_for(lock, timeout, [this] { return requests_ == 0; });
}

size_t Admission::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

uint64_t Admission::admitted_total() const {
  std::lock_guard lock(mutex_);
  return total_;
}

}  // namespace tessera::server

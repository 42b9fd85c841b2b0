#include "index/engine/pace.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "index/base/thread_cpu.h"

namespace tessera::engine {
namespace {

// Cancellation has no way to wake who waits.
constexpr auto kLook = std::chrono::milliseconds(20);
// A thread that did other work since it breathed last need not rest for that.
constexpr double kLongestPiece = 0.1;
constexpr int64_t kQuietMs = 1000;  // without a query, after which work need not rest

// Some milliseconds coarse, for some nanoseconds.
int64_t NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

}  // namespace

UpkeepLimits Pace::limits() const {
  std::lock_guard lock(mutex_);
  return limits_;
}

Status Pace::SetLimits(const UpkeepLimits& limits) {
  if (!(limits.cpu_share > 0 && limits.cpu_share <= 1)) {
    return InvalidArgument("cpu_share is " + std::to_string(limits.cpu_share) + ", expected above 0 to 1");
  }
  {
    std::lock_guard lock(mutex_);
    limits_ = limits;
  }
  cpu_share_ = limits.cpu_share;
  if (heard_) heard_(limits);
  return OkStatus();
}

void Pace::OnQuery() { last_query_ms_.store(NowMs(), std::memory_order_relaxed); }

bool Pace::QueriesCome() const { return NowMs() - last_query_ms_.load(std::memory_order_relaxed) < kQuietMs; }

void Pace::Pause() { paused_ = true; }

void Pace::Resume() {
  {
    std::lock_guard lock(mutex_);
    paused_ = false;
  }
  changed_.notify_all();
}

void Pace::Release() {
  {
    std::lock_guard lock(mutex_);
    released_ = true;
  }
  changed_.notify_all();
}

void Pace::Breathe(const std::atomic<bool>& closing, const StopToken& stop) {
  const auto ends = [&] { return released_ || closing || !stop.Check().ok(); };
  if (Waits()) {
    std::unique_lock lock(mutex_);
    while (Waits() && !ends()) changed_.wait_for(lock, kLook);
  }
  const double share = cpu_share_;
  if (share >= 1 || !QueriesCome()) return;
  thread_local double breathed = ThreadCpuSeconds();
  double rest = std::min(ThreadCpuSeconds() - breathed, kLongestPiece) * (1 / share - 1);
  while (rest > 0 && !ends()) {
    const double some = std::min(rest, std::chrono::duration<double>(kLook).count());
    std::this_thread::sleep_for(std::chrono::duration<double>(some));
    rest -= some;
  }
  breathed = ThreadCpuSeconds();
}

}  // namespace tessera::engine

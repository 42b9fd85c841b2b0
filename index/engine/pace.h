// Background work held back: by its share of the processor, or for a while.
#pragma once

#include <atomic>
#include <cstdint>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "index/deadline.h"
#include "index/executor.h"
#include "index/upkeep.h"

namespace tessera::engine {

// One a catalog. Thread-safe.
class Pace final : public Upkeep {
 public:
  UpkeepLimits limits() const override;
  Status SetLimits(const UpkeepLimits& limits) override;
  void Pause() override;
  void Resume() override;
  bool paused() const override { return paused_; }

  // Hears limits as they are set, on the caller's thread. Before any are.
  void OnLimits(std::function<void(const UpkeepLimits&)> heard) { heard_ = std::move(heard); }
  // A query came: the share of the processor counts. Cheap.
  void OnQuery();
  // Nothing waits any more: the catalog is being closed.
  void Release();

  // Between pieces of work, on the thread that does it: rests as long as its share of the processor asks for, waits while
  // paused. Returns soon after `closing` is set or `stop` says so. Never in a turn of the committer, nor with a lock held.
  void Breathe(const std::atomic<bool>& closing, const StopToken& stop);

 private:
  bool QueriesCome() const;
  bool Waits() const { return paused_ && !released_; }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  UpkeepLimits limits_;  // guarded by mutex_
  std::function<void(const UpkeepLimits&)> heard_;
  std::atomic<double> cpu_share_{1};
  std::atomic<bool> paused_{false};
  std::atomic<int64_t> last_query_ms_{INT64_MIN / 2};
  std::atomic<bool> released_{false};
};

// An executor whose pieces keep the pace. Borrows all but the token.
class PacedExecutor final : public Executor {
 public:
  PacedExecutor(Executor& inner, Pace& pace, const std::atomic<bool>& closing, StopToken stop = {})
      : inner_(inner), pace_(pace), closing_(closing), stop_(std::move(stop)) {}
  void Post(std::function<void()> task) override { inner_.Post(std::move(task)); }
  size_t Concurrency() const override { return inner_.Concurrency(); }
  void Breathe() override { pace_.Breathe(closing_, stop_); }

 private:
  Executor& inner_;
  Pace& pace_;
  const std::atomic<bool>& closing_;
  const StopToken stop_;
};

}  // namespace tessera::engine

// What the parts of a collection share. One Core a collection; owned by shared_ptr, since posted tasks
// hold it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "index/collection.h"
#include "index/engine/snapshot.h"
#include "index/executor.h"
#include "index/store/store.h"

namespace tessera::engine {

struct CoreOptions {
  Executor* compute = nullptr;  // never null
  Executor* io = nullptr;       // never null
  bool background = false;      // io has threads of its own: training may start by itself
  size_t commit_queue_bytes = 64u << 20;
  uint64_t untrained_bytes = 4ull << 30;
  uint32_t max_row_id = UINT32_MAX - 1;
};

struct Core {
  std::string name;
  CoreOptions options;
  std::unique_ptr<store::Store> store;
  CurrentSnapshot snapshot;

  uint32_t dim = 0;                // copies of what never changes
  Metric metric = Metric::kL2;
  bool sync_writes = true;
  mutable std::mutex spec_mutex;
  CollectionSpec spec;             // guarded by spec_mutex (training may replace the quantizer)

  // Read-only after a failed write.
  std::atomic<bool> read_only{false};
  mutable std::mutex cause_mutex;
  std::string read_only_cause;     // guarded by cause_mutex

  // Training.
  std::atomic<bool> training{false};
  std::atomic<double> training_fraction{0};
  std::atomic<const char*> training_stage{""};
  std::shared_ptr<std::atomic<bool>> closing = std::make_shared<std::atomic<bool>>(false);

  // Background tasks under way; Close() waits for them.
  std::mutex tasks_mutex;
  std::condition_variable tasks_done;
  size_t tasks = 0;                // guarded by tasks_mutex

  void SetReadOnly(const Status& cause) {
    {
      std::lock_guard lock(cause_mutex);
      if (read_only_cause.empty()) read_only_cause = MessageOf(cause);
    }
    read_only = true;
  }
  Status ReadOnlyStatus() const {
    std::lock_guard lock(cause_mutex);
    return Unavailable("collection \"" + name + "\" is read-only after a failed write: " + read_only_cause);
  }
};

// Counts a task in for as long as it lives.
class TaskGuard {
 public:
  explicit TaskGuard(std::shared_ptr<Core> core) : core_(std::move(core)) {
    std::lock_guard lock(core_->tasks_mutex);
    ++core_->tasks;
  }
  ~TaskGuard() {
    std::lock_guard lock(core_->tasks_mutex);
    if (--core_->tasks == 0) core_->tasks_done.notify_all();
  }
  TaskGuard(const TaskGuard&) = delete;
  TaskGuard& operator=(const TaskGuard&) = delete;

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace tessera::engine

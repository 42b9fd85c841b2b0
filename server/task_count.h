// How many tasks of the services still run, so that what they use can be taken away after the last.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace tessera::server {

// A call may be answered before the task that started it has let go of its collection; the catalog is closed
// only after both. Thread-safe.
class TaskCount {
 public:
  // Held by a task from its posting to its end.
  class Entry {
   public:
    explicit Entry(TaskCount& count) : count_(count) {
      std::lock_guard lock(count_.mutex_);
      ++count_.tasks_;
    }
    ~Entry() {
      std::lock_guard lock(count_.mutex_);
      if (--count_.tasks_ == 0) count_.none_.notify_all();
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    TaskCount& count_;
  };

  void WaitUntilNone() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return tasks_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  size_t tasks_ = 0;
};

}  // namespace tessera::server

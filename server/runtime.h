// Every thread of the server: its pools and one thread for timers.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "index/executor.h"

namespace tessera::server {

// Thread-safe, except Join() and the destructor. Tasks must not throw.
class Runtime {
 public:
  struct Sizes {
    size_t compute = 0;  // 0 = one a core
    size_t io = 4;
    size_t jobs = 2;
  };
  // Also sets OpenBLAS to one thread: its count is process-wide, and a pool of threads inside each
  // task of a pool thrashes. The library never does this, the owner of the process does.
  explicit Runtime(const Sizes& sizes);
  ~Runtime();  // Join()
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  Executor& compute();     // searches, encodes; tasks never wait for other tasks
  Executor& upkeep();      // the same for trainings and evaluations, of low priority
  Executor& io();          // commits and point reads: tasks that wait for the disk
  Executor& admin();       // one thread: creates and drops collections, which waits for their calls
  Executor& jobs();        // trainings asked for: tasks of minutes, of low priority
  // One thread of low priority: trainings and tunings that start by themselves, one at a time, exact runs
  // of live queries.
  Executor& background();
  // Two threads: deletions and patches by filter, removal of what expired: all of them wait for commits on the io pool.
  Executor& waiting();
  // Four threads: backups and restores, archives on their way out and in, which wait for disk and client.
  Executor& backups();
  Executor& streams();     // four threads: replies in many parts, which wait for those who read them

  // A running timer; destroying it cancels, but does not wait for a callback under way. Not to
  // outlive this.
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  // Calls `task` once after `delay`, on the timer thread, where it must be short.
  std::unique_ptr<Timer> After(std::chrono::nanoseconds delay, std::function<void()> task);

  // Ends the threads of backups(), when what was posted is done; before what they work on goes.
  void JoinBackups();
  // Runs all that was posted, then ends the threads. Pending timers are dropped.
  void Join();

 private:
  struct Pools;
  std::unique_ptr<Pools> pools_;
};

}  // namespace tessera::server

// Where work runs. The library owns no threads: it is handed an Executor.
#pragma once

#include <cstddef>
#include <functional>

namespace tessera {

// Thread-safe. Tasks must not throw.
class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `task` at some time, on some thread; may run it before returning (InlineExecutor).
  virtual void Post(std::function<void()> task) = 0;
  // How many tasks can make progress at once, >= 1.
  virtual size_t Concurrency() const = 0;
  // Called by ParallelFor before each block, on the thread that will run it: may hold it back.
  virtual void Breathe() {}
};

// Runs every task at once on the caller's thread: deterministic, for tests and embedded use.
class InlineExecutor final : public Executor {
 public:
  void Post(std::function<void()> task) override { task(); }
  size_t Concurrency() const override { return 1; }
};

// Calls body(begin, end) over [0, n) in blocks of `grain`, on the executor and on the caller's own
// thread, and returns when all blocks are done. The caller takes part, so it never waits for a task
// that has not started: safe to call from inside a task. Block boundaries depend on n and grain
// only, never on the number of threads. Precondition: grain > 0.
void ParallelFor(Executor& executor, size_t n, size_t grain,
                 const std::function<void(size_t begin, size_t end)>& body);

}  // namespace tessera

#include "index/executor.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace tessera {
namespace {

// Shared by the caller and its extra tasks; outlives the call for tasks that start too late.
struct Loop {
  Executor* executor = nullptr;  // there as long as blocks are left
  size_t n = 0;
  size_t grain = 0;
  size_t blocks = 0;
  const std::function<void(size_t, size_t)>* body = nullptr;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable done_cv;
  size_t done = 0;

  void Run() {
    size_t finished = 0;
    for (size_t b; (b = next.fetch_add(1, std::memory_order_relaxed)) < blocks; ++finished) {
      executor->Breathe();
      (*body)(b * grain, std::min(n, (b + 1) * grain));
    }
    if (finished == 0) return;
    std::lock_guard lock(mutex);
    done += finished;
    if (done == blocks) done_cv.notify_all();
  }
};

}  // namespace

void ParallelFor(Executor& executor, size_t n, size_t grain,
                 const std::function<void(size_t, size_t)>& body) {
  const size_t blocks = (n + grain - 1) / grain;
  const size_t helpers = std::min(executor.Concurrency(), blocks);
  if (helpers <= 1) {
    for (size_t b = 0; b < blocks; ++b) {
      executor.Breathe();
      body(b * grain, std::min(n, (b + 1) * grain));
    }
    return;
  }
  auto loop = std::make_shared<Loop>();
  loop->executor = &executor;
  loop->n = n;
  loop->grain = grain;
  loop->blocks = blocks;
  loop->body = &body;
  for (size_t i = 1; i < helpers; ++i) executor.Post([loop] { loop->Run(); });
  loop->Run();
  std::unique_lock lock(loop->mutex);
  loop->done_cv.wait(lock, [&] { return loop->done == loop->blocks; });
}

}  // namespace tessera

#include "index/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "index/thread_pool.h"

namespace tessera {
namespace {

using Blocks = std::vector<std::pair<size_t, size_t>>;

// Sorted blocks of one loop.
Blocks RunLoop(Executor& executor, size_t n, size_t grain) {
  std::mutex mutex;
  Blocks blocks;
  ParallelFor(executor, n, grain, [&](size_t begin, size_t end) {
    std::lock_guard lock(mutex);
    blocks.emplace_back(begin, end);
  });
  std::sort(blocks.begin(), blocks.end());
  return blocks;
}

// Takes tasks and runs none until told.
class StalledExecutor final : public Executor {
 public:
  void Post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  size_t Concurrency() const override { return 8; }
  size_t RunAll() {
    const std::deque<std::function<void()>> tasks = std::exchange(tasks_, {});
    for (const auto& task : tasks) task();
    return tasks.size();
  }

 private:
  std::deque<std::function<void()>> tasks_;
};

TEST(ParallelForTest, BlocksDependOnSizeAndGrainOnly) {
  InlineExecutor inline_executor;
  ThreadPoolExecutor pool(3);
  for (const size_t n : {0, 1, 5, 31, 32, 33, 1000}) {
    for (const size_t grain : {1, 7, 32, 5000}) {
      Blocks expected;
      for (size_t b = 0; b < n; b += grain) expected.emplace_back(b, std::min(n, b + grain));
      EXPECT_EQ(RunLoop(inline_executor, n, grain), expected);
      EXPECT_EQ(RunLoop(pool, n, grain), expected);
    }
  }
}

// The caller does all the work when nobody else comes; latecomers then find nothing to do, though
// the body is gone.
TEST(ParallelForTest, NeedsNoHelp) {
  StalledExecutor stalled;
  EXPECT_EQ(RunLoop(stalled, 100, 9).size(), 12u);
  EXPECT_EQ(stalled.RunAll(), 7u);
}

TEST(ParallelForTest, NestedLoopsFinish) {
  ThreadPoolExecutor pool(2);
  std::atomic<size_t> sum{0};
  ParallelFor(pool, 20, 1, [&](size_t i, size_t) {
    ParallelFor(pool, 20, 3, [&](size_t begin, size_t end) {
      ParallelFor(pool, end - begin, 1, [&](size_t, size_t) { sum += i; });
    });
  });
  EXPECT_EQ(sum, 190u * 20u);
}

// Every thread of the pool is inside a task that runs a loop: nobody may wait for a free thread.
TEST(ParallelForTest, FromWithinTasksOfAFullPool) {
  std::atomic<size_t> sum{0};
  {
    ThreadPoolExecutor pool(2);
    for (int t = 0; t < 50; ++t) {
      pool.Post([&] { ParallelFor(pool, 100, 10, [&](size_t b, size_t e) { sum += e - b; }); });
    }
  }
  EXPECT_EQ(sum, 5000u);
}

TEST(ParallelForTest, ResultsAreVisibleToTheCaller) {
  ThreadPoolExecutor pool(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<int> out(64);
    ParallelFor(pool, out.size(), 4, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) out[i] = round;
    });
    ASSERT_EQ(out, std::vector<int>(64, round));
  }
}

TEST(InlineExecutorTest, RunsAtOnce) {
  InlineExecutor executor;
  int runs = 0;
  executor.Post([&] { executor.Post([&] { ++runs; }); });
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(executor.Concurrency(), 1u);
}

}  // namespace
}  // namespace tessera

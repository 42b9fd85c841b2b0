#include "index/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <vector>

namespace tessera {
namespace {

TEST(ThreadPoolTest, DestructorRunsWhatWasPosted) {
  std::atomic<int> runs{0};
  {
    ThreadPoolExecutor pool(2);
    for (int i = 0; i < 1000; ++i) pool.Post([&] { ++runs; });
  }
  EXPECT_EQ(runs, 1000);
}

TEST(ThreadPoolTest, TasksMayPostTasks) {
  std::atomic<int> runs{0};
  {
    ThreadPoolExecutor pool(2);
    pool.Post([&] {
      for (int i = 0; i < 10; ++i) pool.Post([&] { ++runs; });
    });
  }
  EXPECT_EQ(runs, 10);
}

// Ends only if all threads are inside a task at the same time.
TEST(ThreadPoolTest, ThreadsRunAtOnce) {
  ThreadPoolExecutor pool(3);
  EXPECT_EQ(pool.Concurrency(), 3u);
  std::latch all(3);
  std::vector<std::future<void>> done;
  for (int i = 0; i < 3; ++i) {
    auto promise = std::make_shared<std::promise<void>>();
    done.push_back(promise->get_future());
    pool.Post([&all, promise] {
      all.arrive_and_wait();
      promise->set_value();
    });
  }
  for (std::future<void>& future : done) future.get();
}

TEST(ThreadPoolTest, ZeroThreadsMeansOne) {
  ThreadPoolExecutor pool(0);
  EXPECT_EQ(pool.Concurrency(), 1u);
  std::promise<int> promise;
  pool.Post([&] { promise.set_value(7); });
  EXPECT_EQ(promise.get_future().get(), 7);
}

// What a task holds is freed when it ends, not when the next one comes.
TEST(ThreadPoolTest, FreesATaskBeforeTheNext) {
  ThreadPoolExecutor pool(1);
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  pool.Post([held = std::move(held)] {});
  std::promise<bool> freed;
  pool.Post([&] { freed.set_value(watch.expired()); });
  EXPECT_TRUE(freed.get_future().get());
}

}  // namespace
}  // namespace tessera

#include "server/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace tessera::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(RuntimeTest, PoolsHaveTheirSizesAndThreads) {
  Runtime runtime({.compute = 3, .io = 2, .jobs = 1});
  EXPECT_EQ(runtime.compute().Concurrency(), 3u);
  EXPECT_EQ(runtime.io().Concurrency(), 2u);
  EXPECT_EQ(runtime.jobs().Concurrency(), 1u);
  for (Executor* pool : {&runtime.compute(), &runtime.io(), &runtime.jobs(), &runtime.waiting(), &runtime.streams()}) {
    std::promise<std::thread::id> ran;
    pool->Post([&] { ran.set_value(std::this_thread::get_id()); });
    EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
  }
}

TEST(RuntimeTest, ZeroComputeIsOneACore) {
  Runtime runtime({.compute = 0, .io = 1, .jobs = 1});
  EXPECT_GE(runtime.compute().Concurrency(), 1u);
}

TEST(RuntimeTest, JoinRunsWhatWasPosted) {
  Runtime runtime({.compute = 2, .io = 2, .jobs = 1});
  std::atomic<int> done{0};
  for (int i = 0; i < 50; ++i) {
    runtime.jobs().Post(
        [&] { runtime.io().Post([&] { runtime.compute().Post([&] { ++done; }); }); });
  }
  runtime.Join();
  EXPECT_EQ(done, 50);
}

TEST(RuntimeTest, TimersFireOnceAndDestroyedOnesDoNot) {
  Runtime runtime({.compute = 1, .io = 1, .jobs = 1});
  std::atomic<bool> cancelled_fired{false};
  std::promise<void> fired;
  auto cancelled = runtime.After(milliseconds(20), [&] { cancelled_fired = true; });
  cancelled.reset();
  const auto timer = runtime.After(milliseconds(40), [&] { fired.set_value(); });
  fired.get_future().wait();
  EXPECT_FALSE(cancelled_fired);
}

TEST(RuntimeTest, JoinDropsPendingTimers) {
  Runtime runtime({.compute = 1, .io = 1, .jobs = 1});
  const auto timer = runtime.After(hours(1), [] { FAIL(); });
  runtime.Join();
}

}  // namespace
}  // namespace tessera::server

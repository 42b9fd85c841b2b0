#include "index/engine/pace.h"

#include <chrono>
#include <future>
#include <latch>
#include <limits>
#include <thread>

#include "index/base/thread_cpu.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

using engine::Pace;
using engine::PacedExecutor;

constexpr uint32_t kDim = 16;
const std::atomic<bool> kOpen{false};

void Compute(double cpu_seconds) {
  const double end = ThreadCpuSeconds() + cpu_seconds;
  while (ThreadCpuSeconds() < end) {
  }
}

// Until it is so, or for a minute.
template <typename Condition>
bool Eventually(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(Pace, RefusesSharesThatAreNone) {
  Pace pace;
  for (const double share : {0.0, -1.0, 1.01, std::numeric_limits<double>::quiet_NaN()}) {
    const Status status = pace.SetLimits({share, 0});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(MessageOf(status).find("cpu_share"), std::string::npos) << status;
  }
  EXPECT_EQ(pace.limits().cpu_share, 1);
  uint64_t heard = 0;
  pace.OnLimits([&](const UpkeepLimits& limits) { heard = limits.bytes_per_second; });
  ASSERT_TRUE(pace.SetLimits({0.5, 1000}).ok());
  EXPECT_EQ(heard, 1000u);
  EXPECT_EQ(pace.limits().cpu_share, 0.5);
}

// However slow the machine: what is asked for is a least time of rest.
TEST(Pace, RestsAsItsShareAsks) {
  Pace pace;
  ASSERT_TRUE(pace.SetLimits({0.25, 0}).ok());
  pace.OnQuery();
  pace.Breathe(kOpen, {});
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = ThreadCpuSeconds();
  for (int piece = 0; piece < 10; ++piece) {
    Compute(0.005);
    pace.OnQuery();
    pace.Breathe(kOpen, {});
  }
  const double used = ThreadCpuSeconds() - cpu;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(passed.count(), 0.9 * 10 * 0.005 / 0.25);
  EXPECT_GE(used, 0.05);
}

// A rest would take eight minutes.
TEST(Pace, DoesNotRestWhereNoQueriesCome) {
  Pace pace;
  ASSERT_TRUE(pace.SetLimits({0.0001, 0}).ok());
  pace.Breathe(kOpen, {});
  Compute(0.05);
  const auto begin = std::chrono::steady_clock::now();
  pace.Breathe(kOpen, {});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(2));
}

TEST(Pace, PausedWorkGoesOnWhenResumedCancelledClosedOrReleased) {
  for (const int how : {0, 1, 2, 3}) {
    Pace pace;
    pace.Pause();
    EXPECT_TRUE(pace.paused());
    std::atomic<bool> closing{false};
    const auto cancelled = std::make_shared<std::atomic<bool>>(false);
    InlineExecutor here;
    std::latch begun(1);
    std::atomic<int> blocks{0};
    auto work = std::async(std::launch::async, [&] {
      PacedExecutor executor(here, pace, closing, StopToken(StopToken::Clock::time_point::max(), cancelled));
      begun.count_down();
      ParallelFor(executor, 3, 1, [&](size_t, size_t) { ++blocks; });
    });
    begun.wait();
    EXPECT_EQ(work.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    EXPECT_EQ(blocks, 0);
    if (how == 0) pace.Resume();
    if (how == 1) *cancelled = true;
    if (how == 2) closing = true;
    if (how == 3) pace.Release();
    work.get();
    EXPECT_EQ(blocks, 3);
  }
}

class UpkeepTest : public CollectionTest {};

// Held back where it stands, while queries and writes go on.
TEST_F(UpkeepTest, APausedTrainingWaitsAndWritesDoNot) {
  Create(kDim, Metric::kL2, "IVF16,PQ8");
  Load(ClusteredRows(2000, kDim, 1), kDim);
  catalog_->upkeep().Pause();
  auto training = std::async(std::launch::async, [&] { return collection_->Train({}); });
  ASSERT_TRUE(Eventually([&] { return collection_->Stats().training; }));
  Load(ClusteredRows(100, kDim, 2), kDim, 5000);
  const std::vector<float> query = ClusteredRows(1, kDim, 3);
  ASSERT_TRUE(collection_->Query(query.data(), kDim, {}).ok());
  EXPECT_EQ(training.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  EXPECT_FALSE(collection_->Stats().generation.value);
  catalog_->upkeep().Resume();
  ASSERT_TRUE(training.get().ok());
  EXPECT_EQ(collection_->Stats().generation.value, 1u);
  EXPECT_EQ(collection_->Count(), 2100u);
}

TEST_F(UpkeepTest, WhatIsPausedCanBeCancelledDroppedAndClosed) {
  Create(kDim, Metric::kL2, "IVF16,PQ8");
  Load(ClusteredRows(2000, kDim, 1), kDim);
  catalog_->upkeep().Pause();
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  TrainOptions options;
  options.context.stop = StopToken(StopToken::Clock::time_point::max(), cancelled);
  const auto begin = [&, collection = collection_] {
    auto training = std::async(std::launch::async, [=] { return collection->Train(options); });
    EXPECT_TRUE(Eventually([&] { return collection->Stats().training; }));
    return training;
  };
  auto first = begin();
  *cancelled = true;
  EXPECT_EQ(first.get().code(), absl::StatusCode::kCancelled);
  *cancelled = false;
  auto backup = std::async(std::launch::async, [&] { return catalog_->backups().Create("c", {}); });
  auto second = begin();
  EXPECT_EQ(backup.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  collection_.reset();
  catalog_.reset();  // closes beside both
  EXPECT_EQ(second.get().code(), absl::StatusCode::kCancelled);
  (void)backup.get();
  Reopen();
  ASSERT_TRUE(collection_);
  EXPECT_EQ(collection_->Count(), 2000u);
}

}  // namespace
}  // namespace tessera

#include "server/query_costs.h"

#include <gtest/gtest.h>

namespace tessera::server {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr uint64_t kKind = 0x1234567800000042u;

TEST(QueryCostsTest, WhatIsNotKnownIsNotCheap) {
  const QueryCosts costs;
  EXPECT_FALSE(costs.IsCheap(kKind));
  EXPECT_FALSE(costs.IsCheap(0));
}

TEST(QueryCostsTest, ShortOnesAreCheapAndLongOnesNot) {
  QueryCosts costs;
  costs.Record(kKind, microseconds(30));
  EXPECT_TRUE(costs.IsCheap(kKind));
  costs.Record(kKind + 1, QueryCosts::kCheap + microseconds(1));
  EXPECT_FALSE(costs.IsCheap(kKind + 1));
  EXPECT_TRUE(costs.IsCheap(kKind));
}

TEST(QueryCostsTest, ALongOneCountsAtOnceAndIsForgottenSlowly) {
  QueryCosts costs;
  costs.Record(kKind, microseconds(30));
  costs.Record(kKind, milliseconds(2));
  EXPECT_FALSE(costs.IsCheap(kKind));
  costs.Record(kKind, microseconds(30));
  EXPECT_FALSE(costs.IsCheap(kKind));
  for (int i = 0; i < 30; ++i) costs.Record(kKind, microseconds(30));
  EXPECT_TRUE(costs.IsCheap(kKind));
}

TEST(QueryCostsTest, KindsThatMeetInASlotAreNotMixedUp) {
  QueryCosts costs;
  const uint64_t other = kKind ^ (uint64_t{1} << 40);
  costs.Record(kKind, microseconds(30));
  EXPECT_FALSE(costs.IsCheap(other));
  costs.Record(other, std::chrono::hours(1));
  EXPECT_FALSE(costs.IsCheap(other));
  EXPECT_FALSE(costs.IsCheap(kKind));
}

TEST(QueryCostsTest, TheStopwatchCountsWorkOnly) {
  const QueryCosts::Stopwatch watch;
  volatile uint64_t sum = 0;
  for (uint64_t i = 0; i < 100000; ++i) sum = sum + i;
  EXPECT_GT(watch.Elapsed().count(), 0);
}

}  // namespace
}  // namespace tessera::server

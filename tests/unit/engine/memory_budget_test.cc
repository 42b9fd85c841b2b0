// Accounts against their own limit and the pool's.
#include "index/engine/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace tessera::engine {
namespace {

TEST(MemoryBudget, WithoutALimitAllFits) {
  MemoryAccount account;
  EXPECT_FALSE(account.limited());
  EXPECT_FALSE(account.Change(uint64_t{1} << 50, uint64_t{1} << 50));
  EXPECT_EQ(account.Room(), UINT64_MAX);
  EXPECT_EQ(account.Read().used, uint64_t{1} << 50);
  EXPECT_FALSE(account.Read().exceeded());
}

TEST(MemoryBudget, TheLimitIsKeptToTheByte) {
  MemoryAccount account(nullptr, 1000);
  EXPECT_TRUE(account.limited());
  EXPECT_FALSE(account.Change(1000, 0));
  const auto shortage = account.Change(1001, 0);
  ASSERT_TRUE(shortage);
  EXPECT_FALSE(shortage->of_pool);
  EXPECT_EQ(shortage->limit, 1000u);
  EXPECT_EQ(shortage->used, 1000u);
  EXPECT_EQ(shortage->wanted, 1u);
  EXPECT_EQ(shortage->needed(), 1001u);
  EXPECT_EQ(shortage->room, 1000u);
  EXPECT_EQ(account.Read().used, 1000u) << "unchanged";
  EXPECT_FALSE(account.Change(400, 0)) << "less always fits";
  EXPECT_EQ(account.Room(), 600u);
}

TEST(MemoryBudget, AboveALoweredLimitLessFitsAndMoreDoesNot) {
  MemoryAccount account;
  account.Set(1000);
  account.SetLimit(500);
  EXPECT_TRUE(account.Read().exceeded());
  EXPECT_EQ(account.Room(), 0u);
  EXPECT_FALSE(account.Change(900, 5000)) << "whatever is to be spared";
  EXPECT_TRUE(account.Change(901, 0));
  EXPECT_FALSE(account.Change(300, 0));
  EXPECT_FALSE(account.Change(500, 0));
}

TEST(MemoryBudget, SpareRoomAndReservationsAreOneOrTheOther) {
  MemoryAccount account(nullptr, 1000);
  EXPECT_TRUE(account.Change(100, 901));
  EXPECT_FALSE(account.Change(100, 900));
  MemoryReservation reservation(account);
  EXPECT_FALSE(reservation.Resize(800));
  EXPECT_TRUE(account.Change(101, 900)) << "100 more than is reserved";
  EXPECT_FALSE(account.Change(101, 800));
  EXPECT_EQ(account.Room(), 99u);
  EXPECT_TRUE(reservation.Resize(900));
  EXPECT_EQ(reservation.bytes(), 800u);
  EXPECT_FALSE(reservation.Resize(10));
  EXPECT_EQ(account.Read().reserved, 10u);
}

TEST(MemoryBudget, CachesCountAndCanBeGivenUp) {
  MemoryAccount account(nullptr, 1000);
  account.Set(500);
  account.AddCaches(300);
  EXPECT_EQ(account.Room(), 200u);
  EXPECT_EQ(account.RoomForIndex(), 500u);
  EXPECT_TRUE(account.Change(900, 0));
  account.AddCaches(-300);
  EXPECT_FALSE(account.Change(900, 0));
}

TEST(MemoryBudget, ThePoolSumsUpAllThatItsAccountsHold) {
  const auto pool = std::make_shared<MemoryPool>(1000, 100);
  MemoryAccount a(pool, 0);
  {
    MemoryAccount b(pool, 400);
    a.Set(300);
    b.Set(200);
    b.AddCaches(50);
    MemoryReservation reservation(b);
    ASSERT_FALSE(reservation.Resize(60));
    ASSERT_FALSE(a.Queue(40, false));
    const CatalogMemory memory = pool->Read();
    EXPECT_EQ(memory.budget.limit, 1000u);
    EXPECT_EQ(memory.budget.used, 690u);
    EXPECT_EQ(memory.budget.reserved, 60u);
    EXPECT_EQ(memory.collections, 550u);
    EXPECT_EQ(memory.queues, 40u);
    EXPECT_EQ(memory.store, 100u);
    EXPECT_EQ(a.Room(), 250u);
    EXPECT_EQ(b.Room(), 90u) << "its own limit is the nearer one";
    const auto shortage = a.Change(551, 0);
    ASSERT_TRUE(shortage);
    EXPECT_TRUE(shortage->of_pool);
    EXPECT_EQ(shortage->room, 550u);
    EXPECT_EQ(shortage->needed(), 1001u);
    EXPECT_TRUE(a.Queue(251, false));
    EXPECT_FALSE(a.Queue(251, true)) << "a deletion";
    a.Unqueue(291);
  }
  EXPECT_EQ(pool->Read().budget.used, 400u) << "what is gone holds nothing";
  EXPECT_EQ(pool->Read().budget.reserved, 0u);
}

TEST(MemoryBudget, RefusalsAreCountedInBoth) {
  const auto pool = std::make_shared<MemoryPool>(0, 0);
  MemoryAccount account(pool, 0);
  account.CountRefusal(ResourceExhausted("first"));
  account.CountRefusal(ResourceExhausted("second"));
  EXPECT_EQ(account.Read().refused, 2u);
  EXPECT_EQ(account.Read().last_refusal, "second");
  EXPECT_EQ(pool->Read().budget.refused, 2u);
  EXPECT_EQ(pool->Read().budget.last_refusal, "second");
}

TEST(MemoryBudget, TwoAtOnceDoNotTakeTheSameRoom) {
  const auto pool = std::make_shared<MemoryPool>(1000, 0);
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> taken{0};
    std::vector<std::unique_ptr<MemoryAccount>> accounts;
    std::vector<std::unique_ptr<MemoryReservation>> reservations;
    for (int i = 0; i < 4; ++i) {
      accounts.push_back(std::make_unique<MemoryAccount>(pool, 0));
      reservations.push_back(std::make_unique<MemoryReservation>(*accounts.back()));
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { taken += !reservations[i]->Resize(400); });
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(taken, 2);
    reservations.clear();
  }
  EXPECT_EQ(pool->Read().budget.reserved, 0u);
}

}  // namespace
}  // namespace tessera::engine

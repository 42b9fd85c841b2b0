#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/store/store_fixture.h"

namespace tessera::store {
namespace {

constexpr absl::StatusCode kPrecondition = absl::StatusCode::kFailedPrecondition;

TEST_F(StoreTest, GenerationsComeAndGo) {
  Open();
  EXPECT_TRUE(store_->Generations().empty());
  for (const uint32_t g : {7u, 3u, 12u}) ASSERT_TRUE(store_->CreateGeneration(Generation(g)).ok());
  EXPECT_EQ(store_->CreateGeneration(Generation(3)).code(), kPrecondition);
  using Generations = std::vector<Generation>;
  const Generations all = {Generation(3), Generation(7), Generation(12)};
  EXPECT_EQ(store_->Generations(), all);
  Reopen();
  EXPECT_EQ(store_->Generations(), all);
  ASSERT_TRUE(store_->DropGeneration(Generation(7)).ok());
  EXPECT_EQ(store_->DropGeneration(Generation(7)).code(), kPrecondition);
  EXPECT_EQ(store_->GetAssigns(Generation(7), {RowId(1)}, nullptr).status().code(), kPrecondition);
  EXPECT_EQ(store_->FlushGeneration(Generation(7)).code(), kPrecondition);
  Reopen();
  EXPECT_EQ(store_->Generations(), (Generations{Generation(3), Generation(12)}));
}

TEST_F(StoreTest, FlushesBesideGenerationsThatAreDropped) {
  Open();
  std::atomic<bool> done{false};
  std::thread flusher([&] {
    while (!done) {
      const Status flushed = store_->FlushAll();
      if (!flushed.ok()) {
        ADD_FAILURE() << flushed;
        return;
      }
    }
  });
  for (uint32_t g = 1; g <= 40; ++g) {
    EXPECT_TRUE(store_->CreateGeneration(Generation(g)).ok());
    EXPECT_TRUE(Write([&](Batch& batch) { batch.PutAssign(Generation(g), RowId(1), ListId(2)); }).ok());
    EXPECT_TRUE(store_->DropGeneration(Generation(g)).ok());
  }
  done = true;
  flusher.join();
}

TEST_F(StoreTest, DroppedGenerationComesBackEmpty) {
  Open();
  const Generation g(1);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(store_->CreateGeneration(g).ok());
    EXPECT_EQ(store_->GetAssigns(g, {RowId(1)}, nullptr).value()[0], std::nullopt);
    ASSERT_TRUE(Write([&](Batch& batch) { batch.PutAssign(g, RowId(1), ListId(2)); }).ok());
    EXPECT_EQ(store_->GetAssigns(g, {RowId(1)}, nullptr).value()[0], ListId(2));
    ASSERT_TRUE(store_->DropGeneration(g).ok());
  }
}

TEST_F(StoreTest, BatchForADroppedGenerationIsRefused) {
  Open();
  const Generation g(1);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  const std::unique_ptr<Batch> batch = store_->NewBatch();
  batch->PutAssign(g, RowId(1), ListId(1));
  ASSERT_TRUE(store_->DropGeneration(g).ok());
  EXPECT_EQ(store_->Write(*batch, Durability::kSync).code(), kPrecondition);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());  // of the same number, yet another one
  EXPECT_EQ(store_->Write(*batch, Durability::kSync).code(), kPrecondition);
  EXPECT_TRUE(Write([&](Batch& next) { next.PutAssign(g, RowId(1), ListId(1)); }).ok());
}

TEST_F(StoreTest, ScanOutlivesTheDropOfItsGeneration) {
  Open();
  const Generation g(1);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  ASSERT_TRUE(Write([&](Batch& batch) {
                for (uint32_t r = 0; r < 1000; ++r) {
                  batch.PutPosting(g, ListId(r % 10), RowId(r), "code", 1.0f, "");
                }
              }).ok());
  ASSERT_TRUE(store_->FlushGeneration(g).ok());
  size_t visited = 0;
  const auto visit = [&](const PostingView& posting) {
    EXPECT_EQ(posting.code, "code");
    return ++visited == 1 ? store_->DropGeneration(g) : OkStatus();
  };
  EXPECT_TRUE(store_->ScanPostings(g, ListId(0), ListId(10), 4, 0, nullptr, visit).ok());
  EXPECT_EQ(visited, 1000u);
  EXPECT_TRUE(store_->Generations().empty());
}

// Between any two of the families: what is left of the generation goes at the next start.
TEST_F(StoreTest, HalfCreatedGenerationIsGoneAfterReopening) {
  Open();
  for (const char* spec : {"store.create_generation=error:1", "store.create_generation=error:2",
                           "store.create_generation=error:3"}) {
    SetFailpoints(spec);
    EXPECT_EQ(store_->CreateGeneration(Generation(1)).code(), absl::StatusCode::kUnavailable);
    SetFailpoints("");
    EXPECT_TRUE(store_->Generations().empty());
    EXPECT_EQ(store_->CreateGeneration(Generation(1)).code(), kPrecondition);  // until reopened
    Reopen();
    EXPECT_TRUE(store_->Generations().empty()) << spec;
  }
  EXPECT_TRUE(store_->CreateGeneration(Generation(1)).ok());
}

TEST_F(StoreTest, HalfDroppedGenerationIsGoneAfterReopening) {
  Open();
  for (const char* spec : {"store.drop_generation=error:2", "store.drop_generation=error:3"}) {
    ASSERT_TRUE(store_->CreateGeneration(Generation(1)).ok());
    SetFailpoints(spec);
    EXPECT_EQ(store_->DropGeneration(Generation(1)).code(), absl::StatusCode::kUnavailable);
    SetFailpoints("");
    Reopen();
    EXPECT_TRUE(store_->Generations().empty()) << spec;
  }
}

}  // namespace
}  // namespace tessera::store

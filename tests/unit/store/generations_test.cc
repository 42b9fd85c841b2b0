#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <random>
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

TEST_F(StoreTest, RefineRecordsAreReadAsOfThen) {
  Open();
  const Generation g(1);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.PutPosting(g, ListId(2), RowId(5), "code", 0.5f, "refine");
                batch.PutPosting(g, ListId(3), RowId(1), "CODE", 0.5f, "REFINE");
              }).ok());
  StoreSnapshotPtr then = store_->GetSnapshot(g);
  const auto read = [&](std::vector<ListId> lists, std::vector<RowId> rows, uint32_t refine_bytes = 6) {
    std::string bytes(rows.size() * refine_bytes, 0);
    const Status status = store_->GetRefineRecords(lists, rows, 4, refine_bytes, *then,
                                                   reinterpret_cast<uint8_t*>(bytes.data()));
    return status.ok() ? bytes : MessageOf(status) + (status.code() == absl::StatusCode::kDataLoss ? " (loss)" : "");
  };
  const std::string both = "refineREFINE";
  EXPECT_EQ(read({ListId(2), ListId(3)}, {RowId(5), RowId(1)}), both);
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.DeletePosting(g, ListId(2), RowId(5));
                batch.PutPosting(g, ListId(3), RowId(1), "CODE", 0.5f, "OTHERS");
              }).ok());
  std::atomic<bool> stop{false};
  ASSERT_TRUE(store_->Reclaim(stop).ok());
  EXPECT_EQ(read({ListId(2), ListId(3)}, {RowId(5), RowId(1)}), both) << "deleted and replaced since";
  ASSERT_TRUE(store_->DropGeneration(g).ok());
  EXPECT_EQ(read({ListId(2), ListId(3)}, {RowId(5), RowId(1)}), both) << "dropped since";
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  EXPECT_EQ(read({ListId(2), ListId(3)}, {RowId(5), RowId(1)}), both) << "there again, empty";
  EXPECT_EQ(read({ListId(2), ListId(2)}, {RowId(5), RowId(6)}), "postings-1[list 2, row 6]: missing (loss)");
  EXPECT_NE(read({ListId(2)}, {RowId(5)}, 7).find("postings-1[list 2, row 5]: "), std::string::npos);
  EXPECT_NE(read({ListId(2)}, {RowId(5)}, 7).find("(loss)"), std::string::npos);
  EXPECT_EQ(read({}, {}), "");
  then = store_->GetSnapshot();
  EXPECT_EQ(read({ListId(2)}, {RowId(5)}), "the snapshot keeps no generation");
  then = store_->GetSnapshot(Generation(9));
  EXPECT_EQ(read({ListId(2)}, {RowId(5)}), "the snapshot keeps no generation");
}

// Files of a generation go with the last snapshot that keeps it, not with those that do not.
TEST_F(StoreTest, SnapshotsKeepNoOtherGeneration) {
  Open();
  const Generation old(1);
  const Generation now(2);
  ASSERT_TRUE(store_->CreateGeneration(old).ok());
  ASSERT_TRUE(store_->CreateGeneration(now).ok());
  std::mt19937 random(1);
  std::string refine(100000, 0);
  for (char& c : refine) c = static_cast<char>(random());  // not to be compressed
  ASSERT_TRUE(Write([&](Batch& batch) { batch.PutPosting(old, ListId(2), RowId(5), "code", 0.5f, refine); }).ok());
  ASSERT_TRUE(store_->FlushAll().ok());
  const auto files = [&] {
    uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().extension() == ".sst") bytes += entry.file_size();
    }
    return bytes;
  };
  StoreSnapshotPtr keeps_old = store_->GetSnapshot(old);
  const StoreSnapshotPtr keeps_now = store_->GetSnapshot(now);
  const StoreSnapshotPtr keeps_none = store_->GetSnapshot();
  ASSERT_TRUE(store_->DropGeneration(old).ok());
  ASSERT_TRUE(store_->FlushAll().ok());
  EXPECT_GT(files(), refine.size());
  keeps_old.reset();
  // RocksDB removes them in the background, and tells nobody.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (files() > refine.size() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_LT(files(), refine.size());
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

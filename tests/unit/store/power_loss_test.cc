// What is promised as durable outlives the loss of everything that was not synced; what is not
// promised is there whole or not at all.
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <memory>
#include <random>
#include <vector>

#include "tests/unit/store/store_fixture.h"
#include "tests/unit/store/unsynced_fs.h"

namespace tessera::store {
namespace {

constexpr uint32_t kRowsPerBatch = 40;
const Generation kGeneration(1);

// The parameter is the share of the unsynced bytes that reaches the disk all the same.
class PowerLossTest : public StoreTest, public ::testing::WithParamInterface<double> {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    env_ = composed_.get();
    Open();
    ASSERT_TRUE(store_->CreateGeneration(kGeneration).ok());
  }

  void LosePower() {
    fs_->CutPower();
    store_.reset();
    fs_->LoseUnsynced(GetParam());
    Open(false);
  }

  // Rows [n * kRowsPerBatch, (n + 1) * kRowsPerBatch) in every family.
  Status WriteBatch(uint32_t n, Durability durability) {
    return Write(
        [&](Batch& batch) {
          const std::string vector(300, static_cast<char>(n));
          for (uint32_t r = n * kRowsPerBatch; r < (n + 1) * kRowsPerBatch; ++r) {
            batch.PutId(r, RowId(r));
            batch.PutRow(RowId(r), {r, n, 1.0f});
            batch.PutVector(RowId(r), {ElementType::kU8, vector});
            batch.PutAssign(kGeneration, RowId(r), ListId(r % 7));
            batch.PutPosting(kGeneration, ListId(r % 7), RowId(r), "code", 1.0f, "");
          }
        },
        durability);
  }

  Status WritePostings(uint32_t n, Durability durability) {
    return Write(
        [&](Batch& batch) {
          for (uint32_t r = n * kRowsPerBatch; r < (n + 1) * kRowsPerBatch; ++r) {
            batch.PutPosting(kGeneration, ListId(r % 7), RowId(r), "code", 1.0f, "");
          }
        },
        durability);
  }

  std::vector<size_t> PostingsByBatch(uint32_t batches) {
    std::vector<size_t> counts(batches);
    EXPECT_TRUE(store_
                    ->ScanPostings(kGeneration, ListId(0), ListId(7), 4, 0, nullptr,
                                   [&](const PostingView& posting) {
                                     ++counts.at(posting.row.value / kRowsPerBatch);
                                     return OkStatus();
                                   })
                    .ok());
    return counts;
  }

  // Whether batch n is there; a test failure if only a part of it is.
  bool WholeOrAbsent(uint32_t n, const std::vector<size_t>& postings) {
    std::vector<RowId> rows;
    std::vector<PointId> ids;
    std::vector<const PointId*> pointers;
    for (uint32_t r = n * kRowsPerBatch; r < (n + 1) * kRowsPerBatch; ++r) rows.emplace_back(r);
    for (const RowId row : rows) ids.emplace_back(row.value);
    for (const PointId& id : ids) pointers.push_back(&id);
    const auto found = store_->GetIds(pointers, nullptr).value();
    const auto records = store_->GetRows(rows, nullptr).value();
    const auto vectors = store_->GetVectors(rows, nullptr).value();
    const auto lists = store_->GetAssigns(kGeneration, rows, nullptr).value();
    const bool there = found[0].has_value();
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(found[i].has_value(), there) << "batch " << n;
      EXPECT_EQ(records[i].has_value(), there) << "batch " << n;
      EXPECT_EQ(vectors[i].has_value(), there) << "batch " << n;
      EXPECT_EQ(lists[i].has_value(), there) << "batch " << n;
      if (vectors[i]) {
        EXPECT_EQ(vectors[i]->bytes, std::string(300, static_cast<char>(n)));
      }
    }
    EXPECT_EQ(postings[n], there ? kRowsPerBatch : 0) << "batch " << n;
    return there;
  }

  // Batches [0, count) form a prefix of whole ones, at least `promised` long; its length.
  uint32_t CheckPrefix(uint32_t count, uint32_t promised) {
    const std::vector<size_t> postings = PostingsByBatch(count);
    uint32_t length = 0;
    for (uint32_t n = 0; n < count; ++n) {
      if (!WholeOrAbsent(n, postings)) continue;
      EXPECT_EQ(length, n) << "an earlier batch is missing";
      length = n + 1;
    }
    EXPECT_GE(length, promised);
    return length;
  }

  std::shared_ptr<UnsyncedFs> fs_ = std::make_shared<UnsyncedFs>();
  std::unique_ptr<rocksdb::Env> composed_ = rocksdb::NewCompositeEnv(fs_);
};

TEST_P(PowerLossTest, SyncedBatchesAreThere) {
  for (uint32_t n = 0; n < 10; ++n) ASSERT_TRUE(WriteBatch(n, Durability::kSync).ok());
  LosePower();
  EXPECT_EQ(CheckPrefix(10, 10), 10u);
}

TEST_P(PowerLossTest, UnsyncedBatchesAreWholeOrAbsent) {
  for (uint32_t n = 0; n < 4; ++n) ASSERT_TRUE(WriteBatch(n, Durability::kSync).ok());
  for (uint32_t n = 4; n < 12; ++n) ASSERT_TRUE(WriteBatch(n, Durability::kLogged).ok());
  LosePower();
  const uint32_t there = CheckPrefix(12, 4);
  // The proof that this file system loses what was not synced: without it the other tests show
  // nothing.
  if (GetParam() == 0) {
    EXPECT_EQ(there, 4u);
  }
  if (GetParam() == 1) {
    EXPECT_EQ(there, 12u);
  }
}

TEST_P(PowerLossTest, OneSyncCoversWhatWasLoggedBefore) {
  for (uint32_t n = 0; n < 5; ++n) ASSERT_TRUE(WriteBatch(n, Durability::kLogged).ok());
  ASSERT_TRUE(WriteBatch(5, Durability::kSync).ok());
  LosePower();
  EXPECT_EQ(CheckPrefix(6, 6), 6u);
}

TEST_P(PowerLossTest, IngestedBatchesAreThereAndWhatWasLoggedBefore) {
  for (uint32_t n = 0; n < 3; ++n) ASSERT_TRUE(WriteBatch(n, Durability::kLogged).ok());
  ASSERT_TRUE(WriteBatch(3, Durability::kIngest).ok());
  ASSERT_TRUE(WriteBatch(4, Durability::kIngest).ok());
  LosePower();
  EXPECT_EQ(CheckPrefix(5, 5), 5u);
}

// At each of its files, and between the last file and the change of the manifest.
TEST_P(PowerLossTest, IngestThatIsCutShortLeavesNothing) {
  ASSERT_TRUE(WriteBatch(0, Durability::kSync).ok());
  uint32_t promised = 1;
  for (const std::string point : {"store.ingest.file=error:1", "store.ingest.file=error:3",
                                  "store.ingest.file=error:5", "store.ingest.before=error:1"}) {
    SetFailpoints(point);
    EXPECT_FALSE(WriteBatch(promised, Durability::kIngest).ok()) << point;
    SetFailpoints("");
    LosePower();
    EXPECT_EQ(CheckPrefix(promised + 1, promised), promised) << point;
    EXPECT_TRUE(std::filesystem::is_empty(path_ + "/ingest")) << point;
    ASSERT_TRUE(WriteBatch(promised, Durability::kIngest).ok());
    ++promised;
  }
}

// The power goes at the nth sync of an ingest, whatever that is of: files, directory, manifest.
TEST_P(PowerLossTest, PowerCutInsideAnIngestLeavesItWholeOrAbsent) {
  ASSERT_TRUE(WriteBatch(0, Durability::kSync).ok());
  uint32_t written = 1;
  bool completed = false;
  for (size_t nth = 1; !completed && nth < 100; ++nth) {
    fs_->CutPowerAtSync(nth);
    completed = WriteBatch(written, Durability::kIngest).ok();
    LosePower();
    const uint32_t there = CheckPrefix(written + 1, completed ? written + 1 : written);
    ASSERT_FALSE(HasFailure()) << "sync " << nth;
    written = there;
  }
  EXPECT_TRUE(completed);
}

// The nth sync of an ingest fails; the process ends then, with or without the power.
TEST_P(PowerLossTest, IngestWithAFailedSyncIsWholeOrAbsentAndTheStoreOpens) {
  ASSERT_TRUE(WriteBatch(0, Durability::kSync).ok());
  uint32_t written = 1;
  for (const bool power_stays : {true, false}) {
    bool completed = false;
    for (size_t nth = 1; !completed && nth < 100; ++nth) {
      fs_->FailSync(nth);
      completed = WriteBatch(written, Durability::kIngest).ok();
      fs_->FailSync(0);
      if (power_stays) {
        Reopen();
      } else {
        LosePower();
      }
      ASSERT_TRUE(store_) << "sync " << nth;
      const uint32_t there = CheckPrefix(written + 1, completed ? written + 1 : written);
      EXPECT_TRUE(std::filesystem::is_empty(path_ + "/ingest")) << "sync " << nth;
      ASSERT_FALSE(HasFailure()) << "sync " << nth;
      written = there;
    }
    EXPECT_TRUE(completed);
  }
}

TEST_P(PowerLossTest, FlushMakesUnloggedPostingsDurable) {
  ASSERT_TRUE(WritePostings(0, Durability::kNoLog).ok());
  ASSERT_TRUE(store_->FlushGeneration(kGeneration).ok());
  ASSERT_TRUE(WritePostings(1, Durability::kNoLog).ok());
  LosePower();
  EXPECT_EQ(PostingsByBatch(2), (std::vector<size_t>{kRowsPerBatch, 0}));
}

// The flushed family must not run ahead of the log that the others still need.
TEST_P(PowerLossTest, FlushOfOneFamilyTakesItsLogAlong) {
  for (uint32_t n = 0; n < 3; ++n) ASSERT_TRUE(WriteBatch(n, Durability::kLogged).ok());
  ASSERT_TRUE(store_->FlushGeneration(kGeneration).ok());
  for (uint32_t n = 3; n < 6; ++n) ASSERT_TRUE(WriteBatch(n, Durability::kLogged).ok());
  LosePower();
  CheckPrefix(6, 3);
}

TEST_P(PowerLossTest, FlushedStoreIsThere) {
  for (uint32_t n = 0; n < 3; ++n) ASSERT_TRUE(WriteBatch(n, Durability::kLogged).ok());
  ASSERT_TRUE(store_->FlushAll().ok());
  LosePower();
  EXPECT_EQ(CheckPrefix(3, 3), 3u);
}

TEST_P(PowerLossTest, CreatedAndDroppedGenerationsStaySo) {
  ASSERT_TRUE(store_->CreateGeneration(Generation(2)).ok());
  ASSERT_TRUE(store_->DropGeneration(kGeneration).ok());
  LosePower();
  EXPECT_EQ(store_->Generations(), std::vector<Generation>{Generation(2)});
}

// One after the other, each on what the last one left.
TEST_P(PowerLossTest, AgainAndAgain) {
  std::mt19937 random(17);
  uint32_t written = 0;
  for (int round = 0; round < 8; ++round) {
    uint32_t promised = written;
    for (uint32_t i = 0; i < 6; ++i, ++written) {
      const bool sync = random() % 3 == 0;
      const bool ingest = sync && random() % 2 == 0;
      ASSERT_TRUE(WriteBatch(written, ingest ? Durability::kIngest
                                      : sync ? Durability::kSync
                                             : Durability::kLogged)
                      .ok());
      if (random() % 5 == 0) {
        ASSERT_TRUE(store_->FlushGeneration(kGeneration).ok());
      }
      if (sync) promised = written + 1;
    }
    LosePower();
    written = CheckPrefix(written, promised);
  }
}

TEST_P(PowerLossTest, FullDiskStopsWritesAndLosesNothing) {
  ASSERT_TRUE(WriteBatch(0, Durability::kSync).ok());
  fs_->SetFull(true);
  EXPECT_EQ(WriteBatch(1, Durability::kSync).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(WriteBatch(2, Durability::kSync).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Id(0), RowId(0));  // reads go on
  fs_->SetFull(false);
  EXPECT_EQ(WriteBatch(2, Durability::kSync).code(), absl::StatusCode::kFailedPrecondition);
  Reopen();
  EXPECT_LE(CheckPrefix(2, 1), 2u);
  EXPECT_TRUE(WriteBatch(1, Durability::kSync).ok());
  LosePower();
  EXPECT_EQ(CheckPrefix(2, 2), 2u);
}

TEST_P(PowerLossTest, FullDiskAtAFlushStopsWrites) {
  ASSERT_TRUE(WriteBatch(0, Durability::kSync).ok());
  fs_->SetFull(true);
  EXPECT_EQ(store_->FlushAll().code(), absl::StatusCode::kResourceExhausted);
  fs_->SetFull(false);
  EXPECT_EQ(WriteBatch(1, Durability::kSync).code(), absl::StatusCode::kFailedPrecondition);
  Reopen();
  EXPECT_EQ(CheckPrefix(1, 1), 1u);
}

INSTANTIATE_TEST_SUITE_P(Kept, PowerLossTest, ::testing::Values(0.0, 0.3, 0.77, 1.0));

}  // namespace
}  // namespace tessera::store

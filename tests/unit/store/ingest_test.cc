// A batch taken in as sorted files does what the same batch does through the log.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>

#include "tests/unit/store/store_fixture.h"

namespace tessera::store {
namespace {

const Generation kGeneration(1);

class IngestTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    Open();
    ASSERT_TRUE(store_->CreateGeneration(kGeneration).ok());
  }

  std::map<uint32_t, std::string> Postings(const StoreSnapshot* at = nullptr) {
    std::map<uint32_t, std::string> found;
    EXPECT_TRUE(store_
                    ->ScanPostings(kGeneration, ListId(0), ListId(UINT32_MAX), 2, 0, at,
                                   [&](const PostingView& p) {
                                     found[p.row.value] = p.code;
                                     return OkStatus();
                                   })
                    .ok());
    return found;
  }
};

TEST_F(IngestTest, ReadsBackEveryFamilyInAnyOrderOfKeys) {
  const std::string vector(300, 'v');
  ASSERT_TRUE(Write(
                  [&](Batch& batch) {
                    for (const uint32_t r : {7u, 3u, 300u, 0u}) {
                      batch.PutId(PointId("key-" + std::to_string(r)), RowId(r));
                      batch.PutRow(RowId(r), {PointId(r), 9, 2.5f});
                      batch.PutVector(RowId(r), {ElementType::kU8, vector});
                      batch.PutAssign(kGeneration, RowId(r), ListId(400 - r));
                      batch.PutPosting(kGeneration, ListId(400 - r), RowId(r), "co", 1.0f, "");
                    }
                    batch.PutRecord("progress", "nine");
                  },
                  Durability::kIngest)
                  .ok());
  for (int opened = 0; opened < 2; ++opened) {
    for (const uint32_t r : {7u, 3u, 300u, 0u}) {
      EXPECT_EQ(Id(PointId("key-" + std::to_string(r))), RowId(r));
      ASSERT_TRUE(Vector(r));
      EXPECT_EQ(Vector(r)->bytes, vector);
      const auto records = store_->GetRows({RowId(r)}, nullptr).value();
      ASSERT_TRUE(records[0]);
      EXPECT_EQ(records[0]->version, 9u);
      EXPECT_EQ(store_->GetAssigns(kGeneration, {RowId(r)}, nullptr).value()[0], ListId(400 - r));
    }
    EXPECT_EQ(Postings().size(), 4u);
    EXPECT_EQ(store_->GetRecord("progress").value(), "nine");
    Reopen();
  }
}

TEST_F(IngestTest, LastChangeOfAKeyWins) {
  ASSERT_TRUE(Write(
                  [&](Batch& batch) {
                    batch.PutPosting(kGeneration, ListId(1), RowId(1), "aa", 0, "");
                    batch.PutPosting(kGeneration, ListId(1), RowId(1), "bb", 0, "");
                    batch.PutPosting(kGeneration, ListId(0), RowId(2), "cc", 0, "");
                    batch.DeletePosting(kGeneration, ListId(0), RowId(2));
                    batch.DeletePosting(kGeneration, ListId(0), RowId(3));
                    batch.PutPosting(kGeneration, ListId(0), RowId(3), "dd", 0, "");
                  },
                  Durability::kIngest)
                  .ok());
  EXPECT_EQ(Postings(), (std::map<uint32_t, std::string>{{1, "bb"}, {3, "dd"}}));
}

TEST_F(IngestTest, EmptyBatchIsNothing) {
  EXPECT_TRUE(Write([](Batch&) {}, Durability::kIngest).ok());
}

TEST_F(IngestTest, SnapshotsOfBeforeDoNotSeeIt) {
  const auto put = [&](const char* code) {
    return [code](Batch& batch) {
      batch.PutId(PointId(1), RowId(1));
      batch.PutPosting(kGeneration, ListId(1), RowId(1), code, 0, "");
    };
  };
  const StoreSnapshotPtr empty = store_->GetSnapshot();
  ASSERT_TRUE(Write(put("aa"), Durability::kIngest).ok());
  const StoreSnapshotPtr first = store_->GetSnapshot();
  ASSERT_TRUE(Write(put("bb"), Durability::kSync).ok());
  const StoreSnapshotPtr second = store_->GetSnapshot();
  ASSERT_TRUE(Write(put("cc"), Durability::kIngest).ok());
  EXPECT_EQ(Id(PointId(1), empty.get()), std::nullopt);
  EXPECT_TRUE(Postings(empty.get()).empty());
  EXPECT_EQ(Postings(first.get()).at(1), "aa");
  EXPECT_EQ(Postings(second.get()).at(1), "bb");
  EXPECT_EQ(Postings().at(1), "cc");
}

// Puts and deletes of the same keys by all three ways, against a map.
TEST_F(IngestTest, MixesWithTheLogInOrder) {
  std::mt19937 random(5);
  std::map<uint32_t, std::string> model;
  for (int round = 0; round < 60; ++round) {
    const auto fill = [&](Batch& batch) {
      for (int i = 0; i < 50; ++i) {
        const uint32_t row = random() % 200;
        if (random() % 3 == 0) {
          batch.DeletePosting(kGeneration, ListId(row % 9), RowId(row));
          model.erase(row);
        } else {
          const std::string code = {static_cast<char>('a' + round % 26),
                                    static_cast<char>('a' + random() % 26)};
          batch.PutPosting(kGeneration, ListId(row % 9), RowId(row), code, 0, "");
          model[row] = code;
        }
      }
    };
    const Durability how[] = {Durability::kIngest, Durability::kSync, Durability::kLogged};
    ASSERT_TRUE(Write(fill, how[random() % 3]).ok());
    if (round % 20 == 19) Reopen();
    ASSERT_EQ(Postings(), model) << "round " << round;
  }
}

TEST_F(IngestTest, FailureStopsWritesAndLeavesNothing) {
  SetFailpoints("store.ingest.file=error");
  const auto put = [](Batch& batch) { batch.PutId(PointId(1), RowId(1)); };
  EXPECT_FALSE(Write(put, Durability::kIngest).ok());
  SetFailpoints("");
  EXPECT_EQ(Write(put, Durability::kIngest).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(std::filesystem::is_empty(path_ + "/ingest"));
  Reopen();
  EXPECT_EQ(Id(PointId(1)), std::nullopt);
  EXPECT_TRUE(std::filesystem::is_empty(path_ + "/ingest"));
  EXPECT_TRUE(Write(put, Durability::kIngest).ok());
  EXPECT_EQ(Id(PointId(1)), RowId(1));
}

TEST_F(IngestTest, DroppedGenerationIsRefusedAndTheStoreGoesOn) {
  const std::unique_ptr<Batch> batch = store_->NewBatch();
  batch->PutAssign(kGeneration, RowId(1), ListId(1));
  ASSERT_TRUE(store_->DropGeneration(kGeneration).ok());
  EXPECT_EQ(store_->Write(*batch, Durability::kIngest).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Write([](Batch& b) { b.PutId(PointId(1), RowId(1)); }, Durability::kIngest).ok());
}

}  // namespace
}  // namespace tessera::store

#include "index/store/store.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <map>
#include <string>
#include <vector>

#include "tests/unit/store/store_fixture.h"

namespace tessera::store {
namespace {

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kPrecondition = absl::StatusCode::kFailedPrecondition;

std::string_view Bytes(const std::vector<float>& floats) {
  return {reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float)};
}

TEST_F(StoreTest, ReadsBackWhatWasWritten) {
  Open();
  const Generation g(3);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  const PointId number(17);
  const PointId key(std::string("a-key"));
  const std::vector<float> vector = {1.0f, 2.0f};
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.PutRecord("spec", "bytes");
                batch.PutId(number, RowId(1));
                batch.PutId(key, RowId(2));
                batch.PutRow(RowId(1), {number, 5, 2.5f});
                batch.PutRow(RowId(2), {key, 6, 3.5f});
                batch.PutVector(RowId(1), {ElementType::kF32, Bytes(vector)});
                batch.PutVector(RowId(2), {ElementType::kU8, "xyz"});
                batch.PutCentroid(g, ListId(0), vector.data(), 2);
                batch.PutAssign(g, RowId(1), ListId(9));
                batch.PutPosting(g, ListId(9), RowId(1), "code", 0.5f, "refine");
                EXPECT_GT(batch.bytes(), 100u);
              }).ok());
  for (int round = 0; round < 2; ++round) {  // from the memtable, then from disk
    EXPECT_EQ(store_->GetRecord("spec").value(), "bytes");
    EXPECT_EQ(store_->GetRecord("other").value(), std::nullopt);
    EXPECT_EQ(Id(number), RowId(1));
    EXPECT_EQ(Id(key), RowId(2));
    EXPECT_EQ(Id(PointId(18)), std::nullopt);
    const auto rows = store_->GetRows({RowId(2), RowId(7), RowId(1)}, nullptr).value();
    EXPECT_EQ(rows[0]->id, key);
    EXPECT_EQ(rows[0]->version, 6u);
    EXPECT_EQ(rows[0]->norm, 3.5f);
    EXPECT_EQ(rows[1], std::nullopt);
    EXPECT_EQ(rows[2]->id, number);
    EXPECT_EQ(Vector(1)->bytes, Bytes(vector));
    EXPECT_EQ(Vector(2)->type, ElementType::kU8);
    EXPECT_EQ(Vector(2)->bytes, "xyz");
    EXPECT_EQ(store_->ReadCentroids(g, 2, 1, nullptr).value(), vector);
    EXPECT_EQ(store_->GetAssigns(g, {RowId(1), RowId(2)}, nullptr).value(),
              (std::vector<std::optional<ListId>>{ListId(9), std::nullopt}));
    size_t visited = 0;
    ASSERT_TRUE(store_
                    ->ScanPostings(g, ListId(0), ListId(UINT32_MAX), 4, 6, nullptr,
                                   [&](const PostingView& posting) {
                                     EXPECT_EQ(posting.list, ListId(9));
                                     EXPECT_EQ(posting.row, RowId(1));
                                     EXPECT_EQ(posting.code, "code");
                                     EXPECT_EQ(posting.correction, 0.5f);
                                     EXPECT_EQ(posting.refine, "refine");
                                     ++visited;
                                     return OkStatus();
                                   })
                    .ok());
    EXPECT_EQ(visited, 1u);
    ASSERT_TRUE(store_->FlushAll().ok());
    Reopen();
  }
}

TEST_F(StoreTest, DeletesAreGone) {
  Open();
  const Generation g(1);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.PutRecord("r", "1");
                batch.PutId(1, RowId(1));
                batch.PutRow(RowId(1), {1, 1, 1.0f});
                batch.PutVector(RowId(1), {ElementType::kI8, "ab"});
                batch.PutAssign(g, RowId(1), ListId(2));
                batch.PutPosting(g, ListId(2), RowId(1), "c", 0.0f, "");
              }).ok());
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.DeleteRecord("r");
                batch.DeleteId(1);
                batch.DeleteRow(RowId(1));
                batch.DeleteVector(RowId(1));
                batch.DeleteAssign(g, RowId(1));
                batch.DeletePosting(g, ListId(2), RowId(1));
              }).ok());
  EXPECT_EQ(store_->GetRecord("r").value(), std::nullopt);
  EXPECT_EQ(Id(1), std::nullopt);
  EXPECT_EQ(store_->GetRows({RowId(1)}, nullptr).value()[0], std::nullopt);
  EXPECT_EQ(Vector(1), std::nullopt);
  EXPECT_EQ(store_->GetAssigns(g, {RowId(1)}, nullptr).value()[0], std::nullopt);
  ASSERT_TRUE(store_
                  ->ScanPostings(g, ListId(0), ListId(9), 1, 0, nullptr,
                                 [](const PostingView&) {
                                   ADD_FAILURE() << "a deleted posting is visited";
                                   return OkStatus();
                                 })
                  .ok());
}

TEST_F(StoreTest, SnapshotSeesItsMomentOnly) {
  Open();
  const Generation g(1);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  const auto put = [&](const std::string& what, ListId list) {
    return Write([&](Batch& batch) {
      batch.PutId(1, RowId(list.value));
      batch.PutRow(RowId(1), {1, list.value, 1.0f});
      batch.PutVector(RowId(1), {ElementType::kU8, what});
      batch.PutAssign(g, RowId(1), list);
      batch.PutPosting(g, list, RowId(1), "c", 1.0f, "");
    });
  };
  ASSERT_TRUE(put("old", ListId(1)).ok());
  const StoreSnapshotPtr before = store_->GetSnapshot();
  ASSERT_TRUE(put("new", ListId(2)).ok());
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.DeletePosting(g, ListId(1), RowId(1));
                batch.PutVector(RowId(2), {ElementType::kU8, "two"});
              }).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Id(1, before.get()), RowId(1));
    EXPECT_EQ(Id(1), RowId(2));
    EXPECT_EQ(Vector(1, before.get())->bytes, "old");
    EXPECT_EQ(Vector(1)->bytes, "new");
    EXPECT_EQ(Vector(2, before.get()), std::nullopt);
    EXPECT_EQ(store_->GetRows({RowId(1)}, before.get()).value()[0]->version, 1u);
    EXPECT_EQ(store_->GetAssigns(g, {RowId(1)}, before.get()).value()[0], ListId(1));
    EXPECT_EQ(store_->GetAssigns(g, {RowId(1)}, nullptr).value()[0], ListId(2));
    for (const bool old : {true, false}) {
      std::vector<ListId> lists;
      const auto visit = [&](const PostingView& posting) {
        lists.push_back(posting.list);
        return OkStatus();
      };
      const StoreSnapshot* at = old ? before.get() : nullptr;
      ASSERT_TRUE(store_->ScanPostings(g, ListId(0), ListId(9), 1, 0, at, visit).ok());
      EXPECT_EQ(lists, std::vector<ListId>{ListId(old ? 1 : 2)});
      size_t vectors = 0;
      const auto count = [&](RowId, const VectorView&) {
        ++vectors;
        return OkStatus();
      };
      ASSERT_TRUE(store_->ScanVectors(RowId(0), RowId(UINT32_MAX), at, count).ok());
      EXPECT_EQ(vectors, old ? 1u : 2u);
    }
    ASSERT_TRUE(store_->FlushAll().ok());
  }
}

TEST_F(StoreTest, SnapshotOutlivesTheStore) {
  Open();
  const StoreSnapshotPtr snapshot = store_->GetSnapshot();
  store_.reset();
  EXPECT_EQ(TryOpen(false).status().code(), kPrecondition);
}

// Many keys at once, present, absent and repeated, across memtable, several files and deletes.
TEST_F(StoreTest, LooksUpManyAgainstAModel) {
  Open();
  std::map<uint64_t, RowId> model;
  std::vector<StoreSnapshotPtr> snapshots;
  std::vector<std::map<uint64_t, RowId>> models;
  for (uint32_t round = 0; round < 6; ++round) {
    ASSERT_TRUE(Write([&](Batch& batch) {
                  for (uint32_t i = 0; i < 500; ++i) {
                    const uint64_t id = (i * 7919u + round * 131u) % 2000;
                    if ((i + round) % 5 == 0) {
                      batch.DeleteId(id);
                      model.erase(id);
                    } else {
                      batch.PutId(id, RowId(round * 1000 + i));
                      model[id] = RowId(round * 1000 + i);
                    }
                  }
                }).ok());
    snapshots.push_back(store_->GetSnapshot());
    models.push_back(model);
    if (round % 2 == 1) {
      ASSERT_TRUE(store_->FlushAll().ok());
    }
  }
  std::vector<PointId> ids;
  for (uint64_t i = 0; i < 2200; ++i) ids.emplace_back(i * 13 % 2100);
  std::vector<const PointId*> pointers;
  for (const PointId& id : ids) pointers.push_back(&id);
  for (size_t s = 0; s < snapshots.size(); ++s) {
    const auto rows = store_->GetIds(pointers, snapshots[s].get()).value();
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto it = models[s].find(ids[i].number());
      ASSERT_EQ(rows[i], it == models[s].end() ? std::nullopt : std::optional(it->second))
          << "snapshot " << s << ", id " << ids[i].ToString();
    }
  }
}

TEST_F(StoreTest, ScansKeepTheirBounds) {
  Open();
  const Generation g(1);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  ASSERT_TRUE(store_->CreateGeneration(Generation(2)).ok());
  ASSERT_TRUE(Write([&](Batch& batch) {
                for (const uint32_t r : {0u, 1u, 255u, 256u, UINT32_MAX - 1, UINT32_MAX}) {
                  batch.PutRow(RowId(r), {r, 1, 1.0f});
                  batch.PutVector(RowId(r), {ElementType::kU8, std::string(300, 'v')});
                  batch.PutPosting(g, ListId(r), RowId(r), "c", 0.0f, "");
                }
              }).ok());
  using Found = std::vector<uint32_t>;
  const auto scan = [&](uint32_t begin, uint32_t end) {
    Found rows, vectors, lists;
    EXPECT_TRUE(store_
                    ->ScanRows(RowId(begin), RowId(end), nullptr,
                               [&](RowId row, const RowRecord& record) {
                                 EXPECT_EQ(record.id, PointId(row.value));
                                 rows.push_back(row.value);
                                 return OkStatus();
                               })
                    .ok());
    EXPECT_TRUE(store_
                    ->ScanVectors(RowId(begin), RowId(end), nullptr,
                                  [&](RowId row, const VectorView& vector) {
                                    EXPECT_EQ(vector.bytes.size(), 300u);
                                    vectors.push_back(row.value);
                                    return OkStatus();
                                  })
                    .ok());
    EXPECT_TRUE(store_
                    ->ScanPostings(g, ListId(begin), ListId(end), 1, 0, nullptr,
                                   [&](const PostingView& posting) {
                                     lists.push_back(posting.list.value);
                                     return OkStatus();
                                   })
                    .ok());
    EXPECT_EQ(rows, vectors);
    EXPECT_EQ(rows, lists);
    return rows;
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(scan(0, UINT32_MAX), (Found{0, 1, 255, 256, UINT32_MAX - 1}));
    EXPECT_EQ(scan(1, 256), (Found{1, 255}));
    EXPECT_EQ(scan(2, 255), Found{});
    EXPECT_EQ(scan(5, 5), Found{});
    EXPECT_EQ(scan(9, 3), Found{});
    ASSERT_TRUE(store_->FlushAll().ok());
  }
}

TEST_F(StoreTest, ScanStopsAtTheVisitorsError) {
  Open();
  ASSERT_TRUE(Write([&](Batch& batch) {
                for (uint32_t r = 0; r < 9; ++r) batch.PutRow(RowId(r), {r, 1, 1.0f});
              }).ok());
  size_t visited = 0;
  const Status status = store_->ScanRows(RowId(0), RowId(9), nullptr, [&](RowId, const RowRecord&) {
    return ++visited == 3 ? Cancelled("enough") : OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(visited, 3u);
}

TEST_F(StoreTest, CentroidsMustBeDense) {
  Open();
  const Generation g(1);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  const std::vector<float> centroid = {1.0f, 2.0f};
  const auto put = [&](uint32_t list) {
    ASSERT_TRUE(
        Write([&](Batch& batch) { batch.PutCentroid(g, ListId(list), centroid.data(), 2); }).ok());
  };
  put(0);
  put(2);
  Status status = store_->ReadCentroids(g, 2, 3, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Mentions(status, "centroids-1[2]")) << status;
  put(1);
  EXPECT_EQ(store_->ReadCentroids(g, 2, 3, nullptr).value(), (std::vector<float>{1, 2, 1, 2, 1, 2}));
  status = store_->ReadCentroids(g, 2, 4, nullptr).status();
  EXPECT_TRUE(Mentions(status, "centroids-1[3]: missing")) << status;
  EXPECT_EQ(store_->ReadCentroids(g, 2, 2, nullptr).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_->ReadCentroids(g, 3, 3, nullptr).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_->ReadCentroids(Generation(2), 2, 1, nullptr).status().code(), kPrecondition);
}

TEST_F(StoreTest, BatchesThatCannotBeAppliedAreRefusedAndTheStoreGoesOn) {
  Open();
  const Generation g(1);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  const auto code = [&](const auto& fill, Durability durability = Durability::kSync) {
    return Write(
               [&](Batch& batch) {
                 batch.PutPosting(g, ListId(1), RowId(1), "c", 0.0f, "");
                 fill(batch);
               },
               durability)
        .code();
  };
  EXPECT_EQ(code([](Batch& b) { b.PutId(PointId(std::string()), RowId(1)); }), kInvalid);
  EXPECT_EQ(code([](Batch& b) { b.DeleteId(PointId(std::string(257, 'x'))); }), kInvalid);
  EXPECT_EQ(code([](Batch& b) { b.PutRow(RowId(1), {PointId(std::string()), 1, 1}); }), kInvalid);
  EXPECT_EQ(code([](Batch& b) { b.PutVector(RowId(1), {ElementType::kF32, "abc"}); }), kInvalid);
  EXPECT_EQ(code([](Batch& b) { b.PutVector(RowId(1), {ElementType::kU8, ""}); }), kInvalid);
  EXPECT_EQ(code([](Batch& b) { b.PutAssign(Generation(9), RowId(1), ListId(1)); }), kPrecondition);
  EXPECT_EQ(code([](Batch& b) { b.PutRecord("r", "x"); }, Durability::kNoLog), kInvalid);
  size_t visited = 0;
  const auto count = [&](const PostingView&) {
    ++visited;
    return OkStatus();
  };
  ASSERT_TRUE(store_->ScanPostings(g, ListId(0), ListId(9), 1, 0, nullptr, count).ok());
  EXPECT_EQ(visited, 0u);
  EXPECT_EQ(code([](Batch&) {}, Durability::kNoLog), absl::StatusCode::kOk);
}

TEST_F(StoreTest, FailedWriteStopsWritesUntilReopened) {
  Open();
  ASSERT_TRUE(Write([](Batch& batch) { batch.PutRecord("r", "first"); }).ok());
  SetFailpoints("store.write.before=error");
  EXPECT_EQ(Write([](Batch& batch) { batch.PutRecord("r", "second"); }).code(),
            absl::StatusCode::kUnavailable);
  SetFailpoints("");
  const Status refused = Write([](Batch& batch) { batch.PutRecord("r", "third"); });
  EXPECT_EQ(refused.code(), kPrecondition);
  EXPECT_TRUE(Mentions(refused, "store.write.before")) << refused;
  EXPECT_EQ(store_->CreateGeneration(Generation(1)).code(), kPrecondition);
  EXPECT_EQ(store_->FlushAll().code(), kPrecondition);
  EXPECT_EQ(store_->GetRecord("r").value(), "first");
  Reopen();
  EXPECT_TRUE(Write([](Batch& batch) { batch.PutRecord("r", "fourth"); }).ok());
  SetFailpoints("store.write.after=error");
  EXPECT_FALSE(Write([](Batch& batch) { batch.PutRecord("r", "fifth"); }).ok());
  SetFailpoints("");
  EXPECT_EQ(Write([](Batch&) {}).code(), kPrecondition);
  Reopen();
  EXPECT_EQ(store_->GetRecord("r").value(), "fifth");
  SetFailpoints("store.flush=error");
  EXPECT_FALSE(store_->FlushAll().ok());
  SetFailpoints("");
  EXPECT_EQ(Write([](Batch&) {}).code(), kPrecondition);
}

TEST_F(StoreTest, BatchOfAnotherStoreIsRefused) {
  Open();
  const std::unique_ptr<Batch> foreign = store_->NewBatch();
  foreign->PutRecord("r", "x");
  path_ += "-other";
  const std::unique_ptr<Store> first = std::move(store_);
  Open();
  EXPECT_EQ(store_->Write(*foreign, Durability::kSync).code(), kInvalid);
  EXPECT_TRUE(first->Write(*foreign, Durability::kSync).ok());
  store_.reset();
  std::filesystem::remove_all(path_);
  path_.resize(path_.size() - std::string("-other").size());
}

TEST_F(StoreTest, FlushAllTruncatesTheLog) {
  Open();
  const std::string vector(4096, 'v');
  ASSERT_TRUE(Write([&](Batch& batch) {
                for (uint32_t r = 0; r < 100; ++r) {
                  batch.PutVector(RowId(r), {ElementType::kU8, vector});
                  batch.PutRow(RowId(r), {r, 1, 1.0f});
                }
              }).ok());
  const Store::DiskUsage before = store_->Usage();
  EXPECT_GT(before.wal_bytes, 100 * vector.size());
  EXPECT_GT(before.memtable_bytes, 100 * vector.size());
  EXPECT_EQ(before.blob_bytes, 0u);
  ASSERT_TRUE(store_->FlushAll().ok());
  const Store::DiskUsage after = store_->Usage();
  EXPECT_LT(after.wal_bytes, 1000u);
  EXPECT_GT(after.blob_bytes, 100 * vector.size());
  EXPECT_GT(after.sst_bytes, 0u);
  EXPECT_LT(after.memtable_bytes, before.memtable_bytes);
}

// What stands in the files, seen through RocksDB itself: the golden bytes of the values that have
// no encoder of their own.
TEST_F(StoreTest, GoldenBytesOfVectorsAndPostings) {
  Open();
  ASSERT_TRUE(store_->CreateGeneration(Generation(1)).ok());
  ASSERT_TRUE(Write([](Batch& batch) {
                batch.PutVector(RowId(1), {ElementType::kI8, "abc"});
                batch.PutPosting(Generation(1), ListId(2), RowId(3), "CC", 1.0f, "RRR");
                batch.PutAssign(Generation(1), RowId(3), ListId(2));
              }).ok());
  store_.reset();
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, path_, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::OpenForReadOnly({}, path_, families, &handles, &db).ok());
  std::map<std::string, std::string> values;
  const std::map<std::string, std::string> keys = {{"vectors", {"\0\0\0\1", 4}},
                                                   {"assign-1", {"\0\0\0\3", 4}},
                                                   {"postings-1", {"\0\0\0\2\0\0\0\3", 8}}};
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    if (const auto key = keys.find(handle->GetName()); key != keys.end()) {
      EXPECT_TRUE(db->Get({}, handle, key->second, &values[handle->GetName()]).ok());
    }
    db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  delete db;
  EXPECT_EQ(values["vectors"], "\2abc");
  EXPECT_EQ(values["assign-1"], std::string("\2\0\0\0", 4));
  EXPECT_EQ(values["postings-1"], std::string("CC\0\0\x80\x3fRRR", 9));
}

}  // namespace
}  // namespace tessera::store

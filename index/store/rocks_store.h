// Store over RocksDB. Private to this folder: store.cc opens and writes, reader.cc reads, survey.cc reads everything.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "index/store/batch.h"
#include "index/store/durable_mark.h"
#include "index/store/families.h"
#include "index/store/ingested_files.h"
#include "index/store/store.h"

namespace tessera::store {

class RocksSnapshot final : public StoreSnapshot {
 public:
  // kept: may be null.
  RocksSnapshot(std::shared_ptr<rocksdb::DB> db, FamilyHandle kept)
      : db_(std::move(db)), kept_(std::move(kept)), snapshot_(db_->GetSnapshot()) {}
  ~RocksSnapshot() override { db_->ReleaseSnapshot(snapshot_); }
  const rocksdb::Snapshot* get() const { return snapshot_; }
  // Postings that can be read though their generation was dropped, while the handle is there; may be null.
  rocksdb::ColumnFamilyHandle* kept() const { return kept_.get(); }

 private:
  std::shared_ptr<rocksdb::DB> db_;
  FamilyHandle kept_;
  const rocksdb::Snapshot* snapshot_;
};

// Calls into RocksDB hold no lock of ours: the mutex only guards the pointer to the families and
// the cause of a failure.
class RocksStore final : public Store {
 public:
  RocksStore(std::shared_ptr<rocksdb::DB> db, std::shared_ptr<IngestedFiles> ingested_files, FamiliesPtr families,
             const std::string& path, const Options& options);

  StatusOr<std::optional<std::string>> GetRecord(const std::string& name) const override;
  std::unique_ptr<Batch> NewBatch() override;
  Status Write(Batch& batch, Durability durability) override;
  Status CheckSpace(uint64_t bytes) const override;
  Status CheckWritable() const override;
  Status Resume() override;
  StoreSnapshotPtr GetSnapshot() const override;
  StoreSnapshotPtr GetSnapshot(Generation kept) const override;

  StatusOr<std::vector<std::optional<RowId>>> GetIds(const std::vector<const PointId*>& ids,
                                                     const StoreSnapshot* at) const override;
  StatusOr<std::vector<std::optional<RowRecord>>> GetRows(const std::vector<RowId>& rows,
                                                          const StoreSnapshot* at) const override;
  StatusOr<std::vector<std::optional<RawVector>>> GetVectors(
      const std::vector<RowId>& rows, const StoreSnapshot* at) const override;
  StatusOr<std::vector<std::optional<std::string>>> GetPayloads(
      const std::vector<RowId>& rows, const StoreSnapshot* at) const override;
  StatusOr<std::vector<std::optional<StoredPosting>>> GetPostings(
      Generation g, const std::vector<ListId>& lists, const std::vector<RowId>& rows,
      uint32_t code_bytes, uint32_t refine_bytes, const StoreSnapshot* at) const override;
  Status GetRefineRecords(const std::vector<ListId>& lists, const std::vector<RowId>& rows, uint32_t code_bytes,
                          uint32_t refine_bytes, const StoreSnapshot& at, uint8_t* refine) const override;
  StatusOr<std::vector<std::optional<RequestRecord>>> GetRequests(
      const std::vector<std::string>& ids, const StoreSnapshot* at) const override;
  StatusOr<std::vector<std::optional<ListId>>> GetAssigns(Generation g,
                                                          const std::vector<RowId>& rows,
                                                          const StoreSnapshot* at) const override;

  Status ScanVectors(RowId begin, RowId end, const StoreSnapshot* at,
                     const VectorVisitor& visit) const override;
  Status ScanRows(RowId begin, RowId end, const StoreSnapshot* at,
                  const RowVisitor& visit) const override;
  Status ScanPayloads(RowId begin, RowId end, const StoreSnapshot* at,
                      const PayloadVisitor& visit) const override;
  StatusOr<bool> HasPayloads() const override;
  Status ScanRequests(uint64_t begin, uint64_t end, const StoreSnapshot* at,
                      const RequestVisitor& visit) const override;
  StatusOr<std::pair<uint64_t, uint64_t>> RequestPlaces() const override;
  Status ScanPostings(Generation g, ListId begin, ListId end, uint32_t code_bytes,
                      uint32_t refine_bytes, const StoreSnapshot* at,
                      const PostingVisitor& visit) const override;
  StatusOr<std::vector<float>> ReadCentroids(Generation g, uint32_t dim, uint32_t nlist,
                                             const StoreSnapshot* at) const override;
  Status ScanRecords(const StoreSnapshot* at, const RecordVisitor& visit) const override;
  Status ScanIds(const StoreSnapshot* at, const IdVisitor& visit) const override;
  Status ScanAssigns(Generation g, RowId begin, RowId end, const StoreSnapshot* at,
                     const AssignVisitor& visit) const override;
  Status CheckFiles(const FileVisitor& checked) const override;

  Status CreateGeneration(Generation g) override;
  Status DropGeneration(Generation g) override;
  std::vector<Generation> Generations() const override;
  Status FlushGeneration(Generation g) override;
  Status FlushAll() override;
  Status SyncLog() override;
  void MarkDurable(uint64_t commit) override { mark_.Raise(commit); }
  Status Reclaim(std::atomic<bool>& stop) override;
  Status Checkpoint(const std::string& directory) override;
  DiskUsage Usage() const override;

 private:
  FamiliesPtr families() const;
  void Publish(const std::function<void(Families&)>& change);
  // Families that hold the generation open, or FailedPrecondition.
  StatusOr<FamiliesPtr> WithGeneration(Generation g) const;

  // Remembers the first failure and gives it back.
  Status Poison(const Status& failure);
  Status CheckBatch(const RocksBatch& batch, Durability durability) const;
  Status CreateFamilies(GenerationFamilies& created);
  void DropLeftover();
  Status DropFamilies(const GenerationFamilies& dropped);
  Status Flush(const std::vector<rocksdb::ColumnFamilyHandle*>& handles);

  const std::shared_ptr<rocksdb::DB> db_;
  const std::shared_ptr<IngestedFiles> ingested_files_;
  const std::shared_ptr<SharedResources::Impl> shared_;
  const uint64_t disk_reserve_bytes_;
  const bool read_only_;
  DurableMark mark_;
  const std::shared_ptr<BatchMemory> batch_memory_ = std::make_shared<BatchMemory>();

  mutable std::mutex mutex_;
  FamiliesPtr families_;  // guarded by mutex_
  Status poison_;         // guarded by mutex_
  std::vector<FamilyHandle> leftover_;  // of a generation that failed to be created; guarded by mutex_
  std::atomic<bool> poisoned_{false};
};

}  // namespace tessera::store

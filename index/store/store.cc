#include "index/store/store.h"

#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "index/base/disk_space.h"
#include "index/base/failpoint.h"
#include "index/store/ingest.h"
#include "index/store/log_files.h"
#include "index/store/options.h"
#include "index/store/rocks_status.h"
#include "index/store/rocks_store.h"

namespace tessera::store {
namespace {

constexpr std::chrono::milliseconds kMostCompaction{10000};
constexpr std::chrono::milliseconds kPoll{20};  // RocksDB 7.8 tells nobody

void AwaitCompactions(rocksdb::DB& db, const Families& families) {
  const auto busy = [&](rocksdb::ColumnFamilyHandle* handle) {
    uint64_t pending = 0;
    uint64_t running = 0;
    db.GetIntProperty(handle, rocksdb::DB::Properties::kCompactionPending, &pending);
    db.GetIntProperty(handle, rocksdb::DB::Properties::kNumRunningCompactions, &running);
    return pending + running > 0;
  };
  for (auto waited = kPoll; waited <= kMostCompaction && std::ranges::any_of(families.All(), busy); waited += kPoll) {
    std::this_thread::sleep_for(kPoll);
  }
}

std::string Name(Generation g) { return "generation " + std::to_string(g.value); }

}  // namespace

RocksStore::RocksStore(std::shared_ptr<rocksdb::DB> db, std::shared_ptr<IngestedFiles> ingested_files,
                       FamiliesPtr families, const std::string& path, const Options& options)
    : db_(std::move(db)),
      ingested_files_(std::move(ingested_files)),
      shared_(options.shared->impl()),
      disk_reserve_bytes_(options.disk_reserve_bytes),
      read_only_(options.read_only),
      mark_(path, !options.read_only),
      families_(std::move(families)) {}

FamiliesPtr RocksStore::families() const {
  std::lock_guard lock(mutex_);
  return families_;
}

void RocksStore::Publish(const std::function<void(Families&)>& change) {
  FamiliesPtr old;  // outlives the lock: releasing a handle calls RocksDB
  std::lock_guard lock(mutex_);
  auto next = std::make_shared<Families>(*families_);
  change(*next);
  old = std::exchange(families_, std::move(next));
}

StatusOr<FamiliesPtr> RocksStore::WithGeneration(Generation g) const {
  FamiliesPtr found = families();
  if (found->Find(g) == nullptr) return FailedPrecondition(Name(g) + ": no such generation");
  return found;
}

Status RocksStore::CheckWritable() const {
  if (read_only_) return FailedPrecondition("the store was opened for reading only");
  if (!poisoned_.load(std::memory_order_acquire)) return OkStatus();
  std::lock_guard lock(mutex_);
  return FailedPrecondition("the store takes no writes until reopened, since one failed: " +
                            MessageOf(poison_));
}

Status RocksStore::Poison(const Status& failure) {
  if (failure.ok()) return failure;
  std::lock_guard lock(mutex_);
  if (poison_.ok()) poison_ = failure;
  poisoned_.store(true, std::memory_order_release);
  return failure;
}

Status RocksStore::CheckSpace(uint64_t bytes) const { return CheckDiskSpace(db_->GetName(), disk_reserve_bytes_, bytes); }

void RocksStore::DropLeftover() {
  std::vector<FamilyHandle> leftover;
  {
    std::lock_guard lock(mutex_);
    leftover.swap(leftover_);
  }
  for (const FamilyHandle& family : leftover) (void)db_->DropColumnFamily(family.get());
}

Status RocksStore::Resume() {
  TESSERA_RETURN_IF_ERROR(CheckSpace(0));
  {
    std::lock_guard lock(mutex_);
    if (poison_.ok()) return OkStatus();
    if (!absl::IsResourceExhausted(poison_)) return poison_;
  }
  TESSERA_RETURN_IF_ERROR(FromRocks(db_->Resume(), "resume"));
  DropLeftover();
  TESSERA_RETURN_IF_ERROR(ClearStaging(db_->GetEnv(), db_->GetName()));
  std::lock_guard lock(mutex_);
  poison_ = OkStatus();
  poisoned_.store(false, std::memory_order_release);
  return OkStatus();
}

std::unique_ptr<Batch> RocksStore::NewBatch() {
  return std::make_unique<RocksBatch>(families(), batch_memory_);
}

Status RocksStore::CheckBatch(const RocksBatch& batch, Durability durability) const {
  TESSERA_RETURN_IF_ERROR(batch.status());
  if (durability == Durability::kNoLog && batch.touches_truth()) {
    return InvalidArgument("a batch without log may change families of a generation only");
  }
  const FamiliesPtr now = families();
  if (batch.families()->records != now->records) {
    return InvalidArgument("the batch belongs to another store");
  }
  for (const GenerationFamilies* g : batch.generations()) {
    const GenerationFamilies* current = now->Find(g->generation);
    if (current == nullptr || current->handles != g->handles) {
      return FailedPrecondition(Name(g->generation) + ": dropped since the batch was begun");
    }
  }
  return OkStatus();
}

Status RocksStore::Write(Batch& batch, Durability durability) {
  auto& rocks_batch = static_cast<RocksBatch&>(batch);
  TESSERA_RETURN_IF_ERROR(CheckWritable());
  TESSERA_RETURN_IF_ERROR(CheckBatch(rocks_batch, durability));
  TESSERA_RETURN_IF_ERROR(CheckSpace(rocks_batch.rocks().GetDataSize()));
  TESSERA_RETURN_IF_ERROR(Poison(Failpoint("store.write.before")));
  if (durability == Durability::kIngest) {
    TESSERA_RETURN_IF_ERROR(Poison(IngestBatch(*db_, *ingested_files_, rocks_batch)));
  } else {
    const rocksdb::Status written = db_->Write(WriteOptionsFor(durability), &rocks_batch.rocks());
    TESSERA_RETURN_IF_ERROR(Poison(FromRocks(written, "write")));
  }
  return Poison(Failpoint("store.write.after"));
}

StoreSnapshotPtr RocksStore::GetSnapshot() const { return std::make_shared<RocksSnapshot>(db_, nullptr); }

StoreSnapshotPtr RocksStore::GetSnapshot(Generation kept) const {
  const FamiliesPtr now = families();
  const GenerationFamilies* generation = now->Find(kept);
  return std::make_shared<RocksSnapshot>(db_, generation == nullptr ? nullptr : generation->postings_handle());
}

Status RocksStore::CreateFamilies(GenerationFamilies& created) {
  for (size_t i = 0; i < kGenerationPrefixes.size(); ++i) {
    TESSERA_RETURN_IF_ERROR(Failpoint("store.create_generation"));
    const std::string name = GenerationFamily(kGenerationPrefixes[i], created.generation);
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    const rocksdb::Status status =
        db_->CreateColumnFamily(FamilyOptions(*shared_, name), name, &handle);
    TESSERA_RETURN_IF_ERROR(FromRocks(status, "create " + name));
    created.handles[i] = MakeFamilyHandle(db_, handle);
  }
  return OkStatus();
}

Status RocksStore::CreateGeneration(Generation g) {
  TESSERA_RETURN_IF_ERROR(CheckWritable());
  if (families()->Find(g) != nullptr) return FailedPrecondition(Name(g) + ": exists already");
  TESSERA_RETURN_IF_ERROR(CheckSpace(0));
  GenerationFamilies created{g, {}};
  const Status made = CreateFamilies(created);
  if (!made.ok()) {
    std::lock_guard lock(mutex_);
    for (FamilyHandle& handle : created.handles) {
      if (handle) leftover_.push_back(std::move(handle));
    }
  }
  TESSERA_RETURN_IF_ERROR(Poison(made));
  Publish([&](Families& families) {
    auto& all = families.generations;
    const auto after = std::find_if(all.begin(), all.end(),
                                    [&](const auto& other) { return other.generation > g; });
    all.insert(after, created);
  });
  return OkStatus();
}

Status RocksStore::DropFamilies(const GenerationFamilies& dropped) {
  for (const FamilyHandle& handle : dropped.handles) {
    TESSERA_RETURN_IF_ERROR(Failpoint("store.drop_generation"));
    const rocksdb::Status status = db_->DropColumnFamily(handle.get());
    TESSERA_RETURN_IF_ERROR(FromRocks(status, "drop " + handle->GetName()));
  }
  return OkStatus();
}

Status RocksStore::DropGeneration(Generation g) {
  TESSERA_RETURN_IF_ERROR(CheckWritable());
  const FamiliesPtr before = families();
  const GenerationFamilies* dropped = before->Find(g);
  if (dropped == nullptr) return FailedPrecondition(Name(g) + ": no such generation");
  Publish([&](Families& families) {
    std::erase_if(families.generations, [&](const auto& other) { return other.generation == g; });
  });
  return Poison(DropFamilies(*dropped));
}

std::vector<Generation> RocksStore::Generations() const {
  std::vector<Generation> all;
  for (const GenerationFamilies& g : families()->generations) all.push_back(g.generation);
  return all;
}

Status RocksStore::Flush(const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  TESSERA_RETURN_IF_ERROR(CheckWritable());
  TESSERA_RETURN_IF_ERROR(Poison(Failpoint("store.flush")));
  const rocksdb::Status flushed = db_->Flush(rocksdb::FlushOptions(), handles);
  if (!flushed.IsColumnFamilyDropped()) return Poison(FromRocks(flushed, "flush"));
  // A training dropped a generation meanwhile, and there RocksDB stopped: what is left is flushed one by one.
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    const rocksdb::Status one = db_->Flush(rocksdb::FlushOptions(), handle);
    if (!one.IsColumnFamilyDropped()) TESSERA_RETURN_IF_ERROR(Poison(FromRocks(one, "flush " + handle->GetName())));
  }
  return OkStatus();
}

Status RocksStore::FlushGeneration(Generation g) {
  TESSERA_ASSIGN_OR_RETURN(const FamiliesPtr families, WithGeneration(g));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  for (const FamilyHandle& handle : families->Find(g)->handles) handles.push_back(handle.get());
  return Flush(handles);
}

Status RocksStore::FlushAll() {
  const FamiliesPtr all = families();
  TESSERA_RETURN_IF_ERROR(Flush(all->All()));
  AwaitCompactions(*db_, *all);
  return OkStatus();
}

Status RocksStore::SyncLog() {
  TESSERA_RETURN_IF_ERROR(CheckWritable());
  return Poison(FromRocks(db_->FlushWAL(true), "sync the log"));
}

uint64_t Store::DurableCommit(const std::string& path) { return DurableMark::Read(path); }

StatusOr<bool> Store::AreLogsWhole(const std::string& path) { return store::AreLogsWhole(path); }

Status RocksStore::Reclaim(std::atomic<bool>& stop) {
  TESSERA_RETURN_IF_ERROR(CheckWritable());
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  // Every blob file that a row was deleted of is rewritten, however young.
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  options.blob_garbage_collection_age_cutoff = 1.0;
  options.canceled = &stop;
  const FamiliesPtr all = families();
  for (rocksdb::ColumnFamilyHandle* handle : all->All()) {
    const rocksdb::Status status = db_->CompactRange(options, handle, nullptr, nullptr);
    if (stop || status.IsIncomplete()) return Cancelled("reclaiming was stopped");
    if (status.IsColumnFamilyDropped()) continue;
    TESSERA_RETURN_IF_ERROR(Poison(FromRocks(status, "compact " + handle->GetName())));
  }
  return OkStatus();
}

Status RocksStore::Checkpoint(const std::string& directory) {
  TESSERA_RETURN_IF_ERROR(CheckWritable());
  TESSERA_RETURN_IF_ERROR(Failpoint("store.checkpoint"));
  rocksdb::Checkpoint* raw = nullptr;
  TESSERA_RETURN_IF_ERROR(FromRocks(rocksdb::Checkpoint::Create(db_.get(), &raw), "checkpoint"));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  return FromRocks(checkpoint->CreateCheckpoint(directory, 0), "checkpoint " + directory);
}

Store::DiskUsage RocksStore::Usage() const {
  DiskUsage usage;
  const FamiliesPtr all = families();
  const auto sum = [&](const std::string& property) {
    uint64_t total = 0;
    for (rocksdb::ColumnFamilyHandle* handle : all->All()) {
      uint64_t value = 0;
      if (db_->GetIntProperty(handle, property, &value)) total += value;
    }
    return total;
  };
  usage.sst_bytes = sum(rocksdb::DB::Properties::kTotalSstFilesSize);
  usage.blob_bytes = sum(rocksdb::DB::Properties::kTotalBlobFileSize);
  usage.memtable_bytes = sum(rocksdb::DB::Properties::kSizeAllMemTables);
  usage.table_reader_bytes = sum(rocksdb::DB::Properties::kEstimateTableReadersMem);
  rocksdb::VectorLogPtr logs;
  if (db_->GetSortedWalFiles(logs).ok()) {
    for (const auto& log : logs) usage.wal_bytes += log->SizeFileBytes();
  }
  return usage;
}

}  // namespace tessera::store

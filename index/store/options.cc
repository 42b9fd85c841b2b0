#include "index/store/options.h"

#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>

#include "index/store/keys.h"

namespace tessera::store {
namespace {

constexpr size_t kKiB = 1024;
constexpr size_t kMiB = 1024 * kKiB;
constexpr int64_t kNoRate = int64_t{1} << 40;  // bytes a second, more than any disk takes

// What every family shares; `block_bytes` is the size of a data block.
rocksdb::BlockBasedTableOptions TableOptions(const SharedResources::Impl& shared,
                                             size_t block_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = shared.cache;
  table.block_size = block_bytes;
  // Indexes and filters live in the cache, so that its size bounds resident memory.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  // Level 0 is asked by every lookup of an absent id.
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  // Scans read ahead up to this much, from 8 KiB on: a scan of one list does not read a MiB.
  table.max_auto_readahead_size = kMiB;
  return table;
}

rocksdb::ColumnFamilyOptions BaseFamily(size_t memtable_bytes) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = memtable_bytes;
  // One filling, one flushing: memory stays bounded, a slow disk is felt by the writer.
  family.max_write_buffer_number = 2;
  // Memory of an empty or nearly empty family: a block, not a MiB.
  family.arena_block_size = memtable_bytes >= 8 * kMiB ? 256 * kKiB : 32 * kKiB;
  // Codes and vectors do not compress; keys are delta-coded in their blocks anyway.
  family.compression = rocksdb::kNoCompression;
  // A small database has one level below level 0; fewer files to open, to ask and to merge.
  family.level_compaction_dynamic_level_bytes = true;
  return family;
}

void UseTable(rocksdb::ColumnFamilyOptions& family, const rocksdb::BlockBasedTableOptions& table) {
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
}

// For keys in random order: every merge of level 0 rewrites what is below it, so a load merges
// seldom.
void MergeSeldom(rocksdb::ColumnFamilyOptions& family) {
  family.level0_file_num_compaction_trigger = 8;
  family.level0_slowdown_writes_trigger = 32;
  family.level0_stop_writes_trigger = 48;
}

// Random keys, looked up one by one; most lookups of a load find nothing.
rocksdb::ColumnFamilyOptions IdsFamily(const SharedResources::Impl& shared) {
  rocksdb::ColumnFamilyOptions family = BaseFamily(4 * kMiB);
  rocksdb::BlockBasedTableOptions table = TableOptions(shared, 4 * kKiB);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  UseTable(family, table);
  // The same for what is still in memory.
  family.memtable_prefix_bloom_size_ratio = 0.02;
  family.memtable_whole_key_filtering = true;
  MergeSeldom(family);
  // A filter is read whole: at 16 MiB it is about 1 MiB.
  family.target_file_size_base = 16 * kMiB;
  return family;
}

// Ascending keys: files never overlap, so compaction moves them without reading.
rocksdb::ColumnFamilyOptions RowOrderFamily(const SharedResources::Impl& shared,
                                            size_t memtable_bytes) {
  rocksdb::ColumnFamilyOptions family = BaseFamily(memtable_bytes);
  UseTable(family, TableOptions(shared, 4 * kKiB));
  return family;
}

// Blob files: compaction moves references, not vectors and payloads.
rocksdb::ColumnFamilyOptions BlobFamily(const SharedResources::Impl& shared, size_t memtable_bytes) {
  rocksdb::ColumnFamilyOptions family = RowOrderFamily(shared, memtable_bytes);
  family.enable_blob_files = true;
  // Below this a reference costs as much as the copy.
  family.min_blob_size = 128;
  family.blob_file_size = 256 * kMiB;
  family.blob_compression_type = rocksdb::kNoCompression;
  // Without these two, what is deleted would never give its space back.
  family.enable_blob_garbage_collection = true;
  family.blob_garbage_collection_age_cutoff = 0.5;
  family.blob_garbage_collection_force_threshold = 0.5;
  family.blob_compaction_readahead_size = 2 * kMiB;
  return family;
}

// Keys arrive in random order of lists, ascending within one.
rocksdb::ColumnFamilyOptions PostingsFamily(const SharedResources::Impl& shared) {
  rocksdb::ColumnFamilyOptions family = BaseFamily(16 * kMiB);
  UseTable(family, TableOptions(shared, 16 * kKiB));
  // The place after the last posting of the list is remembered: appends need no search.
  family.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(sizeof(ListId)));
  MergeSeldom(family);
  return family;
}

rocksdb::ColumnFamilyOptions SmallFamily(const SharedResources::Impl& shared) {
  rocksdb::ColumnFamilyOptions family = BaseFamily(kMiB);
  UseTable(family, TableOptions(shared, 4 * kKiB));
  return family;
}

}  // namespace

rocksdb::DBOptions DatabaseOptions(const SharedResources::Impl& shared, rocksdb::Env* env) {
  rocksdb::DBOptions db;
  if (env != nullptr) db.env = env;
  db.write_buffer_manager = shared.write_buffers;
  db.max_background_jobs = shared.background_threads;
  db.rate_limiter = shared.write_rate;
  // A torn tail of the log is the end of it: what was not synced was not promised.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // Else one small family pins the log for ever; bounds the replay at start.
  db.max_total_wal_size = 64 * kMiB;
  // 200 collections must not exhaust the process's descriptors.
  db.max_open_files = 512;
  // One committer writes; the plain memtable insert is cheaper and finds its place by the last one.
  db.allow_concurrent_memtable_write = false;
  // The engine resumes after a full disk by itself; a database that heals behind its back would hide the failure.
  db.max_bgerror_resume_count = 0;
  // Searches release snapshots and iterators: what that frees on disk goes to the background.
  db.avoid_unnecessary_blocking_io = true;
  // Files are written to disk while they grow: the log's fsync does not wait behind a whole flush.
  db.bytes_per_sync = kMiB;
  db.wal_bytes_per_sync = kMiB;
  // Start without reading every file's properties.
  db.skip_stats_update_on_db_open = true;
  // No periodic thread and no history of counters in memory.
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const SharedResources::Impl& shared,
                                           const std::string& family) {
  if (family == kIdsFamily) return IdsFamily(shared);
  if (family == kRowsFamily) return RowOrderFamily(shared, 4 * kMiB);
  if (family == kVectorsFamily) return BlobFamily(shared, 16 * kMiB);
  if (family == kPayloadFamily) return BlobFamily(shared, 4 * kMiB);
  if (family.starts_with(kAssignPrefix)) return RowOrderFamily(shared, 4 * kMiB);
  if (family.starts_with(kPostingsPrefix)) return PostingsFamily(shared);
  return SmallFamily(shared);
}

rocksdb::ReadOptions ScanOptions(const rocksdb::Snapshot* at, const rocksdb::Slice* upper) {
  rocksdb::ReadOptions options;
  options.snapshot = at;
  options.iterate_upper_bound = upper;
  options.fill_cache = false;
  return options;
}

rocksdb::WriteOptions WriteOptionsFor(Durability durability) {
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSync;
  options.disableWAL = durability == Durability::kNoLog;
  // A generation dropped between building and writing a batch takes its rows with it.
  options.ignore_missing_column_families = true;
  return options;
}

SharedResources::SharedResources(const Options& options) : impl_(std::make_shared<Impl>()) {
  rocksdb::LRUCacheOptions cache;
  cache.capacity = options.block_cache_bytes;
  cache.num_shard_bits = 4;
  // Indexes and filters stay before data blocks do.
  cache.high_pri_pool_ratio = 0.5;
  impl_->cache = rocksdb::NewLRUCache(cache);
  // Memtables are charged to the cache: one bound for both.
  impl_->write_buffers =
      std::make_shared<rocksdb::WriteBufferManager>(options.write_buffer_bytes, impl_->cache);
  impl_->background_threads = options.background_threads;
  impl_->write_rate.reset(rocksdb::NewGenericRateLimiter(kNoRate));
}

void SharedResources::SetWriteRate(uint64_t bytes_per_second) {
  const auto rate = std::min(bytes_per_second, static_cast<uint64_t>(kNoRate));
  impl_->write_rate->SetBytesPerSecond(rate == 0 ? kNoRate : static_cast<int64_t>(rate));
}

}  // namespace tessera::store

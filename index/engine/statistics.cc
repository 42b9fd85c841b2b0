#include "index/engine/statistics.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "index/engine/drift.h"
#include "index/engine/stored_records.h"

namespace tessera::engine {

MemoryUsage ReadMemoryUsage(const Core& core, const Snapshot& snapshot) {
  const lists::ListBytes bytes = snapshot.lists.Bytes();
  MemoryUsage m;
  m.codes = bytes.codes;
  m.corrections = bytes.corrections;
  m.refine = bytes.records;
  m.row_ids = bytes.row_ids;
  m.external_ids = bytes.external_ids;
  m.padding = bytes.padding;
  m.headers = bytes.headers;
  if (snapshot.trained()) {
    m.centroids = snapshot.table->bytes();
    m.model = snapshot.model->bytes();
  } else {
    std::swap(m.codes, m.refine);  // raw rows stand where refine records will
  }
  m.payload_index = snapshot.payloads->bytes() + snapshot.payloads->cache_stats().bytes;
  m.filters = core.filter_masks.bytes();
  m.expiry = core.expiry.bytes();
  return m;
}

uint64_t ReadIndexBytes(const Core& core, const Snapshot& snapshot) {
  const MemoryUsage usage = ReadMemoryUsage(core, snapshot);
  return usage.total() - usage.filters - snapshot.payloads->cache_stats().bytes;
}

void Core::Publish(SnapshotPtr next) {
  if (!next) {
    snapshot.Set(nullptr);
    memory->Set(0);
    return;
  }
  const uint64_t bytes = ReadIndexBytes(*this, *next);
  snapshot.Set(std::move(next));
  memory->Set(bytes);
}

CollectionStats ReadStatistics(const Core& core) {
  const SnapshotPtr snapshot = core.snapshot.Get();
  CollectionStats stats;
  stats.rows = snapshot->lists.live_rows();
  stats.dead_rows = snapshot->lists.rows() - snapshot->lists.live_rows();
  stats.commit = snapshot->commit;
  stats.generation = snapshot->generation;
  stats.memory = ReadMemoryUsage(core, *snapshot);
  stats.budget = core.memory->Read();
  if (snapshot->trained()) {
    stats.quantizer = snapshot->model->spec.ToString();
    stats.trained_rows = snapshot->model->trained_rows;
    stats.training_error = snapshot->model->training_error;
    stats.nlist = snapshot->table->nlist();
    stats.refine_on_disk = RefineIsOnDisk(*snapshot);
  }
  for (uint32_t l = 0; l < snapshot->lists.nlist(); ++l) {
    const lists::List* list = snapshot->lists.list(ListId{l});
    if (list) stats.largest_list = std::max(stats.largest_list, list->live_rows);
  }
  stats.list_imbalance = ListImbalance(*snapshot);
  stats.drift = AssessDrift(*snapshot, stats.list_imbalance);
  const store::Store::DiskUsage disk = core.store->Usage();
  stats.disk_bytes = disk.sst_bytes + disk.blob_bytes + disk.wal_bytes;
  stats.store_memory_bytes = disk.memtable_bytes + disk.table_reader_bytes;
  stats.read_only = core.read_only;
  if (stats.read_only) {
    std::lock_guard lock(core.cause_mutex);
    stats.read_only_cause = core.read_only_cause;
  }
  {
    std::lock_guard lock(core.spec_mutex);
    stats.plan = core.plan;
  }
  stats.training = core.training;
  if (stats.training) {
    stats.training_fraction = core.training_fraction;
    stats.training_stage = core.training_stage.load();
  }
  stats.tuning = core.tuning;
  if (const auto curve = core.curve.Get(); curve && curve->grid().generation == stats.generation) {
    stats.tuned_queries = curve->grid().queries;
  }
  stats.live_recall = core.live_recall.Read();
  stats.rebalancing = core.rebalancing;
  stats.list_splits = core.list_splits;
  stats.list_merges = core.list_merges;
  stats.list_moves = core.list_moves;
  stats.reclaiming = core.reclaiming;
  stats.accepted_rows_failed = core.accepted_rows_failed;
  return stats;
}

}  // namespace tessera::engine

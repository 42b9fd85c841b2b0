#include "index/engine/expiry.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/engine/metadata.h"
#include "index/engine/payload_upkeep.h"
#include "index/engine/waiter.h"
#include "index/engine/write_op.h"

namespace tessera::engine {
namespace {

// Of one commit; with as many the committer writes sorted files, which spares the log.
constexpr size_t kBatchRows = 8192;
constexpr size_t kFewEntries = 1024;  // not worth looking through

// The deletion of what `rows` still are in the store.
StatusOr<std::unique_ptr<WriteOp>> RemovalOf(const Core& core, const std::vector<RowId>& rows) {
  TESSERA_ASSIGN_OR_RETURN(auto records, core.store->GetRows(rows, nullptr));
  auto op = std::make_unique<WriteOp>();
  op->kind = WriteKind::kExpire;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!records[i]) continue;
    PreparedRow row;
    row.index = op->rows.size();
    row.id = std::move(records[i]->id);
    row.expired_row = rows[i];
    op->bytes += sizeof(PreparedRow);
    op->rows.push_back(std::move(row));
  }
  return op;
}

StatusOr<uint64_t> Commit(Committer& committer, std::unique_ptr<WriteOp> op) {
  if (op->rows.empty()) return uint64_t{0};
  Waiter<WriteResult> waiter;
  op->done = [&waiter](StatusOr<WriteResult> result) { waiter.Set(std::move(result)); };
  TESSERA_RETURN_IF_ERROR(committer.Submit(op));
  TESSERA_ASSIGN_OR_RETURN(const WriteResult result, waiter.Wait());
  return uint64_t{result.rows};
}

StatusOr<uint64_t> RemoveSome(Core& core, Committer& committer, const std::vector<RowId>& rows) {
  TESSERA_ASSIGN_OR_RETURN(auto op, RemovalOf(core, rows));
  return Commit(committer, std::move(op));
}

}  // namespace

void ExpiryWatch::Add(RowId row, int64_t at_ms) {
  std::lock_guard lock(mutex_);
  heap_.push_back({at_ms, row});
  std::push_heap(heap_.begin(), heap_.end(), Later);
  UpdateEarliest();
}

std::vector<RowId> ExpiryWatch::Due(int64_t now_ms) const {
  std::vector<RowId> rows;
  if (earliest_ms_.load(std::memory_order_acquire) > now_ms) return rows;
  {
    std::lock_guard lock(mutex_);
    for (const Entry& entry : taken_) rows.push_back(entry.row);
    // Those of a heap that are due are a part of its tree that hangs together from the root.
    std::vector<size_t> open;
    if (!heap_.empty()) open.push_back(0);
    while (!open.empty()) {
      const size_t at = open.back();
      open.pop_back();
      if (heap_[at].at_ms > now_ms) continue;
      rows.push_back(heap_[at].row);
      for (const size_t child : {2 * at + 1, 2 * at + 2}) {
        if (child < heap_.size()) open.push_back(child);
      }
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<RowId> ExpiryWatch::Take(int64_t now_ms, size_t most) {
  std::lock_guard lock(mutex_);
  std::vector<RowId> rows;
  while (rows.size() < most && !heap_.empty() && heap_.front().at_ms <= now_ms) {
    rows.push_back(heap_.front().row);
    taken_.push_back(heap_.front());
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    heap_.pop_back();
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

void ExpiryWatch::Done(bool removed) {
  std::lock_guard lock(mutex_);
  if (!removed) {
    for (const Entry& entry : taken_) {
      heap_.push_back(entry);
      std::push_heap(heap_.begin(), heap_.end(), Later);
    }
  }
  taken_.clear();
  UpdateEarliest();
}

bool ExpiryWatch::crowded() const {
  std::lock_guard lock(mutex_);
  return heap_.size() > 2 * kept_ + kFewEntries;
}

void ExpiryWatch::Keep(const std::function<bool(RowId)>& live) {
  std::lock_guard lock(mutex_);
  std::erase_if(heap_, [&](const Entry& entry) { return !live(entry.row); });
  heap_.shrink_to_fit();
  std::make_heap(heap_.begin(), heap_.end(), Later);
  kept_ = heap_.size();
  UpdateEarliest();
}

size_t ExpiryWatch::bytes() const {
  std::lock_guard lock(mutex_);
  return (heap_.capacity() + taken_.capacity()) * sizeof(Entry);
}

void ExpiryWatch::UpdateEarliest() {
  int64_t earliest = heap_.empty() ? INT64_MAX : heap_.front().at_ms;
  for (const Entry& entry : taken_) earliest = std::min(earliest, entry.at_ms);
  earliest_ms_.store(earliest, std::memory_order_release);
}

Status LoadExpiry(Core& core, uint32_t next_row) {
  TESSERA_ASSIGN_OR_RETURN(const auto record, core.store->GetRecord(kExpiringRecord));
  core.has_expiring = record.has_value();
  if (!record) return OkStatus();
  TESSERA_RETURN_IF_ERROR(core.store->ScanRows(
      RowId{0}, RowId{next_row}, nullptr, [&](RowId row, const store::RowRecord& found) -> Status {
        if (found.expire_at_ms > 0) core.expiry.Add(row, found.expire_at_ms);
        return OkStatus();
      }));
  core.expiry.Keep([](RowId) { return true; });
  return OkStatus();
}

StatusOr<uint64_t> RemoveExpiredPoints(Core& core, Committer& committer) {
  if (core.removing_expired.exchange(true)) return uint64_t{0};
  uint64_t removed = 0;
  Status status;
  while (status.ok() && !core.closing) {
    const std::vector<RowId> rows = core.expiry.Take(core.NowMs(), kBatchRows);
    if (rows.empty()) break;
    const StatusOr<uint64_t> some =
        core.read_only ? StatusOr<uint64_t>(core.ReadOnlyStatus()) : RemoveSome(core, committer, rows);
    status = some.status();
    if (some.ok()) removed += *some;
    core.expiry.Done(some.ok());
  }
  if (core.expiry.crowded()) {
    const SnapshotPtr snapshot = core.snapshot.Get();
    const filter::RowSet live = LiveRows(snapshot->lists);
    core.expiry.Keep([&](RowId row) { return row.value >= snapshot->next_row || live.Contains(row); });
  }
  core.removing_expired = false;
  TESSERA_RETURN_IF_ERROR(status);
  return removed;
}

}  // namespace tessera::engine

#include "index/engine/filter_masks.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "index/engine/payload_upkeep.h"
#include "index/filter/payload_index.h"

namespace tessera::engine {
namespace {

bool NamesIds(const Filter& filter) {
  if (filter.condition.kind == Condition::Kind::kHasId) return true;
  for (const auto* members : {&filter.must, &filter.should, &filter.must_not}) {
    if (std::any_of(members->begin(), members->end(), NamesIds)) return true;
  }
  return false;
}

StatusOr<filter::RowSet> Evaluate(const Snapshot& snapshot, const store::Store& store, const Filter& filter) {
  const auto resolve = [&](std::span<const PointId> ids, std::vector<RowId>& rows) -> Status {
    std::vector<const PointId*> wanted;
    wanted.reserve(ids.size());
    for (const PointId& id : ids) wanted.push_back(&id);
    TESSERA_ASSIGN_OR_RETURN(const auto found, store.GetIds(wanted, snapshot.store.get()));
    for (const auto& row : found) {
      if (row) rows.push_back(*row);
    }
    return OkStatus();
  };
  return snapshot.payloads->Evaluate(filter, RowId{snapshot.next_row}, resolve);
}

FilteredRowsPtr MakeRows(const Snapshot& snapshot, filter::RowSet rows, const lists::RowMask* before) {
  const auto select = [&rows](std::span<const RowId> ids, uint64_t* bits) { rows.FillMask(ids, bits); };
  lists::RowMask mask(snapshot.lists, select, before);
  return std::make_shared<const FilteredRows>(FilteredRows{std::move(rows), std::move(mask)});
}

}  // namespace

FilteredRowsPtr Without(const Snapshot& snapshot, const FilteredRows* passing, const std::vector<RowId>& left_out) {
  const filter::RowSet rows = passing ? passing->rows : LiveRows(snapshot.lists);
  return MakeRows(snapshot, rows.AndNot(filter::RowSet::OfRows(left_out)), nullptr);
}

StatusOr<FilteredRowsPtr> FilterMasks::Get(const Snapshot& snapshot, const store::Store& store,
                                           const Filter& filter) {
  TESSERA_RETURN_IF_ERROR(refused_);
  TESSERA_RETURN_IF_ERROR(CheckFilter(filter, snapshot.payloads->schema()));
  const std::string key = ToString(NormalizeFilter(filter));
  if (FilteredRowsPtr rows = Find(key, snapshot, true)) return rows;
  const FilteredRowsPtr before = NamesIds(filter) ? nullptr : Find(key, snapshot, false);
  TESSERA_ASSIGN_OR_RETURN(filter::RowSet rows, Evaluate(snapshot, store, filter));
  const FilteredRowsPtr made = MakeRows(snapshot, std::move(rows), before ? &before->mask : nullptr);
  AccountResults(snapshot.payloads->cache_stats().bytes);
  Keep({key, snapshot.generation, snapshot.commit, made, 0});
  return made;
}

// Of an earlier commit only to be built on: a later one may have left out rows that this snapshot still has.
FilteredRowsPtr FilterMasks::Find(const std::string& key, const Snapshot& snapshot, bool same_commit) {
  std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  const Entry& entry = *found->second;
  if (entry.generation != snapshot.generation) return nullptr;
  if (same_commit ? entry.commit != snapshot.commit : entry.commit > snapshot.commit) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return entry.rows;
}

void FilterMasks::Keep(Entry entry) {
  entry.bytes = sizeof(Entry) + entry.key.capacity() + entry.rows->rows.bytes() + entry.rows->mask.bytes();
  if (entry.bytes > capacity_ / 4 || (account_ && entry.bytes > account_->Room())) return;
  const auto [before, after] = Insert(std::move(entry));
  Account(before, after);
}

std::pair<size_t, size_t> FilterMasks::Insert(Entry entry) {
  std::list<Entry> dropped;  // freed outside the lock
  std::lock_guard lock(mutex_);
  const size_t before = bytes_;
  if (const auto found = by_key_.find(entry.key); found != by_key_.end()) {
    const auto old = found->second;
    if (old->generation == entry.generation && old->commit > entry.commit) return {before, before};
    by_key_.erase(found);
    bytes_ -= old->bytes;
    dropped.splice(dropped.begin(), entries_, old);
  }
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  by_key_[entries_.front().key] = entries_.begin();
  while (bytes_ > capacity_) {
    by_key_.erase(entries_.back().key);
    bytes_ -= entries_.back().bytes;
    dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
  }
  return {before, bytes_};
}

void FilterMasks::Account(size_t before, size_t after) const {
  if (account_) account_->AddCaches(static_cast<int64_t>(after) - static_cast<int64_t>(before));
}

void FilterMasks::AccountResults(size_t bytes) {
  size_t before = 0;
  {
    std::lock_guard lock(mutex_);
    before = std::exchange(result_bytes_, bytes);
  }
  Account(before, bytes);
}

size_t FilterMasks::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

void FilterMasks::Clear() {
  std::list<Entry> dropped;
  size_t before = 0;
  {
    std::lock_guard lock(mutex_);
    by_key_.clear();
    dropped.swap(entries_);
    before = std::exchange(bytes_, 0);
  }
  Account(before, 0);
}

}  // namespace tessera::engine

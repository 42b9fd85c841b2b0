// What filters let through of a snapshot, kept for the filters that were asked last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "index/engine/memory_budget.h"
#include "index/engine/snapshot.h"
#include "index/filter.h"
#include "index/filter/row_set.h"
#include "index/lists/row_mask.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

// Immutable.
struct FilteredRows {
  filter::RowSet rows;  // dead ones among them
  lists::RowMask mask;  // of the snapshot's lists: those alive
};
using FilteredRowsPtr = std::shared_ptr<const FilteredRows>;

// Of those that pass (null: of all live rows of the snapshot), all but some.
FilteredRowsPtr Without(const Snapshot& snapshot, const FilteredRows* passing, const std::vector<RowId>& left_out);

// Thread-safe; its lock is a leaf. A row id's payload never changes, so a mask that was made for an earlier commit is
// right for all chunks that are still there, unless the filter names points by their ids.
class FilterMasks {
 public:
  explicit FilterMasks(size_t capacity_bytes = 64u << 20) : capacity_(capacity_bytes) {}

  // Where the memory of what is kept is accounted; nothing is kept that has no room there. Before the first Get.
  void SetAccount(MemoryAccount* account) { account_ = account; }

  // InvalidArgument as CheckFilter says. `store`: where ids are looked up, as of the snapshot.
  StatusOr<FilteredRowsPtr> Get(const Snapshot& snapshot, const store::Store& store, const Filter& filter);

  // All that is asked is answered by this error. Before the first Get.
  void Refuse(const Status& cause) { refused_ = cause; }

  size_t bytes() const;
  // Forgets all: masks of lists that are gone hold their row ids in memory.
  void Clear();

 private:
  struct Entry {
    std::string key;  // the filter as an expression
    Generation generation;
    uint64_t commit = 0;
    FilteredRowsPtr rows;
    size_t bytes = 0;
  };

  FilteredRowsPtr Find(const std::string& key, const Snapshot& snapshot, bool same_commit);
  void Keep(Entry entry);
  // The bytes before and after.
  std::pair<size_t, size_t> Insert(Entry entry);

  // Tells the account; without the lock.
  void Account(size_t before, size_t after) const;
  // Of the payload index's own cache of results, which grows by what is asked here.
  void AccountResults(size_t bytes);

  const size_t capacity_;
  MemoryAccount* account_ = nullptr;
  Status refused_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
  size_t bytes_ = 0;
  size_t result_bytes_ = 0;  // that the account knows of
};

}  // namespace tessera::engine

// All points of a state, page by page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "index/engine/snapshot.h"
#include "index/filter/row_set.h"
#include "index/points.h"
#include "index/status.h"

namespace tessera::engine {

struct Core;
struct ReadView;

// A state that is being listed: its rows, and the store as it was. The mirror is not held. Immutable.
struct ListedState {
  uint64_t commit = 0;
  std::string filter;  // as an expression; "" without one
  store::StoreSnapshotPtr store;
  filter::RowSet rows;  // alive, and passing
};
using ListedStatePtr = std::shared_ptr<const ListedState>;

// The states that were listed last. Thread-safe; its lock is a leaf.
class ListedStates {
 public:
  static constexpr size_t kMost = 64;

  // Null if it is not kept.
  ListedStatePtr Find(uint64_t commit, const std::string& filter, int64_t now_ms);
  void Keep(ListedStatePtr state, int64_t now_ms);
  // Forgets what no page was asked of since `oldest_ms`: a kept state keeps replaced rows on disk.
  void Drop(int64_t oldest_ms);
  void Clear();

 private:
  struct Entry {
    ListedStatePtr state;
    int64_t used_ms = 0;
  };
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
};

// Errors as Collection::List.
StatusOr<ListResult> ListPoints(Core& core, const ReadView& view, const ListParams& params);

}  // namespace tessera::engine

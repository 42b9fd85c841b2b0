// Points whose time runs out: which rows are no answers any more, and their removal.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "index/status.h"
#include "index/store/store.h"
#include "index/types.h"

namespace tessera::engine {

class Committer;
struct Core;

// The rows of a collection that expire, by time. A row's expiry never changes: a point that is written again, or whose
// expiry is, has another row. So a row that was replaced stays here until its time has come; it is in no snapshot by then.
// Thread-safe; its lock is a leaf.
class ExpiryWatch {
 public:
  // Before the row is in a snapshot. at_ms > 0.
  void Add(RowId row, int64_t at_ms);

  // The rows that no answer may have at that time, ascending; dead ones among them. Nothing is locked, nor allocated,
  // while there is none.
  std::vector<RowId> Due(int64_t now_ms) const;

  // Some of these, to be removed: they stay due until Done, which must follow. One at a time.
  std::vector<RowId> Take(int64_t now_ms, size_t most);
  // removed: they are in no later snapshot. Else they are taken again.
  void Done(bool removed);

  // More rows are remembered than were twice alive at the last Keep: those that were replaced are worth dropping.
  bool crowded() const;
  // Leaves the rows of which `live` is true.
  void Keep(const std::function<bool(RowId)>& live);

  size_t bytes() const;
  static constexpr size_t kRowBytes = 16;

 private:
  struct Entry {
    int64_t at_ms = 0;
    RowId row;
  };
  static_assert(sizeof(Entry) == kRowBytes);
  static bool Later(const Entry& a, const Entry& b) { return a.at_ms > b.at_ms; }
  void UpdateEarliest();

  mutable std::mutex mutex_;
  std::vector<Entry> heap_;   // the earliest first
  std::vector<Entry> taken_;
  size_t kept_ = 0;           // entries after the last Keep
  std::atomic<int64_t> earliest_ms_{INT64_MAX};
};

// Rows with an expiry that the store has, into core.expiry. On open.
Status LoadExpiry(Core& core, uint32_t next_row);

// See Collection::RemoveExpired. 0 if another call is at it. Precondition: the caller holds a pass of core.gate.
StatusOr<uint64_t> RemoveExpiredPoints(Core& core, Committer& committer);

}  // namespace tessera::engine

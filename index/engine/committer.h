// Order, durability and visibility of writes, all decided here.
//
// Requests queue up; one drain at a time takes a group (up to 4,096 rows or 8 MiB; of a long queue up to 32,768
// rows or 32 MiB), makes it durable (a large group by sorted files taken in as one, any other by one WriteBatch and
// one fsync), edits the lists, publishes the next snapshot and completes the requests. Nothing is visible before it
// is durable as the collection asks, and a reply means later searches see it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "index/engine/core.h"
#include "index/engine/write_op.h"

namespace tessera::engine {

// Rows that came and went while a new generation is being built.
struct RowChanges {
  std::vector<RowId> added;
  std::vector<RowId> removed;
};

// Thread-safe.
class Committer : public std::enable_shared_from_this<Committer> {
 public:
  explicit Committer(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  // Queues op; it is completed on the io executor. ResourceExhausted if the queue is full or
  // there is no memory for it, Unavailable if the collection is read-only: op stays with the caller.
  Status Submit(std::unique_ptr<WriteOp>& op);

  // Runs fn between two commits: nothing is committed meanwhile. Blocks. Not from inside a commit.
  void RunExclusive(const std::function<void()>& fn);

  // Commits all that is queued, on this thread if need be. When nothing is submitted any more: the end.
  void Finish();

  // Remembering of changed rows; only inside RunExclusive.
  void TrackChanges(bool on);
  RowChanges TakeChanges();

 private:
  using Group = std::vector<std::unique_ptr<WriteOp>>;
  // A drain that is posted but has not begun may be overtaken: so nobody waits for a busy pool.
  enum class Turn { kFree, kPosted, kTaken };

  // Lock held. True if a drain has to be started.
  bool Enqueue(std::unique_ptr<WriteOp>& op);
  void StartDrain();
  void Drain();
  // Next group, or empty when the queue is, or an exclusive turn waits: then the turn is given up.
  Group TakeGroup();
  void Commit(Group& group);
  // Before the callers hear: the room is theirs to use at once.
  void Unqueue(const Group& group);

  const std::shared_ptr<Core> core_;

  std::mutex mutex_;
  std::condition_variable turn_free_;
  std::deque<std::unique_ptr<WriteOp>> queue_;  // guarded by mutex_
  size_t queued_rows_ = 0;                      // guarded by mutex_
  size_t queued_bytes_ = 0;                     // guarded by mutex_
  Turn turn_ = Turn::kFree;                     // guarded by mutex_
  size_t exclusive_waiting_ = 0;                // guarded by mutex_

  // Owned by whoever has the turn.
  bool tracking_ = false;
  RowChanges changes_;
};

}  // namespace tessera::engine

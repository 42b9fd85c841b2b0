#include "index/engine/committer.h"

#include "index/base/failpoint.h"
#include "index/busy.h"
#include "index/engine/memory_advice.h"
#include "index/engine/write_set.h"

namespace tessera::engine {
namespace {

constexpr size_t kGroupRows = 4096;
constexpr size_t kGroupBytes = 8u << 20;
// With enough rows waiting to be written as files: the sync of each file is shared by more of them.
constexpr size_t kBulkRows = 32768;
constexpr size_t kBulkBytes = 32u << 20;

}  // namespace

Status Committer::Submit(std::unique_ptr<WriteOp>& op) {
  if (core_->read_only) return core_->ReadOnlyStatus();
  const size_t bytes = op->bytes;
  const bool adds = op->kind == WriteKind::kUpsert || op->kind == WriteKind::kPatch;
  if (const auto shortage = core_->memory->Queue(bytes, !adds)) {
    return RefuseWrite(*core_, *core_->snapshot.Get(), op->rows.size(), *shortage);
  }
  bool start = false;
  bool full = false;
  {
    std::lock_guard lock(mutex_);
    full = queued_bytes_ > 0 && queued_bytes_ + bytes > core_->options.commit_queue_bytes;
    if (!full) start = Enqueue(op);
  }
  if (full) {
    core_->memory->Unqueue(bytes);
    return Busy("the write queue of collection \"" + core_->name + "\" is full, try again in a moment");
  }
  if (start) StartDrain();
  return OkStatus();
}

bool Committer::Enqueue(std::unique_ptr<WriteOp>& op) {
  queued_rows_ += op->rows.size();
  queued_bytes_ += op->bytes;
  queue_.push_back(std::move(op));
  const bool start = turn_ == Turn::kFree && exclusive_waiting_ == 0;
  if (start) turn_ = Turn::kPosted;
  return start;
}

void Committer::StartDrain() {
  core_->options.io->Post([self = shared_from_this()] { self->Drain(); });
}

Committer::Group Committer::TakeGroup() {
  std::lock_guard lock(mutex_);
  Group group;
  if (queue_.empty() || exclusive_waiting_ > 0) {
    turn_ = Turn::kFree;
    turn_free_.notify_all();
    return group;
  }
  // Enough for sorted files: then the group is filled until it is worth them, whatever its bytes.
  const size_t worth = queued_rows_ >= core_->options.ingest_rows ? core_->options.ingest_rows : 0;
  const size_t most_rows = worth > 0 ? kBulkRows : kGroupRows;
  const size_t most_bytes = worth > 0 ? kBulkBytes : kGroupBytes;
  size_t rows = 0;
  size_t bytes = 0;
  while (!queue_.empty()) {
    const WriteOp& next = *queue_.front();
    const bool bytes_full = rows >= worth && bytes + next.bytes > most_bytes;
    if (!group.empty() && (bytes_full || rows + next.rows.size() > most_rows)) break;
    rows += next.rows.size();
    bytes += next.bytes;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_rows_ -= rows;
  queued_bytes_ -= bytes;
  return group;
}

void Committer::Drain() {
  {
    std::lock_guard lock(mutex_);
    if (turn_ != Turn::kPosted) return;  // overtaken
    turn_ = Turn::kTaken;
  }
  for (Group group = TakeGroup(); !group.empty(); group = TakeGroup()) {
    Commit(group);
    group.clear();
  }
}

void Committer::Commit(Group& group) {
  if (core_->read_only) {
    Unqueue(group);
    for (auto& op : group) op->done(core_->ReadOnlyStatus());
    return;
  }
  const SnapshotPtr before = core_->snapshot.Get();
  WriteSet set(*core_, *before, group);
  Status status = set.Resolve();
  if (!status.ok() && group.size() > 1) {
    // One request's failure is not the others': each gets a commit, and a status, of its own.
    for (auto& op : group) {
      Group alone;
      alone.push_back(std::move(op));
      Commit(alone);
    }
    return;
  }
  if (status.ok() && set.HasChanges()) {
    status = set.Write();
    if (status.ok()) {
      // Past the write the batch is durable; a crash from here on loses only the reply.
      set.Publish();
      if (tracking_) set.AppendChanges(changes_);
    } else {
      core_->SetReadOnly(status);
      if (core_->read_only) status = core_->ReadOnlyStatus();
    }
  }
  Unqueue(group);
  set.Complete(status);
}

void Committer::Unqueue(const Group& group) {
  size_t bytes = 0;
  for (const auto& op : group) bytes += op->bytes;
  core_->memory->Unqueue(bytes);
}

void Committer::RunExclusive(const std::function<void()>& fn) {
  {
    std::unique_lock lock(mutex_);
    ++exclusive_waiting_;
    turn_free_.wait(lock, [this] { return turn_ != Turn::kTaken; });
    --exclusive_waiting_;
    turn_ = Turn::kTaken;
  }
  fn();
  bool start = false;
  {
    std::lock_guard lock(mutex_);
    start = !queue_.empty() && exclusive_waiting_ == 0;
    turn_ = start ? Turn::kPosted : Turn::kFree;
    turn_free_.notify_all();
  }
  if (start) StartDrain();
}

void Committer::Finish() {
  for (bool empty = false; !empty;) {
    Drain();
    RunExclusive([&] {
      std::lock_guard lock(mutex_);
      empty = queue_.empty();
    });
  }
}

void Committer::TrackChanges(bool on) {
  tracking_ = on;
  changes_ = {};
}

RowChanges Committer::TakeChanges() { return std::exchange(changes_, {}); }

}  // namespace tessera::engine

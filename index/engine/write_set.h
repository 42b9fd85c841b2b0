// The changes of one commit group: resolved in order over an overlay, written whole or not at all,
// published as one.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/engine/write_op.h"

namespace tessera::engine {

// Used by the committer in its turn: Resolve, Write, Publish, Complete, in that order.
class WriteSet {
 public:
  WriteSet(Core& core, const Snapshot& before, std::vector<std::unique_ptr<WriteOp>>& group)
      : core_(core), before_(before), group_(group) {}

  // Looks up what the ids are now and decides each id's final state. Encodes again what was encoded with
  // another generation.
  Status Resolve();
  // One batch, durable as the collection asks.
  Status Write();
  // The snapshot with the changes, made current. After Write().
  SnapshotPtr Publish();
  // Rows added and removed, for a rebuild that runs meanwhile.
  void AppendChanges(RowChanges& changes) const;
  // Answers every request: with its result, or with the error.
  void Complete(const Status& status, const SnapshotPtr& after);

 private:
  // The final state of one id.
  struct Entry {
    const PointId* id = nullptr;
    std::optional<RowId> old_row;
    ListId old_list;
    bool exists = false;          // as the operations are replayed
    WriteOp* op = nullptr;        // with `row`: the upsert that won; null = deleted
    size_t row = 0;
    RowId new_row;
  };
  struct IdHash {
    size_t operator()(const PointId* id) const { return std::hash<PointId>()(*id); }
  };
  struct IdEqual {
    bool operator()(const PointId* a, const PointId* b) const { return *a == *b; }
  };

  Entry& EntryOf(const PointId& id);
  Status LookUpOldRows();
  Status CheckCapacity();
  void Replay();
  WrittenRows Written() const;
  void AddToBatch(store::Batch& batch, const Entry& entry) const;

  Core& core_;
  const Snapshot& before_;
  std::vector<std::unique_ptr<WriteOp>>& group_;
  std::vector<Entry> entries_;
  std::unordered_map<const PointId*, size_t, IdHash, IdEqual> index_;
  std::vector<size_t> deleted_counts_;  // parallel to group_
  uint64_t commit_ = 0;
  uint32_t next_row_ = 0;
};

}  // namespace tessera::engine

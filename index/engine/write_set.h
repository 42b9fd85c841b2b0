// The changes of one commit group: resolved in order over an overlay, written whole or not at all,
// published as one.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/engine/write_op.h"

namespace tessera::engine {

// Used by the committer in its turn: Resolve, then if HasChanges Write and Publish, then Complete, in that order.
//
// Every request that changes something takes a commit number of its own, which is the version of the points it
// writes; only the final state of a point is written.
class WriteSet {
 public:
  WriteSet(Core& core, const Snapshot& before, std::vector<std::unique_ptr<WriteOp>>& group)
      : core_(core), before_(before), group_(group), now_ms_(core.NowMs()) {}

  // Looks up what the ids are now and decides each row and each id's final state. Encodes again what was encoded
  // with another generation, or to lists that changed. Makes the next lists and takes their memory, so that what does
  // not fit is refused before anything is written.
  Status Resolve();
  // False: every row was refused, or is a reply given before.
  bool HasChanges() const { return commit_ > before_.commit; }
  // One batch, durable as the collection asks. An error gives the memory back.
  Status Write();
  // The snapshot with the changes, made current. After Write().
  void Publish();
  // Rows added and removed, for a rebuild that runs meanwhile.
  void AppendChanges(RowChanges& changes) const;
  // Answers every request: with its result, or with the error.
  void Complete(const Status& status);

 private:
  // What is under one id: as the requests are replayed, and at last its final state.
  struct Entry {
    const PointId* id = nullptr;
    std::optional<RowId> old_row;
    ListId old_list;
    bool exists = false;
    bool changed = false;
    WriteOp* op = nullptr;        // with `row`: the upsert that gave the vector; null = it is that of old_row
    size_t row = 0;
    uint64_t version = 0;         // of old_row only if a row with a condition asks
    std::string_view payload;     // of old_row only if a patch merges with it
    std::optional<int64_t> expire_at_ms;  // absent: that of old_row
    size_t carried = 0;           // into carried_, if the vector of old_row is carried over
    RowId new_row;

    bool carries() const { return changed && exists && op == nullptr; }
  };
  // What a point whose payload alone changed takes along to its new row.
  struct Carried {
    float norm = 0;
    int64_t expire_at_ms = 0;
    store::RawVector vector;
    store::StoredPosting posting;  // trained
    std::vector<float> floats;     // untrained
  };
  // The vector of a new row in lists, whether encoded now or carried over. Borrows.
  struct RowData {
    float norm = 0;
    store::VectorView vector;
    ListId list;
    std::string_view code;
    float correction = 0;
    std::string_view record;  // refine code; untrained: the floats
  };
  // What became of a request.
  struct Outcome {
    Status status;
    WriteResult result;
    bool repeated = false;  // a kept reply
  };
  struct IdHash {
    size_t operator()(const PointId* id) const { return std::hash<PointId>()(*id); }
  };
  struct IdEqual {
    bool operator()(const PointId* a, const PointId* b) const { return *a == *b; }
  };

  Entry& EntryOf(const PointId& id);
  Status LookUpOldRows();
  Status LookUpLists();
  Status LookUpVersions();
  Status LookUpPayloads();
  // The entries with an old row that some row of the group, of those that `wanted` chooses, is about.
  template <typename Wanted>
  std::vector<Entry*> OldEntries(const Wanted& wanted);
  Status Replay();
  Status Repeat(size_t g);
  void ReplayOp(size_t g);
  Status CheckRow(const WriteOp& op, const PreparedRow& row, std::string_view& payload);
  // True if the entry's state changed.
  bool Apply(WriteOp& op, size_t row, std::string_view payload, uint64_t version);
  Status LoadCarried();
  Status CheckCapacity();
  Status IndexPayloads();
  void BuildNext();
  Status TakeMemory();
  WrittenRows Written() const;
  RowData DataOf(const Entry& entry) const;
  int64_t ExpiryOf(const Entry& entry) const;
  void AddToBatch(store::Batch& batch, const Entry& entry);

  Core& core_;
  const Snapshot& before_;
  std::vector<std::unique_ptr<WriteOp>>& group_;
  std::vector<Entry> entries_;
  std::unordered_map<const PointId*, size_t, IdHash, IdEqual> index_;
  std::vector<std::optional<store::RequestRecord>> kept_;  // parallel to group_; empty if no request has an id
  std::vector<Outcome> outcomes_;                          // parallel to group_
  std::deque<std::string> texts_;                          // payloads that are neither a row's nor gone
  std::vector<Carried> carried_;
  const int64_t now_ms_;
  uint64_t commit_ = 0;
  uint32_t next_row_ = 0;
  std::shared_ptr<Snapshot> after_;  // all but the store's view
};

}  // namespace tessera::engine

// What the parts of a collection share. One Core a collection; owned by shared_ptr, since posted tasks
// hold it.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "index/collection.h"
#include "index/engine/codebook_table.h"
#include "index/engine/expiry.h"
#include "index/engine/filter_masks.h"
#include "index/engine/list_points.h"
#include "index/engine/live_recall.h"
#include "index/engine/memory_budget.h"
#include "index/engine/pace.h"
#include "index/engine/query_sample.h"
#include "index/engine/request_log.h"
#include "index/engine/recall_curve.h"
#include "index/engine/snapshot.h"
#include "index/executor.h"
#include "index/store/store.h"

namespace tessera::engine {

struct CoreOptions {
  Executor* compute = nullptr;  // never null
  Executor* upkeep = nullptr;   // never null; trainings, evaluations
  std::shared_ptr<Pace> pace = std::make_shared<Pace>();  // of background work, but in turns of the committer
  Executor* io = nullptr;       // never null
  Executor* background = nullptr;  // null: no training starts by itself
  size_t commit_queue_bytes = 64u << 20;
  std::shared_ptr<MemoryPool> memory;  // null: nothing is shared
  bool rebalance = true;           // lists split and merge in the background
  uint64_t disk_reserve_bytes = 0;
  uint64_t untrained_bytes = 4ull << 30;
  size_t ingest_rows = 8192;
  uint64_t grouped_code_bytes = 16u << 20;
  size_t kept_codebooks = 2;
  uint64_t kept_requests = 100000;
  int64_t request_retention_ms = 86400000;
  int64_t list_retention_ms = 300000;
  std::function<int64_t()> clock;  // never null
  uint32_t max_row_id = UINT32_MAX - 1;
};

// Lets calls in until it is closed, and tells when the last one has left. Thread-safe.
class Gate {
 public:
  // False once closed. Each true needs a Leave().
  bool Enter() {
    std::lock_guard lock(mutex_);
    if (closed_) return false;
    ++inside_;
    return true;
  }
  void Leave() {
    std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }
  // Returns when nobody is inside any more. Not from inside.
  void Close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    empty_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  size_t inside_ = 0;
  bool closed_ = false;
};

// One call's way through the gate.
class Pass {
 public:
  explicit Pass(Gate& gate) : gate_(gate), inside_(gate.Enter()) {}
  ~Pass() {
    if (inside_) gate_.Leave();
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  explicit operator bool() const { return inside_; }

 private:
  Gate& gate_;
  const bool inside_;
};

// What a reader goes by: a state of the collection, and the rows of it whose time has come.
struct ReadView {
  SnapshotPtr snapshot;
  std::vector<RowId> expired;  // ascending; maybe some that the snapshot has not
  int64_t now_ms = 0;

  bool IsExpired(RowId row) const { return std::binary_search(expired.begin(), expired.end(), row); }
};

struct Core : std::enable_shared_from_this<Core> {
  std::string name;
  CoreOptions options;
  std::unique_ptr<store::Store> store;
  CurrentSnapshot snapshot;  // changed by Publish alone
  std::unique_ptr<MemoryAccount> memory;  // never null once it is open

  uint32_t dim = 0;                // copies of what never changes
  Metric metric = Metric::kL2;
  bool sync_writes = true;
  PayloadSchema payload_schema;
  mutable std::mutex spec_mutex;
  CollectionSpec spec;             // guarded by spec_mutex (training may replace the quantizer)
  std::string plan;                // guarded by spec_mutex; see CollectionStats

  // Read-only after a failed write.
  std::atomic<bool> read_only{false};
  mutable std::mutex cause_mutex;
  std::string read_only_cause;     // guarded by cause_mutex

  CurrentCodebooks codebooks;

  // True from the first payload on; while false, none is looked up nor deleted.
  std::atomic<bool> has_payloads{false};
  // Of a payload that could not be read when the collection was opened: the index lacks it, and filters are refused.
  Status payload_damage;  // does not change once it is open
  // True from the first point with an expiry on.
  std::atomic<bool> has_expiring{false};
  ExpiryWatch expiry;
  std::atomic<bool> removing_expired{false};
  RequestLog requests;  // owned by whoever has the commit turn
  std::atomic<uint64_t> accepted_rows_failed{0};

  // Training, or activation of a codebook.
  std::atomic<bool> training{false};
  std::atomic<double> training_fraction{0};
  std::atomic<const char*> training_stage{""};

  std::atomic<bool> unfinished{false};  // one that the last process did not end is to be taken up (unfinished.h)

  std::atomic<uint64_t> encoded_rows{0};  // ever, by writes: which of them are measured
  // Rows written at which drift may start a training; raised before each attempt, 0 again when one succeeds.
  std::atomic<uint64_t> drift_at{0};

  // Recall.
  CurrentCurve curve;              // of the snapshot's generation, or of the one before for a moment
  std::atomic<bool> tuning{false};
  std::atomic<uint64_t> tuned_rows{0};  // live rows at the last attempt to tune this model; 0 = none yet
  std::atomic<uint32_t> tuned_next_row{0};
  std::atomic<uint64_t> tuned_nlist{0};
  mutable QuerySample query_sample;  // searches see a const Core
  mutable LiveRecallWatch live_recall;

  mutable FilterMasks filter_masks;
  ListedStates listed;
  std::atomic<bool> merging_payloads{false};  // at most one merge at a time

  // Its directory is being renamed, or was: what a write then fails of is that, and no damage.
  std::atomic<bool> dropping{false};

  // Lists: split and merged by one at a time. What there was when they were looked at last; sums since opening.
  std::atomic<bool> rebalancing{false};
  std::atomic<uint32_t> rebalanced_next_row{0};
  std::atomic<uint64_t> rebalanced_rows{0};
  std::atomic<uint64_t> list_splits{0};
  std::atomic<uint64_t> list_merges{0};
  std::atomic<uint64_t> list_moves{0};

  std::atomic<bool> reclaiming{false};
  std::atomic<uint64_t> reclaimed_rows{0};  // row ids that were no more when space was reclaimed last, or at opening

  std::atomic<bool> closing{false};  // asks a training or tuning to stop
  mutable Gate gate;                 // calls under way; closed when the collection is

  // Makes `next` the current snapshot, and the account what it holds. Null: closed.
  void Publish(SnapshotPtr next);

  // Of lists that are loaded from now on; those in force say it in their layout.
  bool RefineOnDisk() const {
    std::lock_guard lock(spec_mutex);
    return spec.refine_on_disk;
  }

  int64_t NowMs() const { return options.clock(); }
  ReadView View() const {
    ReadView view;
    view.now_ms = NowMs();
    view.expired = expiry.Due(view.now_ms);  // first: what is removed from here on is not missing in it
    view.snapshot = snapshot.Get();
    return view;
  }

  // After a change of the store failed. Nothing if it was refused before anything was done.
  void SetReadOnly(const Status& cause) {
    if (store->CheckWritable().ok()) return;
    {
      std::lock_guard lock(cause_mutex);
      if (read_only_cause.empty()) read_only_cause = MessageOf(cause);
    }
    read_only = true;
  }
  void ClearReadOnly() {
    std::lock_guard lock(cause_mutex);
    read_only_cause.clear();
    read_only = false;
  }
  Status TrainingStatus() const {
    return AlreadyExists("a training of collection \"" + name + "\" is running");
  }
  Status ClosedStatus() const { return NotFound("collection \"" + name + "\" has been dropped or closed"); }
  Status ReadOnlyStatus() const {
    if (dropping) return ClosedStatus();
    std::lock_guard lock(cause_mutex);
    return Unavailable("collection \"" + name + "\" is read-only after a failed write: " + read_only_cause);
  }
};

}  // namespace tessera::engine

// What a search reads: one immutable state of a collection.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "index/engine/code_error.h"
#include "index/filter/payload_index.h"
#include "index/lists/list.h"
#include "index/quant/model.h"
#include "index/store/store.h"

namespace tessera::engine {

// Immutable. Untrained (generation 0): no model, one list whose records are raw f32 rows (normalised under
// cosine). The store's view was taken in the same committer turn, so both show the same commit.
struct Snapshot {
  uint64_t commit = 0;
  Generation generation;
  std::shared_ptr<const quant::Model> model;
  std::shared_ptr<const quant::ListTable> table;
  lists::ListSet lists;
  store::StoreSnapshotPtr store;
  std::shared_ptr<const filter::PayloadIndex> payloads;  // of all rows that the lists have; null in trials
  uint32_t next_row = 0;  // row ids below this have been given out
  uint64_t rows_at_training = 0;  // live rows when the model was trained; 0 = untrained

  ErrorSums held_out;   // of the codebook, on rows that its training left out
  WrittenRows written;  // since it is in force

  bool trained() const { return model != nullptr; }
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// Layout of the mirror's rows for a model; null = untrained. refine_on_disk: refine records are not held.
inline lists::RowLayout LayoutOf(const quant::Model* model, uint32_t dim, bool refine_on_disk = false) {
  if (!model) return {0, dim * static_cast<uint32_t>(sizeof(float)), false, false};
  const bool on_disk = refine_on_disk && model->refine_bytes() > 0;
  return {model->code_bytes(), model->refine_bytes(), !model->record.empty(), on_disk};
}

// The current snapshot. Thread-safe; a mutex around a pointer copy (std::atomic<shared_ptr> is no faster).
class CurrentSnapshot {
 public:
  SnapshotPtr Get() const {
    std::lock_guard lock(mutex_);
    return snapshot_;
  }
  // The old one is destroyed outside the lock.
  void Set(SnapshotPtr next) {
    {
      std::lock_guard lock(mutex_);
      snapshot_.swap(next);
    }
    next.reset();
  }

 private:
  mutable std::mutex mutex_;
  SnapshotPtr snapshot_;
};

}  // namespace tessera::engine

// Recall of live queries: some are run again exactly in the background, and the last ones make the
// estimate.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "index/engine/snapshot.h"
#include "index/recall.h"

namespace tessera::engine {

// A query that was answered: what it takes to find out how well.
struct AnsweredQuery {
  SnapshotPtr snapshot;
  std::vector<float> query;  // prepared
  std::optional<RowId> left_out;
  uint32_t wanted = 0;
  uint32_t nprobe = 0;       // lists that were probed
  std::vector<RowId> found;  // the best `wanted` rows
};

// Of the true neighbours of one query: found + in lists not probed + lost by codes or rerank = 1.
struct QueryLoss {
  float recall = 0;
  float probe_loss = 0;
  float code_loss = 0;
};

// Draws queries, holds those that wait and the window of results. Thread-safe after Start. Nothing
// of it ever waits for a search or makes one wait: a full queue drops.
class LiveRecallWatch {
 public:
  static constexpr size_t kQueue = 16;     // queries that wait
  static constexpr size_t kWindow = 2000;  // results that the estimate is over

  // share: 0..1 of the queries. Once, before the rest.
  void Start(double share);
  bool is_on() const { return every_ > 0; }

  // True if this query is drawn: one of 1 / share, by hash. No lock.
  bool Draw();
  // Queues a drawn query; dropped if the queue is full, or `busy`. True if a worker must be
  // started, which calls TakeAll until that gives nothing.
  bool Add(AnsweredQuery query, bool busy);
  // All that wait. Empty: the worker is done, and the next Add starts another.
  std::vector<AnsweredQuery> TakeAll();
  // A result under this model; without effect if the watch has been reset for another since. k:
  // neighbours asked for.
  void Record(Generation generation, const QueryLoss& loss, uint32_t k);

  // Another model is in force: forgets results and what waits.
  void Reset(Generation generation);
  LiveRecall Read() const;

 private:
  uint64_t every_ = 0;  // hashes below this are drawn; 0 = off
  std::atomic<uint64_t> seen_{0};
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  Generation generation_;
  std::vector<AnsweredQuery> waiting_;
  bool working_ = false;
  std::vector<QueryLoss> window_;  // a ring
  std::vector<uint32_t> ks_;       // parallel
  size_t next_ = 0;
  uint64_t dropped_ = 0;
  uint64_t since_unix_ms_ = 0;
};

}  // namespace tessera::engine

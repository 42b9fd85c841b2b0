// The collections of one data directory.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "index/backup.h"
#include "index/collection.h"
#include "index/executor.h"
#include "index/memory.h"
#include "index/status.h"
#include "index/upkeep.h"

namespace tessera {

struct CatalogOptions {
  std::string path;  // created if missing (its parent must exist)
  // Encodes and searches. Null: the calling thread.
  Executor* compute = nullptr;
  // Computes for trainings and evaluations and encodes all rows anew: many tasks of milliseconds, best on as many threads
  // as `compute` has, of low priority, so that searches need not wait for them. Null: `compute`.
  Executor* upkeep = nullptr;
  // Commits. Null: the calling thread. If given, it must have a thread apart from those of `compute`.
  Executor* io = nullptr;
  // What starts by itself: training (CollectionSpec::auto_train), tuning, exact runs of live queries, changes of lists. Null: nothing
  // does. Tasks of minutes: it must have a thread apart from those of `compute` and `io`, best of low priority.
  Executor* background = nullptr;
  bool rebalance = true;  // lists split and merge in the background as rows come and go (Collection::Rebalance)
  size_t block_cache_bytes = 64u << 20;   // RocksDB blocks and memtables, all collections together
  size_t write_buffer_bytes = 32u << 20;
  int background_threads = 2;             // RocksDB flushes and compactions
  // Writes are refused (ResourceExhausted) while the disk has less free: RocksDB needs it to write what it has taken.
  // Reads go on; writes do, too, once there is space.
  uint64_t disk_reserve_bytes = 64u << 20;
  UpkeepLimits upkeep_limits;  // Upkeep::SetLimits changes them
  // Of all collections together, with their queues of writes, what is under way (trainings, evaluations, restores) and
  // the larger of block cache and write buffers; 0 = none. What would not fit is refused (CollectionSpec::
  // memory_limit_bytes); data that is there is always opened and served.
  uint64_t memory_limit_bytes = 0;
  size_t commit_queue_bytes = 64u << 20;  // per collection; full = ResourceExhausted
  uint64_t untrained_bytes = 4ull << 30;  // raw vectors kept in memory before training, per collection; past
                                          // it writes are refused until trained
  // A commit of so many rows is written as sorted files instead of passing the log; lower for tests.
  size_t ingest_rows = 8192;
  // Batches of queries go list by list from so many bytes of codes on: fewer stay in the caches (index/engine/README.md).
  uint64_t grouped_code_bytes = 16u << 20;
  // Codebooks that were in force, kept to go back to, besides those with a label (index/codebook.h).
  size_t kept_codebooks = 2;
  // Replies to requests with ids, kept for those that come again: the newest so many, each so long.
  uint64_t kept_requests = 100000;
  std::chrono::milliseconds request_retention = std::chrono::hours(24);
  // How long a state that is being listed is kept after a page of it (Collection::List).
  std::chrono::milliseconds list_retention = std::chrono::minutes(5);
  // Unix milliseconds, for expiry and retention; null: the system's clock. Thread-safe.
  std::function<int64_t()> clock;
  uint32_t max_row_id = UINT32_MAX - 1;   // rows ever written per collection; lower for tests
};

// Thread-safe. Holds a lock on the directory while it lives. The destructor cancels trainings, waits for calls
// under way and commits what is queued; collections that are still held then answer NotFound. The executors must
// outlive it.
class Catalog {
 public:
  // FailedPrecondition: directory in use, or of an unknown (newer) format. InvalidArgument: a memory limit below the
  // caches. Opens all collections; the others are served
  // where one cannot be opened.
  static StatusOr<std::unique_ptr<Catalog>> Open(const CatalogOptions& options);
  virtual ~Catalog() = default;

  // Name: 1 to 128 of letters, digits, '-', '_', '.', not starting with '.' or '-'. AlreadyExists, InvalidArgument.
  virtual StatusOr<std::shared_ptr<Collection>> Create(const std::string& name,
                                                       const CollectionSpec& spec) = 0;
  // NotFound names it. DataLoss, with what is damaged and what to do, of a collection that could not be opened; or what
  // else kept it from being opened.
  virtual StatusOr<std::shared_ptr<Collection>> Get(const std::string& name) const = 0;
  virtual std::vector<std::string> List() const = 0;  // ascending; those that are open
  // Those that could not be opened, by name, and what Get says of them. They can be dropped, and their names are taken.
  virtual std::map<std::string, Status> Unopened() const = 0;
  virtual CatalogMemory Memory() const = 0;
  // Gone at once for new calls; a training is cancelled, calls under way finish first. NotFound. Not from inside a
  // callback of one of its own calls.
  virtual Status Drop(const std::string& name) = 0;

  // Of its collections, there or dropped. Lives as long as the catalog, whose destructor waits for calls under way.
  virtual Backups& backups() = 0;
  // How much background work may take.
  virtual Upkeep& upkeep() = 0;
  // Ends it before the end: trainings and what else computes are Cancelled, soon, and none begins any more. A training or an
  // activation that was asked for is taken up again when the catalog is opened next, if it has a background executor.
  virtual void EndUpkeep() = 0;
};

}  // namespace tessera

// Typed access to the one RocksDB database of a collection. Knows bytes and keys, not meaning.
//
// Column families (big-endian keys; ids tagged: 0 + be64 for numbers, 1 + bytes for strings):
//   default          ASCII name    small records (collection metadata)
//   ids              external id   row id
//   rows             row id        RowRecord: external id, version, norm
//   vectors          row id        element type, scale and zero point, the bytes as sent
//   payload          row id        text of a JSON object; none: no payload
//   requests         request id    what a write with an id of its own was answered; and by place
//   centroids-<gen>  list          centroid, dim f32
//   assign-<gen>     row id        list
//   postings-<gen>   list, row id  code, correction, refine record
// The bytes of each are described in index/store/README.md.
//
// Thread-safe. A record that does not decode is DataLoss naming family and key.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "index/status.h"
#include "index/types.h"

namespace rocksdb {
class Env;
}

namespace tessera::store {

struct RowRecord {
  PointId id;
  uint64_t version = 0;  // of the point, ascending with each upsert
  float norm = 0;        // Euclidean norm of the vector as sent
  int64_t expire_at_ms = 0;  // Unix milliseconds, 0 = never
};

// A vector as sent, borrowed; `bytes` is dim * ElementSize(type) long.
struct VectorView {
  ElementType type = ElementType::kF32;
  std::string_view bytes;
  ScalarParams quantization{};  // of i8 and u8
};
// The same, owned.
struct RawVector {
  ElementType type = ElementType::kF32;
  std::string bytes;
  ScalarParams quantization{};

  VectorView view() const { return {type, bytes, quantization}; }
};

// A decoded posting borrows the iterator's memory.
struct PostingView {
  ListId list;
  RowId row;
  std::string_view code;
  float correction = 0;
  std::string_view refine;
};

// A posting, owned.
struct StoredPosting {
  std::string code;
  float correction = 0;
  std::string refine;
};

// What a request with an id was answered.
struct RequestRecord {
  uint64_t sequence = 0;     // place in the order of such requests, ascending
  int64_t time_ms = 0;       // since 1970
  uint32_t fingerprint = 0;  // of what was asked
  std::string reply;
};

// What all databases of a process share: block cache, write buffer manager, background threads.
// Copyable handle. The background threads are RocksDB's own, of the process-wide environment.
class SharedResources {
 public:
  struct Options {
    size_t block_cache_bytes = 64u << 20;  // memtables are charged to it too
    size_t write_buffer_bytes = 32u << 20;  // of all databases together
    int background_threads = 2;
  };
  explicit SharedResources(const Options& options);
  struct Impl;
  const std::shared_ptr<Impl>& impl() const { return impl_; }
  // Of flushes, which go first, and compactions, of all databases together; 0 = no limit. Thread-safe.
  void SetWriteRate(uint64_t bytes_per_second);

 private:
  std::shared_ptr<Impl> impl_;
};

// A consistent view of the database as of one moment; keeps it open until destroyed, even past the
// Store.
class StoreSnapshot {
 public:
  virtual ~StoreSnapshot() = default;
};
using StoreSnapshotPtr = std::shared_ptr<const StoreSnapshot>;

// Changes to be applied as one. Not thread-safe. A call that no record can hold (a generation that
// does not exist, an id of 0 or more than 256 bytes, a vector of no whole component or with a scale that is none) is remembered,
// and Write refuses the batch.
class Batch {
 public:
  virtual ~Batch() = default;
  virtual void PutRecord(const std::string& name, std::string_view bytes) = 0;
  virtual void DeleteRecord(const std::string& name) = 0;
  virtual void PutId(const PointId& id, RowId row) = 0;
  virtual void DeleteId(const PointId& id) = 0;
  virtual void PutRow(RowId row, const RowRecord& record) = 0;
  virtual void DeleteRow(RowId row) = 0;
  virtual void PutVector(RowId row, const VectorView& vector) = 0;
  virtual void DeleteVector(RowId row) = 0;
  virtual void PutPayload(RowId row, std::string_view text) = 0;
  virtual void DeletePayload(RowId row) = 0;
  // The record and its place. Deleting takes them one by one: an id may have been used again, at a later place.
  virtual void PutRequest(std::string_view id, const RequestRecord& record) = 0;
  virtual void DeleteRequest(std::string_view id) = 0;
  virtual void DeleteRequestPlace(uint64_t sequence) = 0;
  virtual void PutCentroid(Generation g, ListId list, const float* centroid, uint32_t dim) = 0;
  virtual void DeleteCentroid(Generation g, ListId list) = 0;
  virtual void PutAssign(Generation g, RowId row, ListId list) = 0;
  virtual void DeleteAssign(Generation g, RowId row) = 0;
  virtual void PutPosting(Generation g, ListId list, RowId row, std::string_view code,
                          float correction, std::string_view refine) = 0;
  virtual void DeletePosting(Generation g, ListId list, RowId row) = 0;
  virtual size_t bytes() const = 0;
};

enum class Durability {
  kSync,     // in the log and synced when Write returns
  kLogged,   // in the log
  kNoLog,    // memtable only: durable after FlushGeneration; for families that a crash may lose
  kIngest,   // as kSync, by sorted files beside the log: cheaper for thousands of rows, dearer for few
};

class Store {
 public:
  struct Options {
    bool create = false;  // create if missing; else NotFound
    // Nothing is written, not even what a crash left is cleared away; all changes are refused. Takes no lock: who opens
    // so sees to it that nobody writes.
    bool read_only = false;
    // Of a damaged database as much as can be had: records behind damage in the log too. With read_only.
    bool salvage = false;
    SharedResources* shared = nullptr;  // never null
    rocksdb::Env* env = nullptr;  // for tests, outlives the store; null: the process's own
    // Kept free on the disk for what RocksDB must write of what it has: changes that would leave less are refused.
    uint64_t disk_reserve_bytes = 0;
  };
  // FailedPrecondition if another process (or this one) has it open, or if it has column families
  // that this version does not know; NotFound if there is none and it may not be created. The
  // folder that `path` is in must exist.
  static StatusOr<std::unique_ptr<Store>> Open(const std::string& path, const Options& options);
  virtual ~Store() = default;

  // nullopt if absent. The snapshot may be null: latest state.
  virtual StatusOr<std::optional<std::string>> GetRecord(const std::string& name) const = 0;

  virtual std::unique_ptr<Batch> NewBatch() = 0;
  // Whole or not at all. InvalidArgument or FailedPrecondition for a batch that cannot be applied
  // as it is: a call remembered as wrong, a generation dropped meanwhile, kNoLog on a family that
  // belongs to no generation; ResourceExhausted if the disk has too little left (CheckSpace): the store goes on. After
  // any other failure, here or in the changes below, the store refuses changes (FailedPrecondition with the cause) until
  // reopened, or resumed if it was for want of space, since the tail of the log is unknown; reads go on.
  virtual Status Write(Batch& batch, Durability durability) = 0;

  // ResourceExhausted, with the numbers, if the disk has less than `bytes` left besides the reserve.
  virtual Status CheckSpace(uint64_t bytes) const = 0;
  // FailedPrecondition with the cause after a failed change.
  virtual Status CheckWritable() const = 0;
  // Takes changes again after one failed for want of space, once there is some: what is in memory is flushed and a new
  // log begun. Whether the failed change is there, a read tells. The failure, if it was another (reopen then), or what
  // is in the way now. A change under way may fail.
  virtual Status Resume() = 0;

  virtual StoreSnapshotPtr GetSnapshot() const = 0;
  // The same, and GetRefineRecords reads this generation by it even when it has been dropped since. Its files go when
  // the last such snapshot does. No such generation: none is kept.
  virtual StoreSnapshotPtr GetSnapshot(Generation kept) const = 0;

  // Parallel to the inputs; nullopt where absent.
  virtual StatusOr<std::vector<std::optional<RowId>>> GetIds(
      const std::vector<const PointId*>& ids, const StoreSnapshot* at) const = 0;
  virtual StatusOr<std::vector<std::optional<RowRecord>>> GetRows(
      const std::vector<RowId>& rows, const StoreSnapshot* at) const = 0;
  virtual StatusOr<std::vector<std::optional<RawVector>>> GetVectors(
      const std::vector<RowId>& rows, const StoreSnapshot* at) const = 0;
  virtual StatusOr<std::vector<std::optional<std::string>>> GetPayloads(
      const std::vector<RowId>& rows, const StoreSnapshot* at) const = 0;
  virtual StatusOr<std::vector<std::optional<ListId>>> GetAssigns(
      Generation g, const std::vector<RowId>& rows, const StoreSnapshot* at) const = 0;
  // rows[i] in lists[i]. DataLoss as ScanPostings.
  virtual StatusOr<std::vector<std::optional<StoredPosting>>> GetPostings(
      Generation g, const std::vector<ListId>& lists, const std::vector<RowId>& rows, uint32_t code_bytes,
      uint32_t refine_bytes, const StoreSnapshot* at) const = 0;
  // The refine records of postings of the generation that `at` keeps, dense in `refine` (rows.size() x refine_bytes);
  // rows[i] in lists[i]. DataLoss as ScanPostings, and if one is not there. FailedPrecondition: `at` keeps none.
  virtual Status GetRefineRecords(const std::vector<ListId>& lists, const std::vector<RowId>& rows, uint32_t code_bytes,
                                  uint32_t refine_bytes, const StoreSnapshot& at, uint8_t* refine) const = 0;
  virtual StatusOr<std::vector<std::optional<RequestRecord>>> GetRequests(
      const std::vector<std::string>& ids, const StoreSnapshot* at) const = 0;

  // Visits rows in ascending order within [begin, end) as of `at`; stops at the first error of
  // `visit`.
  using VectorVisitor = std::function<Status(RowId, const VectorView&)>;
  virtual Status ScanVectors(RowId begin, RowId end, const StoreSnapshot* at,
                             const VectorVisitor& visit) const = 0;
  using RowVisitor = std::function<Status(RowId, const RowRecord&)>;
  virtual Status ScanRows(RowId begin, RowId end, const StoreSnapshot* at,
                          const RowVisitor& visit) const = 0;
  using PayloadVisitor = std::function<Status(RowId, std::string_view)>;
  virtual Status ScanPayloads(RowId begin, RowId end, const StoreSnapshot* at,
                              const PayloadVisitor& visit) const = 0;
  // False if there is no payload now. Latest state.
  virtual StatusOr<bool> HasPayloads() const = 0;
  // Places [begin, end) of requests with ids, in order.
  using RequestVisitor = std::function<Status(uint64_t sequence, int64_t time_ms, std::string_view id)>;
  virtual Status ScanRequests(uint64_t begin, uint64_t end, const StoreSnapshot* at,
                              const RequestVisitor& visit) const = 0;
  // The first place taken and the one behind the last; equal if there is none. Latest state.
  virtual StatusOr<std::pair<uint64_t, uint64_t>> RequestPlaces() const = 0;
  // Postings of lists [begin, end) by list then row. DataLoss if a value is not
  // code_bytes + 4 + refine_bytes long.
  using PostingVisitor = std::function<Status(const PostingView&)>;
  virtual Status ScanPostings(Generation g, ListId begin, ListId end, uint32_t code_bytes,
                              uint32_t refine_bytes, const StoreSnapshot* at,
                              const PostingVisitor& visit) const = 0;
  // All centroids of a generation, list 0 first, dense. DataLoss if a list is missing or one too
  // many, or a length is wrong.
  virtual StatusOr<std::vector<float>> ReadCentroids(Generation g, uint32_t dim, uint32_t nlist,
                                                     const StoreSnapshot* at) const = 0;

  // What only checks and repairs read whole. Names, ids and rows ascend; a record comes as it decodes.
  using RecordVisitor = std::function<Status(const std::string& name, StatusOr<std::string> bytes)>;
  virtual Status ScanRecords(const StoreSnapshot* at, const RecordVisitor& visit) const = 0;
  using IdVisitor = std::function<Status(const PointId&, RowId)>;
  virtual Status ScanIds(const StoreSnapshot* at, const IdVisitor& visit) const = 0;
  using AssignVisitor = std::function<Status(RowId, ListId)>;
  virtual Status ScanAssigns(Generation g, RowId begin, RowId end, const StoreSnapshot* at,
                             const AssignVisitor& visit) const = 0;
  // Reads every sorted file of the present state whole, past the caches: `checked` hears of each in turn what its
  // checksums say, and ends the reading by an error. (Blob files have a checksum a value, which reading it checks.)
  struct CheckedFile {
    std::string family;
    std::string name;  // "000017.sst"
    Status status;
    uint64_t bytes_done = 0;
    uint64_t bytes_total = 0;
  };
  using FileVisitor = std::function<Status(const CheckedFile&)>;
  virtual Status CheckFiles(const FileVisitor& checked) const = 0;

  // Column families of a generation. Create is FailedPrecondition if they exist, every other call
  // with a generation if they do not. A generation that a crash left half created or half dropped
  // is gone after reopening. Scans of a generation that is dropped meanwhile end well.
  virtual Status CreateGeneration(Generation g) = 0;
  virtual Status DropGeneration(Generation g) = 0;
  virtual std::vector<Generation> Generations() const = 0;
  // Makes what was written with kNoLog durable.
  virtual Status FlushGeneration(Generation g) = 0;
  // Flushes everything, truncates the log, and lets the merges that follow end, ten seconds at most.
  virtual Status FlushAll() = 0;
  // A second database in `directory`, which must not exist, on the same file system: hard links to the files of this
  // one, flushed. All that was written before is in it; of what is written meanwhile anything, so the caller keeps
  // writes out.
  virtual Status Checkpoint(const std::string& directory) = 0;
  // Makes what was written with kLogged durable.
  virtual Status SyncLog() = 0;

  // The caller numbers its commits, ascending. To be told of each that is durable, one after another; beside the
  // database, and without a sync of its own.
  virtual void MarkDurable(uint64_t commit) = 0;
  // The last one that is known to be durable, of earlier openings too; 0 if none is known. A store whose records are of an
  // earlier commit has lost what came between.
  static uint64_t DurableCommit(const std::string& path);
  // Whether the logs end where their last record does. If not, opening cuts them there: look first (read_only) whether
  // that is an end that the last power failure left, or damage.
  static StatusOr<bool> AreLogsWhole(const std::string& path);

  // Rewrites the files so that they hold no more than there is; what a snapshot still sees stays. Reads and writes go
  // on. Takes as long as writing all rows. Cancelled when `stop` becomes true.
  virtual Status Reclaim(std::atomic<bool>& stop) = 0;

  struct DiskUsage {
    uint64_t sst_bytes = 0;
    uint64_t blob_bytes = 0;
    uint64_t wal_bytes = 0;
    uint64_t memtable_bytes = 0;  // resident
    uint64_t table_reader_bytes = 0;  // resident: indexes and filters outside the block cache
  };
  virtual DiskUsage Usage() const = 0;
};

}  // namespace tessera::store

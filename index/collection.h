// A collection of vectors: durable, searchable from its first row, quantized once trained.
//
// Made and found through a Catalog (index/catalog.h). Every method is thread-safe unless it says
// otherwise; searches never wait for writes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/codebook.h"
#include "index/deadline.h"
#include "index/drift.h"
#include "index/evaluation.h"
#include "index/filter.h"
#include "index/memory.h"
#include "index/payload.h"
#include "index/points.h"
#include "index/quantizer_goal.h"
#include "index/quantizer_spec.h"
#include "index/recall.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"
#include "index/verification.h"

namespace tessera {

struct CollectionSpec {
  uint32_t dim = 0;  // 1..kMaxDim, fixed for life
  Metric metric = Metric::kL2;
  QuantizerSpec quantizer;  // used by the next training, unless there is a goal
  // If given, each training chooses the quantizer for it, by measurement on the rows.
  QuantizerGoal goal;
  // Train by itself once 10,000 rows are there, and again at four times the rows of the last training.
  // Needs CatalogOptions::background.
  bool auto_train = true;
  // Sync the log before a write is acknowledged. Off: a power loss may take the last writes, a killed
  // process does not.
  bool sync_writes = true;
  // kRetrain: train again by itself when drift says so (index/drift.h), at the earliest when a tenth of the rows at
  // the last training, and 1,000, were written since. Needs CatalogOptions::background.
  DriftAction drift_action = DriftAction::kDefault;
  bool retrains_on_drift() const {
    return drift_action == DriftAction::kRetrain || (drift_action == DriftAction::kDefault && auto_train);
  }
  // Live queries kept for tuning, a uniform choice of those since opening; 0 = none. In memory only: what
  // was asked is not written to disk, and what was measured with it is. At most kMaxQuerySample.
  uint32_t query_sample = 0;
  // Share of live queries that are run again exactly to watch recall (CollectionStats::live_recall), 0 to 1.
  // Off by default: each is a pass over all vectors. Needs CatalogOptions::background.
  double recall_sampling = 0;

  // Resident bytes that it may have, as CollectionStats::memory counts them, trainings and evaluations under way
  // included; 0 = no limit of its own. What would not fit is ResourceExhausted before anything is done, with the bytes
  // and a quantizer that fits; what takes no more than before (deletions) never is. May be changed (Update).
  uint64_t memory_limit_bytes = 0;
  // Refine records are left on disk: their bytes are not resident, and a search that reranks by them reads those of its
  // candidates, all at once. The answers are the same. Changed by Update, from the next training or opening on.
  bool refine_on_disk = false;

  // Declared payload fields, fixed for life; all others are what their JSON values are.
  PayloadSchema payload;

  // InvalidArgument names the field.
  Status Validate() const;
};

inline constexpr uint32_t kMaxQuerySample = 20000;

// A point to be written. Borrows its bytes: dim * ElementSize(type), little-endian.
struct PointInput {
  PointId id;
  ElementType type = ElementType::kF32;
  std::string_view vector;
  ScalarParams quantization{};  // of i8 and u8: what their integers stand for
  std::string_view payload{};   // text of a JSON object (index/payload.h); empty or {}: no payload
  // Write only if the point's version is this: 0 = only if it is not there. Else the row is Aborted.
  std::optional<uint64_t> if_version{};
  // Unix milliseconds from which on the point is no more; 0: never. In the past: it never is.
  int64_t expire_at_ms = 0;
};

// A change of the payload, or the expiry, of a point that is there; its vector stays. Borrows its bytes.
struct PatchInput {
  PointId id;
  std::string_view payload{};  // what PatchMode says, empty with kClear
  std::optional<uint64_t> if_version{};
  std::optional<int64_t> expire_at_ms{};  // as of PointInput; absent: stays
};

// A row of a request that was refused: InvalidArgument, or as its mode or condition says AlreadyExists, NotFound
// or Aborted.
struct RowError {
  size_t index = 0;  // into the request
  Status status;
};

// Of all writes: `commit` is also the version of the points written. Searches that see this commit or a later one
// see them. 0 with Ack::kAccepted. `rejected` is ascending.
struct UpsertResult {
  uint64_t commit = 0;
  size_t upserted = 0;
  std::vector<RowError> rejected;
};
struct PatchResult {
  uint64_t commit = 0;
  size_t patched = 0;
  std::vector<RowError> rejected;
};
struct DeleteResult {
  uint64_t commit = 0;
  size_t deleted = 0;  // ids that existed
  std::vector<RowError> rejected;
};

// When a write is answered.
enum class Ack : uint8_t {
  kDurable = 0,  // durable (as CollectionSpec::sync_writes says), and visible to later searches
  // Checked and queued. A crash, a power loss or a failing disk may lose it whole, searches may not see it yet, and
  // rows that their mode or condition refuses are told by CollectionStats::accepted_rows_failed alone.
  kAccepted = 1,
};

enum class UpsertMode : uint8_t {
  kUpsert = 0,
  kInsert = 1,  // a row whose id is there is AlreadyExists
  kUpdate = 2,  // a row whose id is not there is NotFound; vector and payload are replaced
};

enum class PatchMode : uint8_t {
  kMerge = 0,    // JSON merge patch (RFC 7386): objects merge, null removes
  kReplace = 1,  // the payload becomes this
  kClear = 2,    // no payload any more
};

// Of all writes.
// atomic: one bad row, by itself or by its mode or condition, fails the request with that row's status, and nothing
//   is written. Otherwise good rows are written and the others are listed in `rejected`.
// request_id: "" or up to kMaxRequestIdBytes. A request with the id of one that succeeded within the last 24 hours
//   (of the last 100,000) changes nothing and gets the reply of that one; InvalidArgument if it asks for something
//   else. Survives restarts.
inline constexpr size_t kMaxRequestIdBytes = 64;
struct UpsertOptions {
  UpsertMode mode = UpsertMode::kUpsert;
  bool atomic = false;
  std::string request_id{};
  Ack ack = Ack::kDurable;
};
struct PatchOptions {
  PatchMode mode = PatchMode::kMerge;
  bool atomic = false;
  std::string request_id{};
  Ack ack = Ack::kDurable;
  StopToken stop{};  // of a patch by filter: asked between its commits
};
struct DeleteOptions {
  // Empty, or one an id: delete only if the point's version is this, else the row is Aborted. 0 = whatever it is.
  std::vector<uint64_t> if_versions{};
  bool validate_only = false;  // tell what would be deleted now, and write nothing
  bool atomic = false;
  std::string request_id{};
  Ack ack = Ack::kDurable;
  StopToken stop{};  // of a deletion by filter: asked between its commits
};

// Resident bytes by component.
struct MemoryUsage {
  uint64_t codes = 0;        // product codes, or raw vectors before training
  uint64_t corrections = 0;
  uint64_t refine = 0;
  uint64_t row_ids = 0;
  uint64_t payload_index = 0;
  uint64_t filters = 0;      // rows that recent filters let through
  uint64_t expiry = 0;       // times of points that expire
  uint64_t external_ids = 0;
  uint64_t padding = 0;      // unused rows of blocks and pages
  uint64_t headers = 0;      // chunk, list and snapshot structures, live bits
  uint64_t centroids = 0;
  uint64_t model = 0;        // rotation, codebooks
  uint64_t total() const {
    return codes + corrections + refine + row_ids + external_ids + padding + headers + centroids + model +
           payload_index + filters + expiry;
  }
};

struct CollectionStats {
  uint64_t rows = 0;
  uint64_t dead_rows = 0;  // erased, not yet compacted away
  uint64_t commit = 0;
  Generation generation;
  std::string quantizer;   // resolved spec of the model in force, empty before training
  uint64_t trained_rows = 0;
  double training_error = 0;
  uint32_t nlist = 0;
  uint32_t largest_list = 0;
  double list_imbalance = 0;  // nlist * sum n_l^2 / (sum n_l)^2; 1 = all equal
  DriftReport drift;
  MemoryUsage memory;
  bool refine_on_disk = false;  // now; spec().refine_on_disk is for the next training or opening
  MemoryBudget budget;     // used: memory.total(), as of the last commit or filter
  uint64_t disk_bytes = 0;
  uint64_t store_memory_bytes = 0;  // memtables and table readers of RocksDB
  bool read_only = false;     // after a write failure, with the cause
  std::string read_only_cause;
  bool training = false;
  double training_fraction = 0;
  std::string training_stage;
  std::string plan;  // how the quantizer in force was chosen for the goal; empty if it was not
  bool tuning = false;
  uint32_t tuned_queries = 0;  // that the recall curve in force was measured on; 0 = there is none
  LiveRecall live_recall;
  bool rebalancing = false;    // lists are being split and merged
  uint64_t list_splits = 0;    // since opening, as the next two
  uint64_t list_merges = 0;
  uint64_t list_moves = 0;     // rows that changed their list
  bool reclaiming = false;     // files are rewritten without what was deleted
  uint64_t accepted_rows_failed = 0;  // accepted (Ack::kAccepted) and then not written, since opening
};

// What Collection::Update changes; what is absent stays as it is.
struct CollectionUpdate {
  // CollectionSpec; below what is used: writes are refused until it fits.
  std::optional<uint64_t> memory_limit_bytes = std::nullopt;
  std::optional<bool> refine_on_disk = std::nullopt;  // from the next training or opening on
};

// What Collection::Rebalance did.
struct RebalanceResult {
  uint64_t splits = 0;
  uint64_t merges = 0;
  uint64_t moved_rows = 0;
  double seconds = 0;
};

struct TrainOptions {
  std::optional<QuantizerSpec> quantizer;  // replaces the collection's spec, or its goal
  uint64_t sample_rows = 0;                // 0 = chosen; bounded by memory
  uint64_t sample_memory_bytes = 1ull << 30;
  TrainingContext context;  // executor null = the collection's compute executor
};

// (list, code) pairs of the model in force.
struct EncodedVectors {
  Generation generation;
  uint32_t code_bytes = 0;
  std::vector<uint32_t> lists;  // n
  std::string codes;            // n x code_bytes
};

class Collection {
 public:
  virtual ~Collection() = default;

  virtual const std::string& name() const = 0;
  virtual CollectionSpec spec() const = 0;
  // Durable when it returns, in force from then on.
  virtual Status Update(const CollectionUpdate& update) = 0;

  // A reply means durable (as spec.sync_writes says) and visible to later searches, unless another Ack was asked
  // for. The same id twice in one upsert or patch is an error of the later row.
  // Async: validates and encodes on the calling thread (and the compute executor), then queues; `done` is
  // called once, maybe on another thread, maybe before this returns. What was given and what it borrows must
  // live until then. ResourceExhausted when the queue is full: try again later.
  using UpsertDone = std::function<void(StatusOr<UpsertResult>)>;
  virtual void UpsertAsync(const std::vector<PointInput>& points, const UpsertOptions& options,
                           UpsertDone done) = 0;
  virtual StatusOr<UpsertResult> Upsert(const std::vector<PointInput>& points,
                                        const UpsertOptions& options = {}) = 0;
  using DeleteDone = std::function<void(StatusOr<DeleteResult>)>;
  virtual void DeleteAsync(const std::vector<PointId>& ids, const DeleteOptions& options,
                           DeleteDone done) = 0;
  virtual StatusOr<DeleteResult> Delete(const std::vector<PointId>& ids,
                                        const DeleteOptions& options = {}) = 0;
  // A row whose id is not there is NotFound.
  using PatchDone = std::function<void(StatusOr<PatchResult>)>;
  virtual void PatchAsync(const std::vector<PatchInput>& patches, const PatchOptions& options,
                          PatchDone done) = 0;
  virtual StatusOr<PatchResult> Patch(const std::vector<PatchInput>& patches,
                                      const PatchOptions& options = {}) = 0;

  // queries: n x dim. Bad params or query values: InvalidArgument naming field and row. Runs on the
  // calling thread and, for several queries, on the compute executor. One state for all queries.
  // `results` is overwritten, parallel to the queries; its memory is reused, so that a caller who
  // keeps it between calls has searches that allocate nothing (after the first ones on a thread; numeric
  // ids, no raw rerank, no vectors asked for). Undefined after an error.
  virtual Status QueryBatch(MatrixView<const float> queries, const QueryParams& params,
                            std::vector<QueryResult>& results) = 0;
  StatusOr<std::vector<QueryResult>> QueryBatch(MatrixView<const float> queries,
                                                const QueryParams& params);
  StatusOr<QueryResult> Query(const float* query, uint32_t dim, const QueryParams& params);
  // The neighbours of a stored vector, itself left out. NotFound if there is none.
  StatusOr<QueryResult> QueryById(const PointId& id, const QueryParams& params) {
    return QueryByExamples(Examples::Of(id), params);
  }
  // The points nearest to what the examples have in common. NotFound names an example that is not there,
  // InvalidArgument if none is positive, or they cancel each other out under cosine.
  virtual StatusOr<QueryResult> QueryByExamples(const Examples& examples, const QueryParams& params) = 0;
  // The best points group by group: params.limit groups whenever so many exist, each with its best hits. Groups are
  // found in the order of the best params.limit * group_size hits and more, up to kMaxLimit; past these, points of a
  // value that was found already are passed over. params.offset must be 0. InvalidArgument if the field is declared
  // without an index.
  virtual StatusOr<GroupResult> QueryGroups(const Examples& query, const GroupParams& groups,
                                            const QueryParams& params) = 0;
  // Every point within a radius, by its raw vector: all vectors that pass the filter are compared. Blocks.
  virtual StatusOr<RangeResult> QueryRange(const Examples& query, const RangeParams& params,
                                           const RangeVisitor& visit) = 0;

  // Parallel to ids; nullopt where absent. With their payloads.
  virtual StatusOr<std::vector<std::optional<StoredPoint>>> Get(const std::vector<PointId>& ids) = 0;
  // All points, page by page, on the state of the first page: what is written meanwhile does not show. The state is kept
  // for CatalogOptions::list_retention after each page, and as long as nothing is written; later, and after a restart
  // since which something was written, the page is Aborted. InvalidArgument if `after` is none, or of another filter.
  virtual StatusOr<ListResult> List(const ListParams& params) = 0;
  virtual uint64_t Count() const = 0;
  // Points that pass. InvalidArgument of a filter as CheckFilter says.
  virtual StatusOr<uint64_t> Count(const Filter& filter) const = 0;
  // Values of a payload field and how many points (that pass the filter, if there is one) have each: most first, at
  // most `limit`. InvalidArgument if the field is declared without an index.
  virtual StatusOr<std::vector<FacetCount>> Facet(std::string_view field, const Filter* filter,
                                                  size_t limit) const = 0;
  // Deletes the points that pass now, some thousands a commit: a point that is written meanwhile stays. Blocks.
  // options: validate_only counts them; if_versions, atomic, request_id and ack must be left out. After an error some
  // may be gone: asked again, it goes on.
  virtual StatusOr<DeleteResult> DeleteByFilter(const Filter& filter, const DeleteOptions& options = {}) = 0;
  // Patches the points that pass now, as DeleteByFilter deletes them; atomic, request_id and ack must be left out.
  virtual StatusOr<PatchResult> PatchByFilter(const Filter& filter, const PatchInput& patch,
                                              const PatchOptions& options = {}) = 0;
  // Removes the points whose time has come (PointInput::expire_at_ms), some thousands a commit, and returns how many.
  // They are no answers from that time on, whether removed or not; who embeds the library calls this now and then, the
  // server every second. What deletions leave to the background is seen to as well. Blocks.
  virtual StatusOr<uint64_t> RemoveExpired() = 0;

  // Trains a model on a sample, re-encodes all rows beside the old ones and switches atomically. Blocks;
  // searches and writes go on. FailedPrecondition if there are too few rows, AlreadyExists if a training is running.
  // After a failure, cancel or crash the old generation is in force.
  virtual Status Train(const TrainOptions& options) = 0;

  // What quantizers would make of this collection, measured on a sample of one state of it. Blocks;
  // searches, writes and a training go on, nothing of the collection changes. Errors as those of
  // EvaluateRows.
  virtual StatusOr<EvaluateResult> Evaluate(const EvaluateOptions& options) const = 0;

  // Its trained models as objects: candidates, the one in force, those before. As long as the collection lives.
  virtual Codebooks& codebooks() = 0;
  // Measures recall and cost of searches with the model in force, on held-out queries, and serves
  // QueryParams::target_recall from that curve, also after reopening, until another model comes into force. Blocks;
  // searches and writes go on. With CatalogOptions::background it is done by itself after a training and when the
  // collection has changed much. FailedPrecondition before training, AlreadyExists if one is running, InvalidArgument
  // names the row of a bad query, Aborted if another model came into force meanwhile.
  virtual StatusOr<TuneResult> Tune(const TuneOptions& options) = 0;

  // Splits lists that have become long and merges those that have become short, as many as a training of the same rows
  // would have, with the codebooks in force: new centroids, and the rows around them encoded anew, some thousand a
  // commit. Blocks; searches and writes go on; ends early when a training begins. Nothing to do is no error, nor is an
  // untrained collection. AlreadyExists if it is running (CatalogOptions::rebalance).
  virtual StatusOr<RebalanceResult> Rebalance(const StopToken& stop = {}) = 0;

  // Rewrites files and lists so that they hold no more than there is, and returns free memory to the system. Blocks, as long
  // as writing all rows takes; searches and writes go on. With CatalogOptions::background it is done by itself when a
  // quarter as many rows as there are were deleted or replaced. Cancelled if the collection is closed; AlreadyExists
  // if it is running.
  virtual Status Reclaim() = 0;

  // Reads everything at one state and tells what is damaged or does not agree: rows, ids both ways, vectors, payloads,
  // assignments, postings, centroids, small records, the lists in memory, the checksums of all files. Damage is in the
  // report, not in the status. Blocks; searches, writes and a training go on. Aborted if models come into force faster than
  // it reads; Cancelled if the collection is closed.
  virtual StatusOr<VerifyReport> Verify(const VerifyOptions& options) const = 0;

  // FailedPrecondition before training. Lists may be changed by Rebalance: then the codes are those of lists that were.
  virtual StatusOr<EncodedVectors> Encode(MatrixView<const float> rows) = 0;
  // out: n x dim. InvalidArgument names the row of an impossible code or list.
  virtual Status Decode(const std::vector<uint32_t>& lists, std::string_view codes, float* out) = 0;

  virtual CollectionStats Stats() const = 0;
  // Reads and encodes up to 2,000 rows; Stats has the same without them.
  virtual StatusOr<DriftReport> Drift() = 0;
};

}  // namespace tessera

// What the client takes and returns: plain structs, the wire API (proto/tessera/v1) without its
// generated code. All are values; spans and views borrow for the length of the call only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "index/filter.h"
#include "index/payload.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::client {

struct CollectionConfig {
  std::string name;
  uint32_t dim = 0;
  Metric metric = Metric::kL2;
  std::string quantizer;  // what to train, e.g. "IVF1024,PQ32x8,Refine(SQ8)"; empty = the default
  // Instead of a quantizer a goal, of which 0 is none: each training chooses the quantizer.
  double bytes_per_vector = 0;
  uint64_t memory_budget = 0;  // bytes, all in, at expected_rows
  uint64_t expected_rows = 0;
  double target_recall = 0;
  bool auto_train = true;
  bool sync_writes = true;
  std::optional<bool> retrain_on_drift;  // unset: as auto_train
  uint32_t query_sample = 0;   // live queries kept for tuning
  double recall_sampling = 0;  // share of live queries that are run again exactly
  uint64_t memory_limit = 0;   // resident bytes that it may have; 0 = no limit of its own
  bool refine_on_disk = false;  // refine records are not kept in memory
  std::vector<PayloadField> payload_fields;  // declared, with their types
};

enum class CollectionState : uint8_t { kUnknown, kUntrained, kServing, kTraining, kReadOnly, kUnopened };
const char* CollectionStateName(CollectionState state);  // "untrained", "serving", ...

struct CollectionInfo {
  CollectionConfig config;
  CollectionState state = CollectionState::kUnknown;
  uint32_t generation = 0;  // of the model in force, 0 = untrained
  uint64_t rows = 0;
  std::string trained_quantizer;
  std::string plan;  // how it was chosen for the goal, in words and numbers
  std::string error;  // kUnopened: why, and what to do; nothing but name and state is known then
};

// Resident bytes by component.
struct MemoryUsage {
  uint64_t codes = 0;
  uint64_t corrections = 0;
  uint64_t refine = 0;
  uint64_t row_ids = 0;
  uint64_t external_ids = 0;
  uint64_t padding = 0;
  uint64_t headers = 0;
  uint64_t centroids = 0;
  uint64_t model = 0;
  uint64_t payload_index = 0;
  uint64_t filters = 0;
  uint64_t expiry = 0;
  uint64_t total = 0;
};

// Bytes against a limit.
struct MemoryBudget {
  uint64_t limit = 0;     // 0 = none
  uint64_t used = 0;
  uint64_t reserved = 0;  // by trainings, evaluations, restores under way
  uint64_t refused = 0;   // for want of memory, since the server started
  std::string last_refusal;
};

// Of the whole server; budget.used is the sum of the components.
struct ServerMemory {
  MemoryBudget budget;
  uint64_t collections = 0;
  uint64_t queues = 0;
  uint64_t store = 0;
};

// What Client::UpdateCollection changes; what is absent stays as it is.
struct CollectionUpdate {
  std::optional<uint64_t> memory_limit = std::nullopt;
  std::optional<bool> refine_on_disk = std::nullopt;  // from the next training or start of the server on
};

// Mean squared errors of codes; value +- margin is the 95 % confidence interval.
struct Drift {
  double training_error = 0;  // of rows that the training left out; of 0 rows if they were too few
  double training_margin = 0;
  uint64_t training_measured = 0;
  uint64_t written_rows = 0;  // since the codebook is in force
  double written_error = 0;
  double written_margin = 0;
  uint64_t written_measured = 0;
  double live_error = 0;  // of a sample of the live rows; by Client::GetDrift only
  double live_margin = 0;
  uint64_t live_measured = 0;
  double list_imbalance = 0;
  std::string advice;  // "none", "split lists", "retrain"
  std::string reason;
};

// A mean over queries, and its 95 % confidence interval.
struct RecallEstimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

// Recall of the last live queries that were run again exactly.
struct LiveRecall {
  uint64_t queries = 0;
  RecallEstimate recall;
  double probe_loss = 0;
  double code_loss = 0;
  uint64_t dropped = 0;
  int64_t since_seconds = 0;  // since 1970
};

// Lists split and merged in the background, since the server started.
struct ListUpkeep {
  bool running = false;
  uint64_t splits = 0;
  uint64_t merges = 0;
  uint64_t moved_rows = 0;
};

struct CollectionStats {
  uint64_t rows = 0;
  uint64_t dead_rows = 0;
  uint64_t commit = 0;
  uint32_t generation = 0;
  std::string quantizer;
  uint64_t trained_rows = 0;
  double training_error = 0;
  uint32_t nlist = 0;
  uint32_t largest_list = 0;
  double list_imbalance = 0;
  Drift drift;
  MemoryUsage memory;
  double bytes_per_vector = 0;
  uint64_t disk_bytes = 0;
  uint64_t store_memory_bytes = 0;
  bool read_only = false;
  std::string read_only_cause;
  bool training = false;
  double training_fraction = 0;
  std::string training_stage;
  uint64_t process_resident_bytes = 0;  // of the whole server
  uint64_t process_anonymous_bytes = 0;
  uint64_t process_peak_resident_bytes = 0;
  std::string isa;
  std::optional<LiveRecall> live_recall;  // if recall_sampling is on
  uint32_t tuned_queries = 0;  // that the recall curve in force was measured on; 0 = there is none
  bool tuning = false;
  uint64_t accepted_rows_failed = 0;  // accepted and then not written
  ListUpkeep list_upkeep;
  bool reclaiming = false;  // files are rewritten without what was deleted
  MemoryBudget memory_budget;
  ServerMemory server_memory;
  bool refine_on_disk = false;  // of the lists in force
};

// Borrowed vectors: rows x dim components of `type`, packed, row-major, little-endian.
struct VectorRows {
  ElementType type = ElementType::kF32;
  size_t rows = 0;
  size_t dim = 0;
  std::span<const uint8_t> bytes;  // rows * dim * ElementSize(type)
  ScalarParams quantization{};     // of i8 and u8: what their integers stand for

  static VectorRows Floats(MatrixView<const float> packed) {
    return {ElementType::kF32, packed.rows(), packed.dim(),
            {reinterpret_cast<const uint8_t*>(packed.data()),
             packed.rows() * packed.dim() * sizeof(float)}, {}};
  }
  VectorRows Slice(size_t begin, size_t count) const {
    const size_t row_bytes = dim * ElementSize(type);
    return {type, count, dim, bytes.subspan(begin * row_bytes, count * row_bytes), quantization};
  }
};

// Borrowed ids, one a row, in one of two forms: numbers where every id is one (no copy of strings),
// else ids.
struct IdRows {
  std::span<const uint64_t> numbers;
  std::span<const PointId> ids;  // used if not empty

  size_t size() const { return ids.empty() ? numbers.size() : ids.size(); }
  IdRows Slice(size_t begin, size_t count) const {
    if (ids.empty()) return {numbers.subspan(begin, count), {}};
    return {{}, ids.subspan(begin, count)};
  }
};

struct RowError {
  uint64_t index = 0;  // of the row in the call's rows
  Status status;
};

struct UpsertResult {
  uint64_t commit = 0;
  uint64_t upserted = 0;
  std::vector<RowError> rejected;  // ascending
};

enum class Ack : uint8_t { kDurable = 0, kAccepted = 1 };
enum class UpsertMode : uint8_t { kUpsert = 0, kInsert = 1, kUpdate = 2 };
enum class PatchMode : uint8_t { kMerge = 0, kReplace = 1, kClear = 2 };

// What they mean is said in proto/tessera/v1/points.proto. A call with `atomic` or a request_id must fit one request.
struct UpsertOptions {
  UpsertMode mode = UpsertMode::kUpsert;
  bool atomic = false;
  std::string request_id{};
  Ack ack = Ack::kDurable;
  std::span<const std::string> payloads{};  // JSON objects, none or as many as rows; an empty one is no payload
  std::span<const std::optional<uint64_t>> if_versions{};  // none or as many as rows
  // Unix milliseconds from which on a point is no more, 0 = never: none, one for all rows, or as many as rows.
  std::span<const int64_t> expire_at_ms{};
};

struct PatchOptions {
  PatchMode mode = PatchMode::kMerge;
  bool atomic = false;
  std::string request_id{};
  Ack ack = Ack::kDurable;
  std::span<const std::optional<uint64_t>> if_versions{};  // none or as many as ids
  std::optional<int64_t> expire_at_ms{};  // of all of them; absent: stays
};

struct DeleteOptions {
  bool validate_only = false;  // tell what would be deleted now, and delete nothing
  bool atomic = false;
  std::string request_id{};
  Ack ack = Ack::kDurable;
  std::span<const uint64_t> if_versions{};  // none or as many as ids; 0 = no condition
};

struct PatchResult {
  uint64_t commit = 0;
  uint64_t patched = 0;
  std::vector<RowError> rejected;  // ascending
};

enum class RerankTier : uint8_t { kAuto = 0, kNone = 1, kRefine = 2, kRaw = 3 };
const char* RerankTierName(RerankTier tier);  // "auto", "none", "refine", "raw"

struct SearchParams {
  bool exact = false;   // compare with every raw vector; the rest is then ignored
  uint32_t nprobe = 0;  // 0 = the server's choice
  RerankTier rerank = RerankTier::kAuto;
  uint32_t rerank_depth = 0;  // 0 = the server's choice
  float target_recall = 0;    // recall wanted; the server chooses the three above. 0 = not asked
};

// The points that a call is about: an expression as ParseFilter (index/filter.h) reads it, which the server does, or a
// tree of conditions. "" is no filter: every point.
using FilterInput = std::variant<std::string, Filter>;

struct QueryOptions {
  uint32_t limit = 10;
  uint32_t offset = 0;
  SearchParams params;
  std::optional<float> score_threshold;
  bool with_vector = false;
  bool with_payload = false;
  bool explain = false;
  FilterInput filter{};  // the only points that may be found
};

// One owned vector, as it was sent: dim * ElementSize(type) bytes.
struct StoredVector {
  ElementType type = ElementType::kF32;
  std::string bytes;
  ScalarParams quantization{};  // of i8 and u8
};
// Its components as floats, integers as what they stand for; a length that is no multiple of the element's loses the rest.
std::vector<float> ToFloats(const StoredVector& vector);

struct Hit {
  PointId id;
  float score = 0;
  bool exact = false;
  StoredVector vector;   // with_vector only
  uint64_t version = 0;  // with_vector or with_payload only
  std::string payload;   // with_payload only; empty if it has none
};

// What neighbours are looked for by: good and bad examples (tessera.v1.Examples). A vector or a stored point by itself is
// a good one.
struct Examples {
  std::vector<PointId> positive, negative;
  VectorRows positive_vectors, negative_vectors;  // any number of rows
};

struct GroupOptions {
  std::string field;        // of the payload; points of a value are a group
  uint32_t group_size = 3;  // hits of a group, at most; how many groups says QueryOptions::limit
};

struct HitGroup {
  PayloadValue value;
  std::vector<Hit> hits;  // best first
};

struct GroupResult {
  std::vector<HitGroup> groups;  // by their best hit
  bool exhausted = false;        // no more groups exist
  uint64_t commit = 0;
  uint32_t generation = 0;
};

struct RangeOptions {
  float radius = 0;  // the worst score: the largest distance under L2, the smallest similarity else
  FilterInput filter{};
  bool with_vector = false;
  bool with_payload = false;
};

struct RangeResult {
  uint64_t hits = 0;
  uint64_t rows_compared = 0;
  uint64_t commit = 0;
};

struct Explain {
  uint32_t lists_probed = 0;
  uint64_t rows_scanned = 0;
  uint64_t rows_reranked = 0;
  uint64_t rows_passing = 0;  // the filter, of all live ones
  std::string plan;           // "exact", "scan", "masked scan" or "visit"
  double queue_us = 0;
  double coarse_us = 0;
  double tables_us = 0;
  double scan_us = 0;
  double rerank_us = 0;
  double filter_us = 0;
  double fetch_us = 0;
  std::string isa;
};

struct QueryResult {
  std::vector<Hit> hits;  // best first
  bool exhausted = false;
  uint64_t commit = 0;
  uint32_t generation = 0;
  SearchParams effective;
  std::optional<RecallEstimate> recall_estimate;  // with target_recall, if the server knows it
  std::optional<Explain> explain;
};

struct StoredPoint {
  PointId id;
  StoredVector vector;   // of a list if asked for
  uint64_t version = 0;  // the commit that last wrote it
  std::string payload;   // minified JSON if asked for; empty if it has none
  int64_t expire_at_ms = 0;  // 0: never
};

struct ListOptions {
  FilterInput filter{};
  uint32_t page_size = 100;  // at most; the server may give fewer
  std::string page_token{};  // next_page_token of the page before, with the same filter
  bool with_vector = false;
  bool with_payload = false;
};

struct ListPage {
  std::vector<StoredPoint> points;  // in the order in which they were last written
  std::string next_page_token;      // empty: this was the last page
  uint64_t commit = 0;              // the state that is listed
};

struct GetResult {
  std::vector<StoredPoint> points;  // those found, in the order asked
  std::vector<PointId> missing;
};

struct DeleteResult {
  uint64_t commit = 0;
  uint64_t deleted = 0;  // ids that existed, points that passed
  std::vector<RowError> rejected;  // ascending
};

struct TrainOptions {
  std::string quantizer;     // empty = the collection's own
  uint64_t sample_rows = 0;  // 0 = the server's choice
  std::optional<uint64_t> seed;
};

struct TrainResult {
  uint32_t generation = 0;
  std::string quantizer;
  uint64_t trained_rows = 0;
  double training_error = 0;
};

// Unset numbers are the server's choice.
struct EvaluateOptions {
  // Either these, or a range of bytes a vector (code, correction, refine code) for which specs are
  // chosen.
  std::vector<std::string> quantizers;
  double min_bytes = 0;
  double max_bytes = 0;
  uint32_t k = 10;
  std::vector<uint32_t> nprobe;  // each measured
  uint32_t rerank_depth = 0;
  uint64_t sample_rows = 0;
  uint32_t queries = 0;      // rows held out as queries
  VectorRows query_vectors;  // these instead, if there are rows
  std::optional<uint64_t> seed;
};

// A share measured on queries; value +- margin is its 95 % confidence interval.
struct MeasuredShare {
  double value = 0;
  double margin = 0;
};

// codes.value + probe_loss + code_loss = 1.
struct EvaluatedSearch {
  uint32_t nprobe = 0;
  MeasuredShare codes;
  MeasuredShare refine;
  MeasuredShare raw;
  double probe_loss = 0;
  double code_loss = 0;
  uint32_t rerank_depth = 0;
  double query_cpu_us = 0;
};

struct EvaluatedQuantizer {
  std::string asked;
  Status error;           // not OK: nothing below is set
  std::string quantizer;  // with all choices made
  uint32_t nlist = 0;
  double code_bytes = 0;  // a vector, with its correction
  double refine_bytes = 0;
  double resident_bytes = 0;
  MeasuredShare codes;  // all lists probed
  MeasuredShare refine;
  std::vector<EvaluatedSearch> searches;  // one an nprobe
  double squared_error = 0;
  double relative_error = 0;
  double train_seconds = 0;
  double encode_rows_per_second = 0;
  double scan_rows_per_second = 0;
};

struct EvaluateResult {
  uint32_t k = 0;
  uint64_t rows = 0;
  uint64_t queries = 0;
  uint64_t seed = 0;
  std::vector<EvaluatedQuantizer> quantizers;
};

// A trained model of a collection.
struct CodebookInfo {
  uint32_t version = 0;
  std::string state;      // "candidate", "active", "previous"
  std::string asked;
  std::string quantizer;  // with all choices made
  uint64_t bytes = 0;     // of its file
  uint32_t checksum = 0;  // crc32c of its file
  int64_t created_seconds = 0;  // since 1970
  std::string label;
  uint32_t generation = 0;  // that it serves, or served last; 0 = none
  uint64_t trained_rows = 0;
  double training_error = 0;
  double held_out_error = 0;
  uint64_t held_out_rows = 0;
  double live_error = 0;
  uint64_t live_rows = 0;
};

// The cheapest parameters for a recall.
struct RecallPoint {
  uint32_t k = 0;
  SearchParams params;
  RecallEstimate recall;
  double cpu_us = 0;  // of one query
};

// The recall curve in force.
struct TuneResult {
  uint32_t generation = 0;
  uint64_t rows = 0;
  uint32_t queries = 0;
  std::string source;  // "given", "query sample" or "rows"
  std::vector<RecallPoint> points;  // by k, then ascending recall
};

// A collection as of one commit, kept by the server.
struct BackupInfo {
  std::string collection;
  uint32_t id = 0;
  bool damaged = false;  // cannot be read: only the above is known
  uint32_t format = 0;
  uint64_t commit = 0;   // every write up to this one is in it, and none later
  uint64_t rows = 0;
  int64_t created_seconds = 0;  // since 1970
  uint32_t dim = 0;
  Metric metric = Metric::kL2;
  std::string quantizer;  // in force; empty = untrained
  uint64_t bytes = 0;
  uint64_t new_bytes = 0;  // what no older backup of the collection has
};

// The collection that a restore or an upload made.
struct RestoreResult {
  std::string collection;
  uint64_t commit = 0;
  uint64_t rows = 0;
};

// Something damaged, missing, or at odds with something else.
struct Finding {
  std::string where;  // family of records, "files", "log" or "memory"
  std::optional<PointId> point;
  std::optional<uint32_t> list;
  std::string message;
};

// What a verification read, and what it found.
struct VerifyResult {
  uint64_t commit = 0;
  uint32_t generation = 0;
  uint64_t files = 0;
  uint64_t file_bytes = 0;
  uint64_t records = 0;
  uint64_t rows = 0;
  uint64_t ids = 0;
  uint64_t vectors = 0;
  uint64_t payloads = 0;
  uint64_t requests = 0;
  uint64_t lists = 0;
  uint64_t assignments = 0;
  uint64_t postings = 0;
  uint64_t memory_rows = 0;
  uint64_t encoded_rows = 0;
  uint64_t tied_rows = 0;
  double seconds = 0;
  uint64_t found = 0;  // all findings
  std::vector<Finding> findings;  // the first of them
};

// Long work on the server.
struct Operation {
  std::string name;  // "operations/17"
  std::string collection;
  std::string kind;
  bool done = false;
  double progress = 0;  // 0 to 1
  std::string stage;
  Status error;                       // meaningful when done
  std::optional<TrainResult> result;  // of a training done without error
  std::optional<CodebookInfo> codebook;  // trained, or now in force
  std::optional<EvaluateResult> evaluation;  // of an evaluation done without error
  std::optional<TuneResult> tuned;           // of a tuning done without error
  std::optional<BackupInfo> backup;          // made, or verified
  std::optional<RestoreResult> restored;
  std::optional<VerifyResult> verified;      // of a verification done without error
};

// (list, code) of each row under the model in force.
struct EncodedVectors {
  uint32_t generation = 0;
  uint32_t code_bytes = 0;
  std::vector<uint32_t> lists;
  std::string codes;  // rows x code_bytes
};

// See proto/tessera/v1/upkeep.proto.
struct UpkeepState {
  double cpu_share = 1;
  uint64_t bytes_per_second = 0;
  bool paused = false;
};
struct UpkeepChanges {
  std::optional<double> cpu_share;
  std::optional<uint64_t> bytes_per_second;
  std::optional<bool> paused;
};

}  // namespace tessera::client

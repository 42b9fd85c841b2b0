// The C++ client of a Tessera server. No gRPC or protobuf header comes with it.
//
//   tessera::client::Client client({.address = "127.0.0.1:7700"});
//   TESSERA_RETURN_IF_ERROR(client.CreateCollection({.name = "words", .dim = 100}).status());
//   TESSERA_RETURN_IF_ERROR(client.Upsert("words", {.numbers = ids}, rows).status());
//   TESSERA_ASSIGN_OR_RETURN(auto result, client.Query("words", one_row, {.limit = 5}));
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/client_types.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::client {

// Waiting before attempt n (from 1) is random in [0, min(max_backoff, initial_backoff * 2^(n-1))]:
// exponential back-off with full jitter. A server that names a time is obeyed instead.
struct RetryPolicy {
  int max_attempts = 4;  // 1 = never retry
  std::chrono::milliseconds initial_backoff{100};
  std::chrono::milliseconds max_backoff{5000};
};

struct ClientOptions {
  std::string address = "127.0.0.1:7700";  // host:port or unix:/path
  // Of one call with all its attempts. 0 = none.
  std::chrono::milliseconds timeout{60000};
  RetryPolicy retry;
  // Larger batches are sent as several requests. Keep it at or below the server's limit.
  size_t max_request_bytes = size_t{4} << 20;
  // Batches are split so that a reply stays under half of it.
  size_t max_response_bytes = size_t{64} << 20;
};

struct UpsertStreamOptions;
class UpsertStream;
class Connection;

// Connects at the first call and again after a loss. Thread-safe.
//
// Errors are the server's, with its code and words. UNAVAILABLE is retried where repeating does no
// harm (all but those that create or delete a collection or a backup, restore, train, evaluate, tune, activate and import, and writes whose
// mode or condition would see the first try, unless they have a request_id), and RESOURCE_EXHAUSTED where the
// server says when to come back. A call split into several requests is not one transaction: on an
// error what was sent before stays done.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  StatusOr<CollectionInfo> CreateCollection(const CollectionConfig& config);
  StatusOr<CollectionInfo> GetCollection(const std::string& name);
  StatusOr<std::vector<CollectionInfo>> ListCollections();  // all, by name
  StatusOr<CollectionInfo> UpdateCollection(const std::string& name, const CollectionUpdate& update);
  Status DeleteCollection(const std::string& name);
  StatusOr<CollectionStats> Stats(const std::string& name);

  // Inserts or replaces; success means durable and visible to later searches. InvalidArgument if
  // ids and rows differ in number, or the bytes do not fit. Bad rows are listed in the result and the rest is
  // written; with `atomic` one bad row fails all.
  StatusOr<UpsertResult> Upsert(const std::string& collection, IdRows ids, VectorRows rows,
                                const UpsertOptions& options = {});
  // Changes the payloads of points that are there: one JSON object for all, or (payloads.size() = ids.size()) one each.
  StatusOr<PatchResult> Patch(const std::string& collection, const std::vector<PointId>& ids,
                              std::span<const std::string> payloads, const PatchOptions& options = {});
  // Several requests in flight: see client/upsert_stream.h. The stream may outlive the client.
  std::unique_ptr<UpsertStream> StartUpserts(const std::string& collection,
                                             UpsertStreamOptions options);

  // `row` has one row.
  StatusOr<QueryResult> Query(const std::string& collection, VectorRows row,
                              const QueryOptions& options);
  // Neighbours of a stored vector, itself left out.
  StatusOr<QueryResult> QueryById(const std::string& collection, const PointId& id,
                                  const QueryOptions& options);
  // The points nearest to what the examples have in common; those that are stored points are left out.
  StatusOr<QueryResult> QueryByExamples(const std::string& collection, const Examples& examples,
                                        const QueryOptions& options);
  // The best hits value by value of a payload field. options.offset and explain are left out.
  StatusOr<GroupResult> QueryGroups(const std::string& collection, const Examples& query,
                                    const GroupOptions& groups, const QueryOptions& options);
  // Every point within a radius. `visit` gets the hits as they come, in no order, on this thread; an error of its own ends
  // the call with it. Never retried.
  StatusOr<RangeResult> QueryRange(const std::string& collection, const Examples& query,
                                   const RangeOptions& options,
                                   const std::function<Status(std::vector<Hit>& hits)>& visit);
  // One result a row. Rows of one request are answered from one state of the collection.
  StatusOr<std::vector<QueryResult>> QueryBatch(const std::string& collection, VectorRows rows,
                                                const QueryOptions& options);

  StatusOr<GetResult> Get(const std::string& collection, const std::vector<PointId>& ids,
                          bool with_payload = false);
  // One page of all points; see ListOptions::page_token for the next. Aborted: the state that was listed is no longer kept.
  StatusOr<ListPage> List(const std::string& collection, const ListOptions& options);
  StatusOr<DeleteResult> Delete(const std::string& collection, const std::vector<PointId>& ids,
                                const DeleteOptions& options = {});
  // Deletes the points that pass now; a point that is written meanwhile stays. InvalidArgument if the filter is empty:
  // "true" is every point. Retried, it goes on, and counts only what the last try deleted.
  StatusOr<DeleteResult> DeleteByFilter(const std::string& collection, const FilterInput& filter,
                                        bool validate_only = false);
  // Patches them likewise; of `options` the mode and the expiry count. "" is no payload.
  StatusOr<PatchResult> PatchByFilter(const std::string& collection, const FilterInput& filter,
                                      const std::string& payload, const PatchOptions& options = {});
  StatusOr<uint64_t> Count(const std::string& collection, const FilterInput& filter = {});
  // Values of a payload field, and how many points (that pass) have each: most first.
  StatusOr<std::vector<FacetCount>> Facet(const std::string& collection, const std::string& field,
                                          const FilterInput& filter = {}, uint32_t limit = 10);

  // As in Stats, with the error of a sample of the live rows, which are read for it.
  StatusOr<Drift> GetDrift(const std::string& name);

  // The trained models of a collection.
  StatusOr<std::vector<CodebookInfo>> ListCodebooks(const std::string& collection);
  StatusOr<CodebookInfo> GetCodebook(const std::string& collection, uint32_t version);
  // The next four return at once; the operation goes on in the server.
  StatusOr<Operation> TrainCodebook(const std::string& collection, const TrainOptions& options,
                                    const std::string& label);
  // options.quantizers and range of bytes left out.
  StatusOr<Operation> EvaluateCodebook(const std::string& collection, uint32_t version,
                                       const EvaluateOptions& options);
  StatusOr<Operation> ActivateCodebook(const std::string& collection, uint32_t version);
  StatusOr<Operation> RollBackCodebook(const std::string& collection);
  // The file that `tessera encode` and `decode` read, in several calls if it is large.
  StatusOr<std::string> ExportCodebook(const std::string& collection, uint32_t version);
  StatusOr<CodebookInfo> ImportCodebook(const std::string& collection, const std::string& file,
                                        const std::string& label);
  Status DeleteCodebook(const std::string& collection, uint32_t version);

  // Backups of collections, in the server's data directory. Create, Verify and Restore return at once; the operation
  // goes on in the server.
  StatusOr<Operation> CreateBackup(const std::string& collection, uint64_t bytes_per_second = 0);
  StatusOr<std::vector<BackupInfo>> ListBackups(const std::string& collection = "");  // empty: of all
  StatusOr<Operation> VerifyBackup(const std::string& collection, uint32_t id);
  Status DeleteBackup(const std::string& collection, uint32_t id);
  // `name` of the collection to be; empty: that of the backup.
  StatusOr<Operation> RestoreBackup(const std::string& collection, uint32_t id, const std::string& name,
                                    uint64_t bytes_per_second = 0);
  // A backup as an archive, the bytes of one file; `total` is about how many. `take` gets them as they come, on this
  // thread; an error of its own ends the call with it. Whole only if OK is returned. No deadline, never retried.
  using ArchiveVisitor = std::function<Status(std::string_view bytes, uint64_t total)>;
  Status DownloadBackup(const std::string& collection, uint32_t id, const ArchiveVisitor& take);
  // Makes a collection of an archive. `next` gives its bytes piece by piece, at most 1 MiB each, valid until the next call;
  // empty: that was all. An error of its own ends the call with it, and nothing is left on the server. No deadline.
  StatusOr<RestoreResult> UploadBackup(const std::string& name,
                                       const std::function<StatusOr<std::string_view>()>& next);

  // How much of the machine the server's background work may take; without changes, how much it may.
  StatusOr<UpkeepState> SetUpkeep(const UpkeepChanges& changes = {});

  // Returns at once; the operation goes on in the server.
  StatusOr<Operation> Train(const std::string& collection, const TrainOptions& options);
  // Measures quantizers on a sample of the collection, which does not change.
  StatusOr<Operation> Evaluate(const std::string& collection, const EvaluateOptions& options);
  // Measures the recall curve that SearchParams::target_recall is served from, on `queries` (one request) or, if it
  // has no rows, on what the server has. Returns at once; the operation goes on in the server.
  StatusOr<Operation> Tune(const std::string& collection, VectorRows queries = {});
  // Everything read and compared; findings are in the operation's result. max_findings: told one by one, 0 = 100.
  StatusOr<Operation> Verify(const std::string& collection, bool deep = false, uint32_t max_findings = 0);
  StatusOr<Operation> GetOperation(const std::string& name);
  StatusOr<std::vector<Operation>> ListOperations();  // newest first
  StatusOr<Operation> CancelOperation(const std::string& name);
  // Returns when the operation is done or after `timeout`, whichever is first: ask `done`.
  StatusOr<Operation> WaitOperation(const std::string& name, std::chrono::milliseconds timeout);

  // Aborted if a new model came into force between two requests of one call.
  StatusOr<EncodedVectors> Encode(const std::string& collection, VectorRows rows);
  // rows x dim floats.
  StatusOr<std::vector<float>> Decode(const std::string& collection,
                                      const EncodedVectors& encoded);

  const ClientOptions& options() const;

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace tessera::client

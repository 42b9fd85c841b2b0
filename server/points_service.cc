#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "server/arena_messages.h"
#include "server/call.h"
#include "server/convert_filter.h"
#include "server/convert_points.h"
#include "server/convert_searches.h"
#include "server/page.h"
#include "server/query_costs.h"
#include "server/query_joiner.h"
#include "server/range_call.h"
#include "server/services.h"
#include "tessera/v1/points.grpc.pb.h"

namespace tessera::server {
namespace {

template <typename Request>
Call::Info InfoOf(const char* method, const Request& request) {
  return {method, request.ByteSizeLong(),
          [&request] { return "collection=" + request.collection(); }};
}

template <typename Request>
Call::Info QueryInfoOf(const char* method, const Request& request) {
  return {method, request.ByteSizeLong(), [&request] {
            const v1::SearchParams& params = request.params();
            return "collection=" + request.collection() +
                   " limit=" + std::to_string(request.limit()) +
                   " exact=" + (params.exact() ? "true" : "false") +
                   " nprobe=" + std::to_string(params.nprobe()) +
                   " rerank_depth=" + std::to_string(params.rerank_depth()) +
                   " target_recall=" + std::to_string(params.target_recall()) +
                   " filter=" + (request.has_filter() ? "true" : "false");
          }};
}

// What decides the cost of a query without a filter.
uint64_t KindOf(const v1::QueryRequest& request) {
  const v1::SearchParams& params = request.params();
  uint64_t hash = std::hash<std::string>()(request.collection());
  const auto add = [&](uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  };
  add(uint64_t{params.nprobe()} << 32 | params.rerank_depth());
  add(uint64_t{request.limit()} << 32 | request.offset());
  add(std::bit_cast<uint32_t>(params.target_recall()));
  add(uint64_t{request.with_vector()} << 8 | uint64_t{request.with_payload()} << 9 | uint64_t{params.exact()} << 4 | params.rerank());
  return hash;
}

class PointsService final : public v1::Points::CallbackService {
 public:
  explicit PointsService(ServiceState& state)
      : state_(state),
        limits_(state.config.limits),
        joiner_(state.runtime, {std::chrono::microseconds(state.config.query_join_wait_us),
                                state.config.query_join_max}) {
    SetMessageAllocatorFor_Query(&query_messages_);
    SetMessageAllocatorFor_Upsert(&upsert_messages_);
    SetMessageAllocatorFor_QueryBatch(&batch_messages_);
  }

  grpc::ServerUnaryReactor* Upsert(grpc::CallbackServerContext* context,
                                   const v1::UpsertRequest* request,
                                   v1::UpsertResponse* response) override {
    return Call::StartAsync(state_, context, InfoOf("Points.Upsert", *request),
                            state_.runtime.compute(),
                            [=, this](Call& call) { StartUpsert(*request, response, call); });
  }

  grpc::ServerUnaryReactor* Patch(grpc::CallbackServerContext* context,
                                  const v1::PatchPointsRequest* request,
                                  v1::PatchPointsResponse* response) override {
    if (request->has_filter()) {
      return Call::Start(state_, context, InfoOf("Points.Patch", *request), state_.runtime.waiting(),
                         [=, this](Call& call) { return PatchPassing(*request, call, response); });
    }
    return Call::StartAsync(state_, context, InfoOf("Points.Patch", *request),
                            state_.runtime.compute(),
                            [=, this](Call& call) { StartPatch(*request, response, call); });
  }

  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeletePointsRequest* request,
                                   v1::DeletePointsResponse* response) override {
    if (request->has_filter()) {
      return Call::Start(state_, context, InfoOf("Points.Delete", *request),
                         state_.runtime.waiting(),
                         [=, this](Call& call) { return DeletePassing(*request, call, response); });
    }
    return Call::StartAsync(state_, context, InfoOf("Points.Delete", *request), state_.runtime.io(),
                            [=, this](Call& call) { StartDelete(*request, response, call); });
  }

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context,
                                const v1::GetPointsRequest* request,
                                v1::GetPointsResponse* response) override {
    return Call::Start(state_, context, InfoOf("Points.Get", *request), state_.runtime.io(),
                       [=, this](Call&) { return GetPoints(*request, response); });
  }

  grpc::ServerUnaryReactor* Count(grpc::CallbackServerContext* context,
                                  const v1::CountRequest* request,
                                  v1::CountResponse* response) override {
    return Call::Start(state_, context, InfoOf("Points.Count", *request), state_.runtime.compute(),
                       [=, this](Call&) -> Status {
                         TESSERA_ASSIGN_OR_RETURN(const auto collection,
                                                  state_.Find(request->collection()));
                         uint64_t count = 0;
                         if (request->has_filter()) {
                           TESSERA_ASSIGN_OR_RETURN(const Filter filter,
                                                    FilterOf(*request, *collection));
                           TESSERA_ASSIGN_OR_RETURN(count, collection->Count(filter));
                         } else {
                           count = collection->Count();
                         }
                         response->set_count(count);
                         return OkStatus();
                       });
  }

  grpc::ServerUnaryReactor* Facet(grpc::CallbackServerContext* context,
                                  const v1::FacetRequest* request,
                                  v1::FacetResponse* response) override {
    return Call::Start(state_, context, InfoOf("Points.Facet", *request), state_.runtime.compute(),
                       [=, this](Call&) { return CountValues(*request, response); });
  }

  grpc::ServerUnaryReactor* Query(grpc::CallbackServerContext* context,
                                  const v1::QueryRequest* request,
                                  v1::QueryResponse* response) override {
    Call::Info info = QueryInfoOf("Points.Query", *request);
    // What a filter costs depends on whether its rows are known: such queries always go to the pool.
    const bool plain = request->has_vector() && !request->has_filter();
    if (plain && joiner_.is_on()) {
      return Call::StartHere(state_, context, std::move(info),
                             [&](Call& call) { StartJoined(*request, response, call); });
    }
    if (plain && costs_.IsCheap(KindOf(*request))) {
      return Call::StartHere(state_, context, std::move(info), [&](Call& call) {
        call.Complete(Guarded([&] { return RunQuery(*request, call, response); }));
      });
    }
    return Call::Start(state_, context, std::move(info), state_.runtime.compute(),
                       [=, this](Call& call) { return RunQuery(*request, call, response); });
  }

  grpc::ServerUnaryReactor* QueryGroups(grpc::CallbackServerContext* context,
                                        const v1::QueryGroupsRequest* request,
                                        v1::QueryGroupsResponse* response) override {
    return Call::Start(state_, context, InfoOf("Points.QueryGroups", *request),
                       state_.runtime.compute(),
                       [=, this](Call& call) { return RunGroups(*request, call, response); });
  }

  grpc::ServerWriteReactor<v1::QueryRangeResponse>* QueryRange(
      grpc::CallbackServerContext* context, const v1::QueryRangeRequest* request) override {
    return StartRangeCall(state_, context, request);
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const v1::ListPointsRequest* request,
                                 v1::ListPointsResponse* response) override {
    return Call::Start(state_, context, InfoOf("Points.List", *request), state_.runtime.io(),
                       [=, this](Call& call) { return ListPage(*request, call, response); });
  }

  grpc::ServerUnaryReactor* QueryBatch(grpc::CallbackServerContext* context,
                                       const v1::QueryBatchRequest* request,
                                       v1::QueryBatchResponse* response) override {
    return Call::Start(state_, context, QueryInfoOf("Points.QueryBatch", *request),
                       state_.runtime.compute(),
                       [=, this](Call& call) { return RunBatch(*request, call, response); });
  }

 private:
  // `done` does not hold the collection, lest its last reference go inside its own committer. It
  // need not: a collection completes what was handed to it before it goes.
  void StartUpsert(const v1::UpsertRequest& request, v1::UpsertResponse* response,
                   Call& call) const {
    const auto collection = state_.Find(request.collection());
    if (!collection.ok()) return call.Complete(collection.status());
    const Shape shape{(*collection)->spec().dim, request.collection()};
    auto rows = FromProto(request, shape, limits_.batch_rows);
    if (!rows.ok()) return call.Complete(rows.status());
    const auto options = OptionsOf(request);
    if (!options.ok()) return call.Complete(options.status());
    const auto held = std::make_shared<const UpsertRows>(*std::move(rows));
    (*collection)->UpsertAsync(held->points, *options,
                               [held, response, &call](StatusOr<UpsertResult> result) {
                                 if (result.ok()) ToProto(*result, held->unreadable, response);
                                 call.Complete(result.status());
                               });
  }

  void StartPatch(const v1::PatchPointsRequest& request, v1::PatchPointsResponse* response,
                  Call& call) const {
    const auto collection = state_.Find(request.collection());
    if (!collection.ok()) return call.Complete(collection.status());
    auto rows = FromProto(request, limits_.batch_rows);
    if (!rows.ok()) return call.Complete(rows.status());
    const auto options = OptionsOf(request);
    if (!options.ok()) return call.Complete(options.status());
    const auto held = std::make_shared<const PatchRows>(*std::move(rows));
    (*collection)->PatchAsync(held->patches, *options,
                              [held, response, &call](StatusOr<PatchResult> result) {
                                if (result.ok()) ToProto(*result, held->unreadable, response);
                                call.Complete(result.status());
                              });
  }

  void StartDelete(const v1::DeletePointsRequest& request, v1::DeletePointsResponse* response,
                   Call& call) const {
    const auto collection = state_.Find(request.collection());
    if (!collection.ok()) return call.Complete(collection.status());
    auto ids = FromProto(request.ids(), limits_.batch_rows);
    if (!ids.ok()) return call.Complete(ids.status());
    const auto options = OptionsOf(request);
    if (!options.ok()) return call.Complete(options.status());
    const auto held = std::make_shared<const std::vector<PointId>>(*std::move(ids));
    (*collection)->DeleteAsync(*held, *options,
                               [held, response, &call](StatusOr<DeleteResult> result) {
                                 if (result.ok()) ToProto(*result, response);
                                 call.Complete(result.status());
                               });
  }

  template <typename Request>
  static StatusOr<Filter> FilterOf(const Request& request, const Collection& collection) {
    return FromProto(request.filter(), collection.spec().payload);
  }

  // Blocks until all is deleted, on a pool of its own: the commits that it waits for need the io
  // pool.
  Status DeletePassing(const v1::DeletePointsRequest& request, const Call& call,
                       v1::DeletePointsResponse* response) const {
    if (request.ids_size() > 0) {
      return InvalidArgument("ids and filter are both given; one of them at a time");
    }
    // An expression that a program forgot to fill in must not be the end of a collection.
    if (IsEmpty(request.filter())) {
      return InvalidArgument("filter is empty: to delete every point say \"true\"");
    }
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    TESSERA_ASSIGN_OR_RETURN(DeleteOptions options, OptionsOf(request));
    options.stop = call.stop();
    TESSERA_ASSIGN_OR_RETURN(const Filter filter, FilterOf(request, *collection));
    TESSERA_ASSIGN_OR_RETURN(const DeleteResult result,
                             collection->DeleteByFilter(filter, options));
    ToProto(result, response);
    return OkStatus();
  }

  Status PatchPassing(const v1::PatchPointsRequest& request, const Call& call,
                      v1::PatchPointsResponse* response) const {
    if (request.points_size() > 0) {
      return InvalidArgument("points and filter are both given; one of them at a time");
    }
    if (IsEmpty(request.filter())) {
      return InvalidArgument("filter is empty: to patch every point say \"true\"");
    }
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    TESSERA_ASSIGN_OR_RETURN(PatchOptions options, OptionsOf(request));
    options.stop = call.stop();
    TESSERA_ASSIGN_OR_RETURN(const Filter filter, FilterOf(request, *collection));
    PatchInput patch;
    patch.payload = request.payload();
    if (request.has_expire_at_ms()) patch.expire_at_ms = request.expire_at_ms();
    TESSERA_ASSIGN_OR_RETURN(const PatchResult result,
                             collection->PatchByFilter(filter, patch, options));
    ToProto(result, {}, response);
    return OkStatus();
  }

  Status ListPage(const v1::ListPointsRequest& request, const Call& call,
                  v1::ListPointsResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    TESSERA_ASSIGN_OR_RETURN(const size_t page_size, PageSize(request.page_size()));
    const CollectionSpec spec = collection->spec();
    ListParams params;
    params.limit = static_cast<uint32_t>(page_size);
    if (request.with_vector()) {
      const uint64_t fit = limits_.message_bytes / 2 / (uint64_t{spec.dim} * sizeof(float));
      params.limit = static_cast<uint32_t>(std::clamp<uint64_t>(fit, 1, page_size));
    }
    params.max_bytes = std::min<size_t>(params.max_bytes, limits_.message_bytes / 4);
    params.with_vector = request.with_vector();
    params.with_payload = request.with_payload();
    params.stop = call.stop();
    TESSERA_ASSIGN_OR_RETURN(params.after, ParsePageToken("points", request.page_token()));
    if (request.has_filter()) {
      TESSERA_ASSIGN_OR_RETURN(params.filter, FromProto(request.filter(), spec.payload));
    }
    TESSERA_ASSIGN_OR_RETURN(ListResult page, collection->List(params));
    for (StoredPoint& point : page.points) {
      ToProto(std::move(point), params.with_vector, params.with_payload, response->add_points());
    }
    if (!page.next.empty()) response->set_next_page_token(PageToken("points", page.next));
    response->set_commit(page.commit);
    return OkStatus();
  }

  Status RunGroups(const v1::QueryGroupsRequest& request, const Call& call,
                   v1::QueryGroupsResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    const uint32_t dim = collection->spec().dim;
    GroupParams groups;
    groups.field = request.field();
    if (request.has_group_size()) groups.group_size = request.group_size();
    TESSERA_ASSIGN_OR_RETURN(QueryParams params, ParamsOf(request, groups.group_size, limits_, dim));
    params.stop = call.stop();
    if (request.has_filter()) {
      TESSERA_ASSIGN_OR_RETURN(params.filter, FilterOf(request, *collection));
    }
    TESSERA_ASSIGN_OR_RETURN(const Examples query, ExamplesOf(request, {dim, request.collection()}));
    StatusOr<GroupResult> result = collection->QueryGroups(query, groups, params);
    if (!result.ok()) return NameExamples(result.status(), request);
    ToProto(*std::move(result), params, response);
    return CheckReply(*response, "limit");
  }

  Status CountValues(const v1::FacetRequest& request, v1::FacetResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    const uint32_t limit = request.has_limit() ? request.limit() : 10;
    if (limit == 0 || limit > limits_.limit) {
      return InvalidArgument("limit is " + std::to_string(limit) + ", expected 1 to " +
                             std::to_string(limits_.limit));
    }
    if (request.field().empty()) return InvalidArgument("field is missing");
    std::optional<Filter> filter;
    if (request.has_filter()) {
      TESSERA_ASSIGN_OR_RETURN(filter, FilterOf(request, *collection));
    }
    TESSERA_ASSIGN_OR_RETURN(
        const auto counts, collection->Facet(request.field(), filter ? &*filter : nullptr, limit));
    for (const FacetCount& count : counts) ToProto(count, response->add_values());
    return CheckReply(*response, "limit");
  }

  Status GetPoints(const v1::GetPointsRequest& request, v1::GetPointsResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    TESSERA_ASSIGN_OR_RETURN(const auto ids, FromProto(request.ids(), limits_.batch_rows));
    const uint64_t reply_bytes = uint64_t{ids.size()} * collection->spec().dim * sizeof(float);
    if (reply_bytes > limits_.message_bytes) {
      return InvalidArgument("ids: the reply may have " + std::to_string(reply_bytes) +
                             " bytes of vectors, at most " + std::to_string(limits_.message_bytes) +
                             " are allowed");
    }
    TESSERA_ASSIGN_OR_RETURN(auto points, collection->Get(ids));
    for (size_t i = 0; i < ids.size(); ++i) {
      if (!points[i]) {
        ToProto(ids[i], response->add_missing());
        continue;
      }
      ToProto(*std::move(points[i]), true, request.with_payload(), response->add_points());
    }
    return request.with_payload() ? CheckReply(*response, "ids") : OkStatus();
  }

  // What payloads come to is known only now.
  template <typename Response>
  Status CheckReply(const Response& response, const char* field) const {
    const uint64_t bytes = response.ByteSizeLong();
    if (bytes <= limits_.message_bytes) return OkStatus();
    return ResourceExhausted(std::string(field) + ": the reply has " + std::to_string(bytes) +
                             " bytes, at most " +
                             std::to_string(limits_.message_bytes) + " are allowed: ask for fewer");
  }

  Status RunQuery(const v1::QueryRequest& request, const Call& call, v1::QueryResponse* response) {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    if (request.has_vector()) {
      TESSERA_ASSIGN_OR_RETURN(const SingleQuery query, ReadQuery(request, *collection, call));
      return RunVector(query, *collection, call, response);
    }
    const uint32_t dim = collection->spec().dim;
    TESSERA_ASSIGN_OR_RETURN(QueryParams params, ParamsOf(request, limits_, 1, dim));
    params.stop = call.stop();
    if (request.has_filter()) {
      TESSERA_ASSIGN_OR_RETURN(params.filter, FilterOf(request, *collection));
    }
    TESSERA_ASSIGN_OR_RETURN(const Examples query, ExamplesOf(request, {dim, request.collection()}));
    StatusOr<QueryResult> result = collection->QueryByExamples(query, params);
    if (!result.ok()) return NameExamples(result.status(), request);
    ToProto(*std::move(result), params, call.queue_us(), response);
    return params.with_payload ? CheckReply(*response, "limit") : OkStatus();
  }

  struct SingleQuery {
    FloatRows row;  // borrows the request's bytes
    QueryParams params;
    uint64_t kind;
  };
  StatusOr<SingleQuery> ReadQuery(const v1::QueryRequest& request, const Collection& collection,
                                  const Call& call) const {
    const uint32_t dim = collection.spec().dim;
    TESSERA_ASSIGN_OR_RETURN(QueryParams params, ParamsOf(request, limits_, 1, dim));
    params.stop = call.stop();
    if (request.has_filter()) {
      TESSERA_ASSIGN_OR_RETURN(params.filter, FilterOf(request, collection));
    }
    TESSERA_ASSIGN_OR_RETURN(const VectorBytes bytes,
                             OneVector(request.vector(), {dim, request.collection()}, "vector"));
    return SingleQuery{FloatRows(bytes, dim), std::move(params), KindOf(request)};
  }

  Status RunVector(const SingleQuery& query, Collection& collection, const Call& call,
                   v1::QueryResponse* response) {
    const QueryCosts::Stopwatch watch;
    StatusOr<std::vector<QueryResult>> results =
        collection.QueryBatch(query.row.view(), query.params);
    if (!results.ok()) return NameQueries(results.status(), true);
    if (MayRunHere(query.params, results->front())) {
      // What began to read from disk meanwhile, as refine records are left there now, must not stay known as cheap.
      costs_.Record(query.kind, results->front().read_disk ? kDear : watch.Elapsed());
    }
    ToProto(std::move(results->front()), query.params, call.queue_us(), response);
    return query.params.with_payload ? CheckReply(*response, "limit") : OkStatus();
  }

  static constexpr std::chrono::nanoseconds kDear = std::chrono::seconds(1);

  // What waits for the disk never runs on a transport thread, however little it computes.
  static bool MayRunHere(const QueryParams& params, const QueryResult& result) {
    return !params.filter && !params.exact && !result.exact && !params.with_vector &&
           !params.with_payload &&
           result.rerank != RerankTier::kRaw;
  }

  // On gRPC's thread: hands the query to its group. What cannot be joined goes to the compute pool.
  void StartJoined(const v1::QueryRequest& request, v1::QueryResponse* response, Call& call) {
    const Status status = Guarded([&]() -> Status {
      TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
      TESSERA_ASSIGN_OR_RETURN(SingleQuery read, ReadQuery(request, *collection, call));
      const auto query = std::make_shared<const SingleQuery>(std::move(read));
      if (!joiner_.Takes(query->params)) {
        state_.runtime.compute().Post([=, this, &call] {
          call.Complete(Guarded([&] { return RunVector(*query, *collection, call, response); }));
        });
        return OkStatus();
      }
      joiner_.Add(collection, query->row.view(), query->params,
                  [query, response, &call](StatusOr<QueryResult> result) {
                    call.Complete(Guarded([&]() -> Status {
                      if (!result.ok()) return NameQueries(result.status(), true);
                      ToProto(*std::move(result), query->params, call.queue_us(), response);
                      return OkStatus();
                    }));
                  });
      return OkStatus();
    });
    if (!status.ok()) call.Complete(status);
  }

  Status RunBatch(const v1::QueryBatchRequest& request, const Call& call,
                  v1::QueryBatchResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    const uint32_t dim = collection->spec().dim;
    TESSERA_ASSIGN_OR_RETURN(
        const VectorBytes bytes,
        Rows(request.vectors(), {dim, request.collection()}, "vectors", limits_.batch_rows));
    const FloatRows rows(bytes, dim);
    TESSERA_ASSIGN_OR_RETURN(QueryParams params,
                             ParamsOf(request, limits_, rows.view().rows(), dim));
    params.stop = call.stop();
    if (request.has_filter()) {
      TESSERA_ASSIGN_OR_RETURN(params.filter, FilterOf(request, *collection));
    }
    StatusOr<std::vector<QueryResult>> results = collection->QueryBatch(rows.view(), params);
    if (!results.ok()) return NameQueries(results.status(), false);
    response->mutable_results()->Reserve(static_cast<int>(results->size()));
    for (QueryResult& result : *results) {
      ToProto(std::move(result), params, call.queue_us(), response->add_results());
    }
    return params.with_payload ? CheckReply(*response, "limit") : OkStatus();
  }

  ServiceState& state_;
  const Limits& limits_;
  QueryCosts costs_;
  QueryJoiner joiner_;
  ArenaMessages<v1::UpsertRequest, v1::UpsertResponse> upsert_messages_;
  ArenaMessages<v1::QueryRequest, v1::QueryResponse> query_messages_;
  ArenaMessages<v1::QueryBatchRequest, v1::QueryBatchResponse> batch_messages_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePointsService(ServiceState& state) {
  return std::make_unique<PointsService>(state);
}

}  // namespace tessera::server

#include <utility>

#include "server/arena_messages.h"
#include "server/call.h"
#include "server/convert_points.h"
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
                   " rerank_depth=" + std::to_string(params.rerank_depth());
          }};
}

class PointsService final : public v1::Points::CallbackService {
 public:
  explicit PointsService(ServiceState& state) : state_(state), limits_(state.config.limits) {
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

  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeletePointsRequest* request,
                                   v1::DeletePointsResponse* response) override {
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
                         response->set_count(collection->Count());
                         return OkStatus();
                       });
  }

  grpc::ServerUnaryReactor* Query(grpc::CallbackServerContext* context,
                                  const v1::QueryRequest* request,
                                  v1::QueryResponse* response) override {
    return Call::Start(state_, context, QueryInfoOf("Points.Query", *request),
                       state_.runtime.compute(),
                       [=, this](Call& call) { return RunQuery(*request, call, response); });
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
    const auto held = std::make_shared<const UpsertRows>(*std::move(rows));
    (*collection)
        ->UpsertAsync(held->points, {.partial = request.partial()},
                      [held, response, &call](StatusOr<UpsertResult> result) {
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
    (*collection)->DeleteAsync(*std::move(ids), [response, &call](StatusOr<DeleteResult> result) {
      if (result.ok()) {
        response->set_commit(result->commit);
        response->set_deleted(result->deleted);
      }
      call.Complete(result.status());
    });
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
      v1::StoredPoint* out = response->add_points();
      ToProto(points[i]->id, out->mutable_id());
      ToProto(points[i]->type, std::move(points[i]->vector), out->mutable_vector());
      out->set_version(points[i]->version);
    }
    return OkStatus();
  }

  Status RunQuery(const v1::QueryRequest& request, const Call& call,
                  v1::QueryResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request.collection()));
    const uint32_t dim = collection->spec().dim;
    TESSERA_ASSIGN_OR_RETURN(QueryParams params, ParamsOf(request, limits_, 1, dim));
    params.stop = call.stop();
    StatusOr<QueryResult> result = InvalidArgument("query is missing: vector or id");
    if (request.has_vector()) {
      TESSERA_ASSIGN_OR_RETURN(const VectorBytes bytes,
                               OneVector(request.vector(), {dim, request.collection()}, "vector"));
      result = QueryOne(*collection, FloatRows(bytes, dim).view(), params);
    } else if (request.has_id()) {
      TESSERA_ASSIGN_OR_RETURN(const PointId id, FromProto(request.id(), "id"));
      result = collection->QueryById(id, params);
    }
    if (!result.ok()) return result.status();
    ToProto(*std::move(result), params, call.queue_us(), response);
    return OkStatus();
  }

  static StatusOr<QueryResult> QueryOne(Collection& collection, MatrixView<const float> query,
                                        const QueryParams& params) {
    StatusOr<std::vector<QueryResult>> results = collection.QueryBatch(query, params);
    if (!results.ok()) return NameQueries(results.status(), true);
    return std::move(results->front());
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
    StatusOr<std::vector<QueryResult>> results = collection->QueryBatch(rows.view(), params);
    if (!results.ok()) return NameQueries(results.status(), false);
    response->mutable_results()->Reserve(static_cast<int>(results->size()));
    for (QueryResult& result : *results) {
      ToProto(std::move(result), params, call.queue_us(), response->add_results());
    }
    return OkStatus();
  }

  ServiceState& state_;
  const Limits& limits_;
  ArenaMessages<v1::UpsertRequest, v1::UpsertResponse> upsert_messages_;
  ArenaMessages<v1::QueryBatchRequest, v1::QueryBatchResponse> batch_messages_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePointsService(ServiceState& state) {
  return std::make_unique<PointsService>(state);
}

}  // namespace tessera::server

// The calls of Client that search.
#include <algorithm>
#include <utility>

#include "client/client.h"
#include "client/connection.h"
#include "client/convert.h"
#include "client/convert_filter.h"
#include "client/upsert_stream.h"

namespace tessera::client {
namespace {

constexpr size_t kHitBytes = 32;       // of the wire, generously, without key and vector
constexpr size_t kPayloadBytes = 1024;  // of a hit; larger ones may be too much for a reply

// Rows that fit one query request and whose reply fits one response.
size_t QueriesPerRequest(const ClientOptions& options, const VectorRows& rows,
                         const QueryOptions& query) {
  const size_t vector_bytes = query.with_vector ? rows.dim * sizeof(float) : 0;
  const size_t payload_bytes = query.with_payload ? kPayloadBytes : 0;
  const size_t reply_bytes = std::max<size_t>(query.limit, 1) *
                             (kHitBytes + kMaxPointKeyBytes / 8 + vector_bytes + payload_bytes);
  const size_t by_reply = std::max<size_t>(1, options.max_response_bytes / 2 / reply_bytes);
  return std::min(by_reply, RowsPerRequest(options.max_request_bytes, {}, rows));
}

// What all searches have but range searches.
template <typename Request>
Status SetSearch(const QueryOptions& options, Request* request) {
  request->set_limit(options.limit);
  ToProto(options.params, request->mutable_params());
  if (options.score_threshold) request->set_score_threshold(*options.score_threshold);
  request->set_with_vector(options.with_vector);
  request->set_with_payload(options.with_payload);
  return SetFilter(options.filter, request);
}

template <typename Request>
Status SetQueryOptions(const QueryOptions& options, Request* request) {
  request->set_offset(options.offset);
  request->set_explain(options.explain);
  return SetSearch(options, request);
}

Status Fill(const Examples& examples, v1::Examples* out) {
  for (size_t i = 0; i < examples.positive.size(); ++i) {
    TESSERA_RETURN_IF_ERROR(Annotate(CheckId(examples.positive[i]), "positive[" + std::to_string(i) + "]: "));
    ToProto(examples.positive[i], out->add_positive());
  }
  for (size_t i = 0; i < examples.negative.size(); ++i) {
    TESSERA_RETURN_IF_ERROR(Annotate(CheckId(examples.negative[i]), "negative[" + std::to_string(i) + "]: "));
    ToProto(examples.negative[i], out->add_negative());
  }
  if (examples.positive_vectors.rows > 0) {
    TESSERA_RETURN_IF_ERROR(CheckRows(examples.positive_vectors));
    ToProto(examples.positive_vectors, out->mutable_positive_vectors());
  }
  if (examples.negative_vectors.rows > 0) {
    TESSERA_RETURN_IF_ERROR(CheckRows(examples.negative_vectors));
    ToProto(examples.negative_vectors, out->mutable_negative_vectors());
  }
  return OkStatus();
}

StatusOr<QueryResult> RunQuery(Connection& connection, const v1::QueryRequest& request) {
  TESSERA_ASSIGN_OR_RETURN(v1::QueryResponse response,
                           connection.Call(connection.points(), &v1::Points::Stub::Query, request));
  return FromProto(&response);
}

}  // namespace

StatusOr<QueryResult> Client::Query(const std::string& collection, VectorRows row,
                                    const QueryOptions& options) {
  TESSERA_RETURN_IF_ERROR(CheckRows(row));
  if (row.rows != 1) return InvalidArgument("a query has one vector, use QueryBatch for several");
  v1::QueryRequest request;
  request.set_collection(collection);
  ToProto(row, request.mutable_vector());
  TESSERA_RETURN_IF_ERROR(SetQueryOptions(options, &request));
  return RunQuery(*connection_, request);
}

StatusOr<QueryResult> Client::QueryById(const std::string& collection, const PointId& id,
                                        const QueryOptions& options) {
  TESSERA_RETURN_IF_ERROR(CheckId(id));
  v1::QueryRequest request;
  request.set_collection(collection);
  ToProto(id, request.mutable_id());
  TESSERA_RETURN_IF_ERROR(SetQueryOptions(options, &request));
  return RunQuery(*connection_, request);
}

StatusOr<QueryResult> Client::QueryByExamples(const std::string& collection, const Examples& examples,
                                              const QueryOptions& options) {
  v1::QueryRequest request;
  request.set_collection(collection);
  TESSERA_RETURN_IF_ERROR(Fill(examples, request.mutable_examples()));
  TESSERA_RETURN_IF_ERROR(SetQueryOptions(options, &request));
  return RunQuery(*connection_, request);
}

StatusOr<GroupResult> Client::QueryGroups(const std::string& collection, const Examples& query,
                                          const GroupOptions& groups, const QueryOptions& options) {
  v1::QueryGroupsRequest request;
  request.set_collection(collection);
  TESSERA_RETURN_IF_ERROR(Fill(query, request.mutable_examples()));
  TESSERA_RETURN_IF_ERROR(CheckText(groups.field, "field"));
  request.set_field(groups.field);
  request.set_group_size(groups.group_size);
  TESSERA_RETURN_IF_ERROR(SetSearch(options, &request));
  TESSERA_ASSIGN_OR_RETURN(
      v1::QueryGroupsResponse response,
      connection_->Call(connection_->points(), &v1::Points::Stub::QueryGroups, request));
  GroupResult result;
  for (v1::HitGroup& group : *response.mutable_groups()) {
    HitGroup& out = result.groups.emplace_back();
    out.value = FromProto(group.value());
    for (v1::Hit& hit : *group.mutable_hits()) out.hits.push_back(FromProto(&hit));
  }
  result.exhausted = response.exhausted();
  result.commit = response.commit();
  result.generation = response.generation();
  return result;
}

StatusOr<RangeResult> Client::QueryRange(const std::string& collection, const Examples& query,
                                         const RangeOptions& options,
                                         const std::function<Status(std::vector<Hit>& hits)>& visit) {
  v1::QueryRangeRequest request;
  request.set_collection(collection);
  TESSERA_RETURN_IF_ERROR(Fill(query, request.mutable_examples()));
  request.set_radius(options.radius);
  request.set_with_vector(options.with_vector);
  request.set_with_payload(options.with_payload);
  TESSERA_RETURN_IF_ERROR(SetFilter(options.filter, &request));
  grpc::ClientContext context;
  const auto deadline = connection_->DeadlineFromNow();
  if (deadline != Clock::time_point::max()) context.set_deadline(deadline);
  const auto reader = connection_->points().QueryRange(&context, request);
  RangeResult result;
  Status stopped;
  for (v1::QueryRangeResponse message; reader->Read(&message);) {
    std::vector<Hit> hits;
    for (v1::Hit& hit : *message.mutable_hits()) hits.push_back(FromProto(&hit));
    if (stopped.ok() && !hits.empty()) {
      stopped = visit(hits);
      if (!stopped.ok()) context.TryCancel();
    }
    if (hits.empty()) result = {message.total_hits(), message.rows_compared(), message.commit()};
  }
  const grpc::Status status = reader->Finish();
  if (!stopped.ok()) return stopped;
  if (!status.ok()) return connection_->FromGrpc(status, context);
  return result;
}

StatusOr<std::vector<QueryResult>> Client::QueryBatch(const std::string& collection,
                                                      VectorRows rows,
                                                      const QueryOptions& query) {
  TESSERA_RETURN_IF_ERROR(CheckRows(rows));
  const size_t step = QueriesPerRequest(options(), rows, query);
  std::vector<QueryResult> all;
  all.reserve(rows.rows);
  v1::QueryBatchRequest request;
  request.set_collection(collection);
  TESSERA_RETURN_IF_ERROR(SetQueryOptions(query, &request));
  for (size_t begin = 0; begin < rows.rows; begin += step) {
    const size_t count = std::min(step, rows.rows - begin);
    ToProto(rows.Slice(begin, count), request.mutable_vectors());
    TESSERA_ASSIGN_OR_RETURN(
        v1::QueryBatchResponse response,
        connection_->Call(connection_->points(), &v1::Points::Stub::QueryBatch, request));
    if (static_cast<size_t>(response.results_size()) != count) {
      return Internal("the server answered " + std::to_string(response.results_size()) + " of " +
                      std::to_string(count) + " queries");
    }
    for (v1::QueryResponse& result : *response.mutable_results()) {
      all.push_back(FromProto(&result));
    }
  }
  return all;
}

}  // namespace tessera::client

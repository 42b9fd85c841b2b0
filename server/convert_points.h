// Upserts, queries and their replies between the wire and the engine. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "index/collection.h"
#include "index/status.h"
#include "server/config.h"
#include "server/convert.h"
#include "tessera/v1/points.pb.h"

namespace tessera::server {

// The rows of an upsert for the engine.
struct UpsertRows {
  std::vector<PointInput> points;  // as many as rows; borrow the request's bytes
  // Rows that cannot be read, ascending; none if request.atomic. Their points have an empty id or
  // vector, so the engine refuses them too, and what it says is replaced by what stands here.
  std::vector<RowError> unreadable;
};
// InvalidArgument names the field: both or no forms, counts that differ, too many rows, and with
// `atomic` the first bad row. Rows are called points[i] in both forms.
StatusOr<UpsertRows> FromProto(const v1::UpsertRequest& request, const Shape& shape,
                               size_t max_rows);
void ToProto(const UpsertResult& result, const std::vector<RowError>& unreadable,
             v1::UpsertResponse* out);

// mode, atomic, request_id and ack. InvalidArgument for a value of no name.
StatusOr<UpsertOptions> OptionsOf(const v1::UpsertRequest& request);

// The rows of a patch for the engine; they borrow the request's bytes.
struct PatchRows {
  std::vector<PatchInput> patches;
  std::vector<RowError> unreadable;  // as of UpsertRows
};
StatusOr<PatchRows> FromProto(const v1::PatchPointsRequest& request, size_t max_rows);
StatusOr<PatchOptions> OptionsOf(const v1::PatchPointsRequest& request);
void ToProto(const PatchResult& result, const std::vector<RowError>& unreadable,
             v1::PatchPointsResponse* out);

// A bad id fails the request.
StatusOr<DeleteOptions> OptionsOf(const v1::DeletePointsRequest& request);
void ToProto(const DeleteResult& result, v1::DeletePointsResponse* out);

StatusOr<std::vector<PointId>> FromProto(const google::protobuf::RepeatedPtrField<v1::PointId>& ids,
                                         size_t max_rows);

// limit, offset, params, score_threshold, with_vector, with_payload and explain of a QueryRequest or
// QueryBatchRequest, checked against the limits for `queries` queries: the largest possible reply
// must fit into a message.
template <typename Request>
StatusOr<QueryParams> ParamsOf(const Request& request, const Limits& limits, size_t queries,
                               uint32_t dim);

// The same of groups, as many as limit says.
StatusOr<QueryParams> ParamsOf(const v1::QueryGroupsRequest& request, uint32_t group_size,
                               const Limits& limits, uint32_t dim);

v1::RerankTier TierToProto(RerankTier tier);
void ToProto(const RecallEstimate& estimate, v1::RecallEstimate* out);

void ToProto(Hit hit, bool with_vector, bool with_payload, v1::Hit* out);

// params: those of the query. queue_us: time between arrival and start.
void ToProto(QueryResult result, const QueryParams& params, double queue_us,
             v1::QueryResponse* out);

// The engine calls all query rows queries[i]; the wire calls them `vector` (single) or vectors[i].
Status NameQueries(const Status& status, bool single);

}  // namespace tessera::server

// Searches by examples, of groups, within a radius, and lists, between the wire and the engine. Pure functions.
#pragma once

#include <cstddef>
#include <string>

#include "index/collection.h"
#include "index/status.h"
#include "server/convert.h"
#include "tessera/v1/points.pb.h"

namespace tessera::server {

// Of a QueryRequest, QueryGroupsRequest or QueryRangeRequest. InvalidArgument names the field: no query, vectors of a wrong
// dimension, more examples than kMaxExamples.
template <typename Request>
StatusOr<Examples> ExamplesOf(const Request& request, const Shape& shape);

// The engine calls vectors positive_vectors[i] and negative_vectors[i]; the wire calls them `vector`, or as they stand
// in `examples`.
template <typename Request>
Status NameExamples(const Status& status, const Request& request);

void ToProto(GroupResult result, const QueryParams& params, v1::QueryGroupsResponse* out);
void ToProto(StoredPoint point, bool with_vector, bool with_payload, v1::StoredPoint* out);

}  // namespace tessera::server

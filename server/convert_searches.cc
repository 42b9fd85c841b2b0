#include "server/convert_searches.h"

#include <utility>
#include <vector>

#include "server/convert_filter.h"
#include "server/convert_points.h"

namespace tessera::server {
namespace {

StatusOr<std::vector<float>> FloatsOf(const v1::Vector& vectors, const Shape& shape, const std::string& field) {
  TESSERA_ASSIGN_OR_RETURN(const VectorBytes bytes, Rows(vectors, shape, field, kMaxExamples));
  const FloatRows rows(bytes, shape.dim);
  const float* begin = rows.view().data();
  return std::vector<float>(begin, begin + rows.view().rows() * shape.dim);
}

StatusOr<std::vector<PointId>> IdsOf(const google::protobuf::RepeatedPtrField<v1::PointId>& ids,
                                     const std::string& field) {
  std::vector<PointId> out;
  TESSERA_RETURN_IF_ERROR(CheckRows(ids.size(), kMaxExamples, field));
  for (int i = 0; i < ids.size(); ++i) {
    TESSERA_ASSIGN_OR_RETURN(PointId id, FromProto(ids.Get(i), field + "[" + std::to_string(i) + "]"));
    out.push_back(std::move(id));
  }
  return out;
}

StatusOr<Examples> FromProto(const v1::Examples& in, const Shape& shape) {
  Examples out;
  TESSERA_ASSIGN_OR_RETURN(out.positive, IdsOf(in.positive(), "examples.positive"));
  TESSERA_ASSIGN_OR_RETURN(out.negative, IdsOf(in.negative(), "examples.negative"));
  if (in.has_positive_vectors()) {
    TESSERA_ASSIGN_OR_RETURN(out.positive_vectors,
                             FloatsOf(in.positive_vectors(), shape, "examples.positive_vectors"));
  }
  if (in.has_negative_vectors()) {
    TESSERA_ASSIGN_OR_RETURN(out.negative_vectors,
                             FloatsOf(in.negative_vectors(), shape, "examples.negative_vectors"));
  }
  return out;
}

}  // namespace

template <typename Request>
StatusOr<Examples> ExamplesOf(const Request& request, const Shape& shape) {
  switch (request.query_case()) {
    case Request::kVector: {
      TESSERA_ASSIGN_OR_RETURN(const VectorBytes bytes, OneVector(request.vector(), shape, "vector"));
      const FloatRows row(bytes, shape.dim);
      return Examples::Of(std::vector<float>(row.view().data(), row.view().data() + shape.dim));
    }
    case Request::kId: {
      TESSERA_ASSIGN_OR_RETURN(PointId id, FromProto(request.id(), "id"));
      return Examples::Of(std::move(id));
    }
    case Request::kExamples:
      return FromProto(request.examples(), shape);
    default:
      return InvalidArgument("query is missing: vector, id or examples");
  }
}
template StatusOr<Examples> ExamplesOf(const v1::QueryRequest&, const Shape&);
template StatusOr<Examples> ExamplesOf(const v1::QueryGroupsRequest&, const Shape&);
template StatusOr<Examples> ExamplesOf(const v1::QueryRangeRequest&, const Shape&);

template <typename Request>
Status NameExamples(const Status& status, const Request& request) {
  const std::string message = MessageOf(status);
  const std::string row = "positive_vectors[0]";
  if (!message.starts_with("positive_vectors[") && !message.starts_with("negative_vectors[")) return status;
  if (request.has_examples()) return Annotate(status, "examples.");
  return Status(status.code(), "vector" + message.substr(row.size()));
}
template Status NameExamples(const Status&, const v1::QueryRequest&);
template Status NameExamples(const Status&, const v1::QueryGroupsRequest&);
template Status NameExamples(const Status&, const v1::QueryRangeRequest&);

void ToProto(GroupResult result, const QueryParams& params, v1::QueryGroupsResponse* out) {
  for (GroupHits& group : result.groups) {
    v1::HitGroup* to = out->add_groups();
    ToProto(group.value, to->mutable_value());
    for (Hit& hit : group.hits) {
      ToProto(std::move(hit), params.with_vector, params.with_payload, to->add_hits());
    }
  }
  out->set_exhausted(result.exhausted);
  out->set_commit(result.commit);
  out->set_generation(result.generation.value);
}

void ToProto(StoredPoint point, bool with_vector, bool with_payload, v1::StoredPoint* out) {
  ToProto(point.id, out->mutable_id());
  if (with_vector) {
    ToProto(point.type, point.quantization, std::move(point.vector), out->mutable_vector());
  }
  out->set_version(point.version);
  out->set_expire_at_ms(point.expire_at_ms);
  if (with_payload) out->set_payload(std::move(point.payload));
}

}  // namespace tessera::server

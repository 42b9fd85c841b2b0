#include "server/convert_points.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tessera::server {
namespace {

constexpr size_t kHitBytes = 24;  // id, score and flags of a hit on the wire, about

std::string Name(size_t index, const char* field) {
  return "points[" + std::to_string(index) + "]." + field;
}

// Field names are built for bad rows only: they would cost more than the conversion.
StatusOr<PointInput> ReadPoint(const v1::Point& point, const Shape& shape, size_t index) {
  PointInput out;
  StatusOr<PointId> id = FromProto(point.id(), "");
  if (!id.ok()) return FromProto(point.id(), Name(index, "id")).status();
  StatusOr<VectorBytes> vector = OneVector(point.vector(), shape, "");
  if (!vector.ok()) return OneVector(point.vector(), shape, Name(index, "vector")).status();
  out.id = *std::move(id);
  out.type = vector->type;
  out.vector = vector->bytes;
  out.quantization = vector->quantization;
  out.payload = point.payload();
  if (point.has_if_version()) out.if_version = point.if_version();
  out.expire_at_ms = point.expire_at_ms();
  return out;
}

StatusOr<UpsertRows> FromPoints(const v1::UpsertRequest& request, const Shape& shape) {
  UpsertRows rows;
  rows.points.reserve(request.points_size());
  for (int i = 0; i < request.points_size(); ++i) {
    StatusOr<PointInput> point = ReadPoint(request.points(i), shape, i);
    if (point.ok()) {
      rows.points.push_back(*std::move(point));
      continue;
    }
    if (request.atomic()) return point.status();
    rows.unreadable.push_back({static_cast<size_t>(i), point.status()});
    rows.points.push_back({PointId(std::string()), ElementType::kF32, {}});
  }
  return rows;
}

Status CheckColumnIds(const v1::PointColumns& columns, size_t rows) {
  if (columns.nums_size() > 0 && columns.keys_size() > 0) {
    return InvalidArgument("columns has both nums and keys");
  }
  const bool keys = columns.keys_size() > 0;
  const size_t ids = keys ? columns.keys_size() : columns.nums_size();
  if (ids == rows) return OkStatus();
  return InvalidArgument(std::string("columns.") + (keys ? "keys" : "nums") + " has " +
                         std::to_string(ids) + " ids, columns.vectors has " + std::to_string(rows) +
                         " rows");
}

Status CheckPayloads(const v1::PointColumns& columns, size_t rows) {
  const size_t count = columns.payloads_size();
  if (count == 0 || count == rows) return OkStatus();
  return InvalidArgument("columns.payloads has " + std::to_string(count) +
                         " objects, columns.vectors has " + std::to_string(rows) + " rows");
}

Status CheckExpiries(const v1::PointColumns& columns, size_t rows) {
  const size_t count = columns.expire_at_ms_size();
  if (count <= 1 || count == rows) return OkStatus();
  return InvalidArgument("columns.expire_at_ms has " + std::to_string(count) +
                         " times, columns.vectors has " + std::to_string(rows) + " rows");
}

StatusOr<UpsertRows> FromColumns(const v1::PointColumns& columns, const Shape& shape,
                                 size_t max_rows) {
  TESSERA_ASSIGN_OR_RETURN(const VectorBytes vectors,
                           Rows(columns.vectors(), shape, "columns.vectors", max_rows));
  const size_t row_bytes = shape.dim * ElementSize(vectors.type);
  const size_t n = vectors.bytes.size() / row_bytes;
  TESSERA_RETURN_IF_ERROR(CheckColumnIds(columns, n));
  TESSERA_RETURN_IF_ERROR(CheckPayloads(columns, n));
  TESSERA_RETURN_IF_ERROR(CheckExpiries(columns, n));
  UpsertRows rows;
  rows.points.resize(n);
  for (size_t i = 0; i < n; ++i) {
    PointInput& point = rows.points[i];
    point.id = columns.nums_size() > 0 ? PointId(columns.nums(i)) : PointId(columns.keys(i));
    point.type = vectors.type;
    point.quantization = vectors.quantization;
    point.vector = vectors.bytes.substr(i * row_bytes, row_bytes);
    if (columns.payloads_size() > 0) point.payload = columns.payloads(i);
    const int expiries = columns.expire_at_ms_size();
    if (expiries > 0) point.expire_at_ms = columns.expire_at_ms(expiries == 1 ? 0 : static_cast<int>(i));
  }
  return rows;
}

template <typename Response>
void AddRejected(size_t index, const Status& status, Response* out) {
  v1::RowError* error = out->add_rejected();
  error->set_index(index);
  error->set_code(static_cast<int>(status.code()));
  error->set_message(MessageOf(status));
}

// `unreadable` says it better than the engine, which saw an empty row.
template <typename Response>
void AddRejected(const std::vector<RowError>& rejected, const std::vector<RowError>& unreadable,
                 Response* out) {
  auto known = unreadable.begin();
  for (const RowError& error : rejected) {
    while (known != unreadable.end() && known->index < error.index) ++known;
    const bool ours = known != unreadable.end() && known->index == error.index;
    AddRejected(error.index, ours ? known->status : error.status, out);
  }
}

StatusOr<Ack> AckOf(v1::Ack ack) {
  if (ack == v1::ACK_DURABLE) return Ack::kDurable;
  if (ack == v1::ACK_ACCEPTED) return Ack::kAccepted;
  return InvalidArgument("ack is " + std::to_string(static_cast<int>(ack)) + ", expected 0 or 1");
}

StatusOr<UpsertMode> ModeOf(v1::UpsertMode mode) {
  switch (mode) {
    case v1::UPSERT_MODE_UPSERT:
      return UpsertMode::kUpsert;
    case v1::UPSERT_MODE_INSERT:
      return UpsertMode::kInsert;
    case v1::UPSERT_MODE_UPDATE:
      return UpsertMode::kUpdate;
    default:
      return InvalidArgument("mode is " + std::to_string(static_cast<int>(mode)) + ", expected 0 to 2");
  }
}

StatusOr<PatchMode> ModeOf(v1::PatchMode mode) {
  switch (mode) {
    case v1::PATCH_MODE_MERGE:
      return PatchMode::kMerge;
    case v1::PATCH_MODE_REPLACE:
      return PatchMode::kReplace;
    case v1::PATCH_MODE_CLEAR:
      return PatchMode::kClear;
    default:
      return InvalidArgument("mode is " + std::to_string(static_cast<int>(mode)) + ", expected 0 to 2");
  }
}

StatusOr<RerankTier> TierOf(v1::RerankTier tier) {
  switch (tier) {
    case v1::RERANK_TIER_AUTO:
      return RerankTier::kAuto;
    case v1::RERANK_TIER_NONE:
      return RerankTier::kNone;
    case v1::RERANK_TIER_REFINE:
      return RerankTier::kRefine;
    case v1::RERANK_TIER_RAW:
      return RerankTier::kRaw;
    default:
      break;
  }
  return InvalidArgument("params.rerank is " + std::to_string(static_cast<int>(tier)) +
                         ", expected 0 to 3");
}

}  // namespace

v1::RerankTier TierToProto(RerankTier tier) {
  switch (tier) {
    case RerankTier::kAuto:
      return v1::RERANK_TIER_AUTO;
    case RerankTier::kNone:
      return v1::RERANK_TIER_NONE;
    case RerankTier::kRefine:
      return v1::RERANK_TIER_REFINE;
    case RerankTier::kRaw:
      return v1::RERANK_TIER_RAW;
  }
  return v1::RERANK_TIER_AUTO;
}

void ToProto(const RecallEstimate& estimate, v1::RecallEstimate* out) {
  out->set_value(estimate.value);
  out->set_low(estimate.low);
  out->set_high(estimate.high);
}

namespace {

Status CheckLimit(const QueryParams& params, const Limits& limits, size_t queries, uint32_t dim) {
  if (params.limit == 0) return InvalidArgument("limit must be at least 1");
  if (params.limit > limits.limit) {
    return InvalidArgument("limit is " + std::to_string(params.limit) + ", at most " +
                           std::to_string(limits.limit) + " is allowed");
  }
  if (params.offset > limits.limit - params.limit) {
    return InvalidArgument("limit + offset is " +
                           std::to_string(uint64_t{params.limit} + params.offset) + ", at most " +
                           std::to_string(limits.limit) + " is allowed");
  }
  const uint64_t hits = uint64_t{params.limit} * queries;
  const uint64_t hit_bytes = kHitBytes + (params.with_vector ? uint64_t{dim} * sizeof(float) : 0);
  if (hits > limits.message_bytes / hit_bytes) {
    return InvalidArgument("limit: the reply may have " + std::to_string(hits) + " hits, at most " +
                           std::to_string(limits.message_bytes / hit_bytes) +
                           " fit into a message");
  }
  return OkStatus();
}

void ExplainToProto(const QueryExplain& explain, double queue_us, v1::Explain* out) {
  out->set_lists_probed(explain.lists_probed);
  out->set_rows_scanned(explain.rows_scanned);
  out->set_rows_reranked(explain.rows_reranked);
  out->set_queue_us(queue_us);
  out->set_coarse_us(explain.coarse_us);
  out->set_tables_us(explain.tables_us);
  out->set_scan_us(explain.scan_us);
  out->set_rerank_us(explain.rerank_us);
  out->set_fetch_us(explain.fetch_us);
  out->set_isa(explain.isa);
  out->set_filter_us(explain.filter_us);
  out->set_rows_passing(explain.rows_passing);
  out->set_plan(explain.plan);
}

}  // namespace

void ToProto(Hit hit, bool with_vector, bool with_payload, v1::Hit* out) {
  ToProto(hit.id, out->mutable_id());
  out->set_score(hit.score);
  out->set_exact(hit.exact);
  if (!with_vector && !with_payload) return;
  out->set_version(hit.version);
  if (!hit.payload.empty()) out->set_payload(std::move(hit.payload));
  if (!with_vector) return;
  ToProto(hit.vector_type, hit.vector_quantization, std::move(hit.vector), out->mutable_vector());
}

StatusOr<UpsertRows> FromProto(const v1::UpsertRequest& request, const Shape& shape,
                               size_t max_rows) {
  if (request.has_columns() && request.points_size() > 0) {
    return InvalidArgument("points and columns are both given; one form at a time");
  }
  if (request.has_columns()) return FromColumns(request.columns(), shape, max_rows);
  if (request.points_size() == 0) return InvalidArgument("points is empty");
  TESSERA_RETURN_IF_ERROR(CheckRows(request.points_size(), max_rows, "points"));
  return FromPoints(request, shape);
}

void ToProto(const UpsertResult& result, const std::vector<RowError>& unreadable,
             v1::UpsertResponse* out) {
  out->set_commit(result.commit);
  out->set_upserted(result.upserted);
  AddRejected(result.rejected, unreadable, out);
}

StatusOr<UpsertOptions> OptionsOf(const v1::UpsertRequest& request) {
  UpsertOptions options;
  TESSERA_ASSIGN_OR_RETURN(options.mode, ModeOf(request.mode()));
  TESSERA_ASSIGN_OR_RETURN(options.ack, AckOf(request.ack()));
  options.atomic = request.atomic();
  options.request_id = request.request_id();
  return options;
}

StatusOr<PatchRows> FromProto(const v1::PatchPointsRequest& request, size_t max_rows) {
  if (request.points_size() == 0) return InvalidArgument("points is empty");
  TESSERA_RETURN_IF_ERROR(CheckRows(request.points_size(), max_rows, "points"));
  PatchRows rows;
  rows.patches.resize(request.points_size());
  for (int i = 0; i < request.points_size(); ++i) {
    const v1::PointPatch& point = request.points(i);
    PatchInput& patch = rows.patches[i];
    StatusOr<PointId> id = FromProto(point.id(), "");
    if (!id.ok()) {
      const Status status = FromProto(point.id(), Name(i, "id")).status();
      if (request.atomic()) return status;
      rows.unreadable.push_back({static_cast<size_t>(i), status});
      patch.id = PointId(std::string());
      continue;
    }
    patch.id = *std::move(id);
    patch.payload = point.payload().empty() ? request.payload() : point.payload();
    if (point.has_if_version()) patch.if_version = point.if_version();
    if (request.has_expire_at_ms()) patch.expire_at_ms = request.expire_at_ms();
    if (point.has_expire_at_ms()) patch.expire_at_ms = point.expire_at_ms();
  }
  return rows;
}

StatusOr<PatchOptions> OptionsOf(const v1::PatchPointsRequest& request) {
  PatchOptions options;
  TESSERA_ASSIGN_OR_RETURN(options.mode, ModeOf(request.mode()));
  TESSERA_ASSIGN_OR_RETURN(options.ack, AckOf(request.ack()));
  options.atomic = request.atomic();
  options.request_id = request.request_id();
  return options;
}

void ToProto(const PatchResult& result, const std::vector<RowError>& unreadable,
             v1::PatchPointsResponse* out) {
  out->set_commit(result.commit);
  out->set_patched(result.patched);
  AddRejected(result.rejected, unreadable, out);
}

StatusOr<DeleteOptions> OptionsOf(const v1::DeletePointsRequest& request) {
  DeleteOptions options;
  TESSERA_ASSIGN_OR_RETURN(options.ack, AckOf(request.ack()));
  options.if_versions.assign(request.if_versions().begin(), request.if_versions().end());
  options.validate_only = request.validate_only();
  options.atomic = request.atomic();
  options.request_id = request.request_id();
  return options;
}

void ToProto(const DeleteResult& result, v1::DeletePointsResponse* out) {
  out->set_commit(result.commit);
  out->set_deleted(result.deleted);
  AddRejected(result.rejected, {}, out);
}

StatusOr<std::vector<PointId>> FromProto(const google::protobuf::RepeatedPtrField<v1::PointId>& ids,
                                         size_t max_rows) {
  TESSERA_RETURN_IF_ERROR(CheckRows(ids.size(), max_rows, "ids"));
  std::vector<PointId> out;
  out.reserve(ids.size());
  for (int i = 0; i < ids.size(); ++i) {
    StatusOr<PointId> id = FromProto(ids.Get(i), "");
    if (!id.ok()) return FromProto(ids.Get(i), "ids[" + std::to_string(i) + "]").status();
    out.push_back(*std::move(id));
  }
  return out;
}

namespace {

// score_threshold and params.
template <typename Request>
Status ReadSearch(const Request& request, QueryParams& params) {
  if (request.has_score_threshold()) {
    if (std::isnan(request.score_threshold())) return InvalidArgument("score_threshold is NaN");
    params.score_threshold = request.score_threshold();
  }
  params.exact = request.params().exact();
  params.nprobe = request.params().nprobe();
  params.rerank_depth = request.params().rerank_depth();
  TESSERA_ASSIGN_OR_RETURN(params.rerank, TierOf(request.params().rerank()));
  params.target_recall = request.params().target_recall();
  return OkStatus();
}

}  // namespace

template <typename Request>
StatusOr<QueryParams> ParamsOf(const Request& request, const Limits& limits, size_t queries,
                               uint32_t dim) {
  QueryParams params;
  if (request.has_limit()) params.limit = request.limit();
  params.offset = request.offset();
  params.with_vector = request.with_vector();
  params.with_payload = request.with_payload();
  params.explain = request.explain();
  TESSERA_RETURN_IF_ERROR(CheckLimit(params, limits, queries, dim));
  TESSERA_RETURN_IF_ERROR(ReadSearch(request, params));
  return params;
}
template StatusOr<QueryParams> ParamsOf(const v1::QueryRequest&, const Limits&, size_t, uint32_t);
template StatusOr<QueryParams> ParamsOf(const v1::QueryBatchRequest&, const Limits&, size_t,
                                        uint32_t);

StatusOr<QueryParams> ParamsOf(const v1::QueryGroupsRequest& request, uint32_t group_size,
                               const Limits& limits, uint32_t dim) {
  QueryParams params;
  if (request.has_limit()) params.limit = request.limit();
  params.with_vector = request.with_vector();
  params.with_payload = request.with_payload();
  TESSERA_RETURN_IF_ERROR(CheckLimit(params, limits, std::max(group_size, 1u), dim));
  TESSERA_RETURN_IF_ERROR(ReadSearch(request, params));
  return params;
}

void ToProto(QueryResult result, const QueryParams& params, double queue_us,
             v1::QueryResponse* out) {
  out->mutable_hits()->Reserve(static_cast<int>(result.hits.size()));
  for (Hit& hit : result.hits) {
    ToProto(std::move(hit), params.with_vector, params.with_payload, out->add_hits());
  }
  out->set_exhausted(result.exhausted);
  out->set_commit(result.commit);
  out->set_generation(result.generation.value);
  v1::SearchParams* effective = out->mutable_effective();
  effective->set_exact(params.exact || result.exact || result.generation == Generation());
  effective->set_nprobe(result.nprobe);
  effective->set_rerank(TierToProto(result.rerank));
  effective->set_rerank_depth(result.rerank_depth);
  effective->set_target_recall(params.target_recall);
  if (result.recall_estimate) ToProto(*result.recall_estimate, out->mutable_recall_estimate());
  if (params.explain) ExplainToProto(result.explain, queue_us, out->mutable_explain());
}

Status NameQueries(const Status& status, bool single) {
  const std::string seen = single ? "queries[0]" : "queries[";
  const std::string message = MessageOf(status);
  if (message.compare(0, seen.size(), seen) != 0) return status;
  return Status(status.code(), (single ? "vector" : "vectors[") + message.substr(seen.size()));
}

}  // namespace tessera::server

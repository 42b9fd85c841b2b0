// The calls of Client that write points: split into requests that fit, each retried where that is safe.
#include <algorithm>
#include <utility>

#include "client/client.h"
#include "client/connection.h"
#include "client/convert.h"
#include "client/convert_filter.h"
#include "client/upsert_stream.h"

namespace tessera::client {
namespace {

constexpr size_t kIdsPerRequest = 10000;

template <typename Request, typename Options>
void SetOptions(const Options& options, Request* request) {
  request->set_atomic(options.atomic);
  request->set_request_id(options.request_id);
  request->set_ack(static_cast<v1::Ack>(options.ack));
}

// What several requests together would not keep.
template <typename Options>
Status CheckOneRequest(const Options& options, bool one) {
  if (one || (!options.atomic && options.request_id.empty())) return OkStatus();
  return InvalidArgument("more than fits one request, so it cannot be atomic nor have a request_id");
}

Status CheckCount(size_t count, size_t rows, const char* what) {
  if (count == 0 || count == rows) return OkStatus();
  return InvalidArgument(std::to_string(count) + " " + what + " for " + std::to_string(rows) + " rows");
}

template <typename T>
std::span<const T> Part(std::span<const T> all, size_t begin, size_t count) {
  return all.empty() ? all : all.subspan(begin, count);
}

template <typename Result>
void Add(Result part, Result& all) {
  all.commit = std::max(all.commit, part.commit);
  std::ranges::move(part.rejected, std::back_inserter(all.rejected));
}

}  // namespace

StatusOr<UpsertResult> Client::Upsert(const std::string& collection, IdRows ids, VectorRows rows,
                                      const UpsertOptions& options) {
  TESSERA_RETURN_IF_ERROR(CheckRows(rows));
  TESSERA_RETURN_IF_ERROR(CheckCount(options.payloads.size(), rows.rows, "payloads"));
  TESSERA_RETURN_IF_ERROR(CheckCount(options.if_versions.size(), rows.rows, "versions"));
  const bool one_time = options.expire_at_ms.size() == 1;
  if (!one_time) TESSERA_RETURN_IF_ERROR(CheckCount(options.expire_at_ms.size(), rows.rows, "times"));
  if (ids.size() != rows.rows) {
    return InvalidArgument(std::to_string(ids.size()) + " ids for " + std::to_string(rows.rows) +
                           " vectors");
  }
  const size_t step = RowsPerRequest(connection_->options().max_request_bytes, ids, rows, options.payloads);
  TESSERA_RETURN_IF_ERROR(CheckOneRequest(options, rows.rows <= step));
  // A try that was not heard of would make the next one fail.
  const bool repeatable = !options.request_id.empty() || (options.mode != UpsertMode::kInsert &&
                                                          options.if_versions.empty());
  UpsertResult all;
  v1::UpsertRequest request;
  request.set_collection(collection);
  request.set_mode(static_cast<v1::UpsertMode>(options.mode));
  SetOptions(options, &request);
  for (size_t begin = 0; begin < rows.rows; begin += step) {
    const size_t count = std::min(step, rows.rows - begin);
    TESSERA_RETURN_IF_ERROR(ToProto(ids.Slice(begin, count), rows.Slice(begin, count),
                                    Part(options.payloads, begin, count),
                                    Part(options.if_versions, begin, count),
                                    one_time ? options.expire_at_ms : Part(options.expire_at_ms, begin, count),
                                    &request));
    TESSERA_ASSIGN_OR_RETURN(v1::UpsertResponse response,
                             connection_->Call(connection_->points(), &v1::Points::Stub::Upsert, request,
                                               {.repeatable = repeatable}));
    all.upserted += response.upserted();
    Add(FromProto(response, begin), all);
  }
  return all;
}

StatusOr<PatchResult> Client::Patch(const std::string& collection, const std::vector<PointId>& ids,
                                    std::span<const std::string> payloads, const PatchOptions& options) {
  const bool shared = payloads.size() == 1;
  if (!shared) TESSERA_RETURN_IF_ERROR(CheckCount(payloads.size(), ids.size(), "payloads"));
  TESSERA_RETURN_IF_ERROR(CheckCount(options.if_versions.size(), ids.size(), "versions"));
  size_t largest = 64;  // an id and a version
  for (const std::string& payload : payloads) {
    TESSERA_RETURN_IF_ERROR(CheckPayload(payload));
    if (!shared) largest = std::max(largest, payload.size() + kMaxPointKeyBytes);
  }
  const size_t step =
      std::clamp<size_t>(connection_->options().max_request_bytes / 2 / largest, 1, kIdsPerRequest);
  TESSERA_RETURN_IF_ERROR(CheckOneRequest(options, ids.size() <= step));
  PatchResult all;
  for (size_t begin = 0; begin < ids.size(); begin += step) {
    v1::PatchPointsRequest request;
    request.set_collection(collection);
    request.set_mode(static_cast<v1::PatchMode>(options.mode));
    SetOptions(options, &request);
    if (shared) request.set_payload(payloads[0]);
    if (options.expire_at_ms) request.set_expire_at_ms(*options.expire_at_ms);
    for (size_t i = begin; i < std::min(begin + step, ids.size()); ++i) {
      TESSERA_RETURN_IF_ERROR(Annotate(CheckId(ids[i]), "ids[" + std::to_string(i) + "]: "));
      v1::PointPatch* patch = request.add_points();
      ToProto(ids[i], patch->mutable_id());
      if (!shared && !payloads.empty()) patch->set_payload(payloads[i]);
      if (!options.if_versions.empty() && options.if_versions[i]) patch->set_if_version(*options.if_versions[i]);
    }
    const bool repeatable = !options.request_id.empty() || options.if_versions.empty();
    TESSERA_ASSIGN_OR_RETURN(v1::PatchPointsResponse response,
                             connection_->Call(connection_->points(), &v1::Points::Stub::Patch, request,
                                               {.repeatable = repeatable}));
    all.patched += response.patched();
    Add(FromProto(response, begin), all);
  }
  return all;
}

StatusOr<DeleteResult> Client::Delete(const std::string& collection, const std::vector<PointId>& ids,
                                      const DeleteOptions& options) {
  TESSERA_RETURN_IF_ERROR(CheckCount(options.if_versions.size(), ids.size(), "versions"));
  TESSERA_RETURN_IF_ERROR(CheckOneRequest(options, ids.size() <= kIdsPerRequest));
  DeleteResult all;
  for (size_t begin = 0; begin < ids.size(); begin += kIdsPerRequest) {
    const size_t end = std::min(begin + kIdsPerRequest, ids.size());
    v1::DeletePointsRequest request;
    request.set_collection(collection);
    request.set_validate_only(options.validate_only);
    SetOptions(options, &request);
    TESSERA_RETURN_IF_ERROR(AddIds(ids, begin, end, &request));
    const auto versions = Part(options.if_versions, begin, end - begin);
    request.mutable_if_versions()->Add(versions.begin(), versions.end());
    const bool repeatable = !options.request_id.empty() || options.if_versions.empty();
    TESSERA_ASSIGN_OR_RETURN(v1::DeletePointsResponse response,
                             connection_->Call(connection_->points(), &v1::Points::Stub::Delete, request,
                                               {.repeatable = repeatable}));
    all.deleted += response.deleted();
    Add(FromProto(response, begin), all);
  }
  return all;
}

StatusOr<PatchResult> Client::PatchByFilter(const std::string& collection, const FilterInput& filter,
                                            const std::string& payload, const PatchOptions& options) {
  v1::PatchPointsRequest request;
  request.set_collection(collection);
  request.mutable_filter();  // there, as of DeleteByFilter
  TESSERA_RETURN_IF_ERROR(SetFilter(filter, &request));
  TESSERA_RETURN_IF_ERROR(CheckPayload(payload));
  request.set_payload(payload);
  request.set_mode(static_cast<v1::PatchMode>(options.mode));
  if (options.expire_at_ms) request.set_expire_at_ms(*options.expire_at_ms);
  TESSERA_ASSIGN_OR_RETURN(
      v1::PatchPointsResponse response,
      connection_->Call(connection_->points(), &v1::Points::Stub::Patch, request));
  return FromProto(response, 0);
}

StatusOr<DeleteResult> Client::DeleteByFilter(const std::string& collection,
                                              const FilterInput& filter, bool validate_only) {
  v1::DeletePointsRequest request;
  request.set_collection(collection);
  request.set_validate_only(validate_only);
  request.mutable_filter();  // there, lest no filter be a request without ids, which deletes nothing
  TESSERA_RETURN_IF_ERROR(SetFilter(filter, &request));
  TESSERA_ASSIGN_OR_RETURN(
      v1::DeletePointsResponse response,
      connection_->Call(connection_->points(), &v1::Points::Stub::Delete, request));
  return FromProto(response, 0);
}

}  // namespace tessera::client

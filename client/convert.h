// Between the client's plain structs and the wire's messages. Internal: pulls in protobuf.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/client_types.h"
#include "tessera/v1/backup.pb.h"
#include "tessera/v1/collections.pb.h"
#include "tessera/v1/points.pb.h"
#include "tessera/v1/training.pb.h"

namespace tessera::client {

// InvalidArgument: a key that is empty, too long, or not UTF-8, which the wire cannot carry.
Status CheckId(const PointId& id);
// InvalidArgument: not UTF-8, which the wire cannot carry; `what` names it.
Status CheckText(const std::string& text, const std::string& what);
Status CheckPayload(const std::string& payload);
// InvalidArgument unless the bytes are rows x dim elements, with at least one row, and scale and zero
// point suit them.
Status CheckRows(const VectorRows& rows);

void ToProto(const CollectionConfig& config, v1::Collection* out);
void ToProto(const PointId& id, v1::PointId* out);
void ToProto(const VectorRows& rows, v1::Vector* out);  // copies the bytes
// Fills the rows of one upsert request: columns where ids are of one kind and no row has a condition. InvalidArgument
// names the row of a bad id.
Status ToProto(const IdRows& ids, const VectorRows& rows, std::span<const std::string> payloads,
               std::span<const std::optional<uint64_t>> if_versions,
               std::span<const int64_t> expire_at_ms, v1::UpsertRequest* out);
void ToProto(const SearchParams& params, v1::SearchParams* out);

// InvalidArgument: query vectors whose bytes do not fit. Fills all but the collection.
Status ToProto(const EvaluateOptions& options, v1::EvaluateRequest* out);

CollectionInfo FromProto(const v1::Collection& in);
CollectionStats FromProto(const v1::CollectionStats& in);
PointId FromProto(const v1::PointId& in);
// Adds ids [begin, end) to a request. InvalidArgument names a bad one.
template <typename Request>
Status AddIds(const std::vector<PointId>& ids, size_t begin, size_t end, Request* request) {
  for (size_t i = begin; i < end; ++i) {
    TESSERA_RETURN_IF_ERROR(Annotate(CheckId(ids[i]), "ids[" + std::to_string(i) + "]: "));
    ToProto(ids[i], request->add_ids());
  }
  return OkStatus();
}

// Takes the bytes out of `in`.
StoredVector FromProto(v1::Vector* in);
QueryResult FromProto(v1::QueryResponse* in);
Hit FromProto(v1::Hit* in);
StoredPoint FromProto(v1::StoredPoint* in);
GetResult FromProto(v1::GetPointsResponse* in);
// Indexes grow by `first_row`.
UpsertResult FromProto(const v1::UpsertResponse& in, uint64_t first_row);
PatchResult FromProto(const v1::PatchPointsResponse& in, uint64_t first_row);
DeleteResult FromProto(const v1::DeletePointsResponse& in, uint64_t first_row);
Operation FromProto(const v1::Operation& in);
BackupInfo FromProto(const v1::Backup& in);
RestoreResult FromProto(const v1::RestoreResult& in);
CodebookInfo FromProto(const v1::Codebook& in);
Drift FromProto(const v1::Drift& in);
EvaluateResult FromProto(const v1::EvaluateResult& in);
VerifyResult FromProto(const v1::VerifyResult& in);

}  // namespace tessera::client

#include <google/protobuf/stubs/logging.h>

#include <iterator>

#include "server/convert_codebooks.h"
#include "server/convert_collections.h"
#include "server/convert_evaluation.h"
#include "server/convert_filter.h"
#include "server/convert_points.h"
#include "server/convert_searches.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

using namespace server;  // NOLINT(google-build-using-namespace)

constexpr size_t kMaxRows = 64;
const std::string kName = "a";
const Shape kShape{3, kName};

void RequireInvalid(const Status& status) {
  Require(absl::IsInvalidArgument(status), "what cannot be converted is an invalid argument");
}

template <typename Request>
bool Parsed(std::string_view bytes, Request& request) {
  return request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void RunUpsert(std::string_view bytes) {
  v1::UpsertRequest request;
  if (!Parsed(bytes, request)) return;
  const auto rows = FromProto(request, kShape, kMaxRows);
  if (!rows.ok()) return RequireInvalid(rows.status());
  size_t good = 0;
  for (const PointInput& point : rows->points) good += point.vector.size() == kShape.dim * ElementSize(point.type);
  Require(good + rows->unreadable.size() == rows->points.size(), "a row is good or named");
}

template <typename Request>
void RunQuery(std::string_view bytes) {
  Request request;
  if (!Parsed(bytes, request)) return;
  const auto params = ParamsOf(request, Limits(), 2, kShape.dim);
  if (!params.ok()) return RequireInvalid(params.status());
  Require(params->limit >= 1 && uint64_t{params->limit} + params->offset <= kMaxLimit, "limits are kept");
}

void RunRows(std::string_view bytes) {
  v1::QueryBatchRequest request;
  if (!Parsed(bytes, request)) return;
  const auto rows = Rows(request.vectors(), kShape, "vectors", kMaxRows);
  if (!rows.ok()) return RequireInvalid(rows.status());
  const FloatRows floats(*rows, kShape.dim);
  double sum = 0;
  for (size_t i = 0; i < floats.view().rows(); ++i) sum += floats.view().row(i)[kShape.dim - 1];
  static_cast<void>(sum);
}

void RunIds(std::string_view bytes) {
  v1::DeletePointsRequest request;
  if (!Parsed(bytes, request)) return;
  const auto ids = server::FromProto(request.ids(), kMaxRows);
  if (!ids.ok()) return RequireInvalid(ids.status());
}

void RunCollection(std::string_view bytes) {
  v1::CreateCollectionRequest request;
  if (!Parsed(bytes, request)) return;
  const auto spec = server::FromProto(request.collection());
  if (!spec.ok()) return RequireInvalid(spec.status());
  Require(spec->dim >= 1 && spec->dim <= kMaxDim, "dimensions are in range");
}

void RunFilterMessage(std::string_view bytes) {
  v1::CountRequest request;
  if (!Parsed(bytes, request)) return;
  const auto filter = server::FromProto(request.filter(), PayloadSchema());
  if (!filter.ok()) return RequireInvalid(filter.status());
  const auto again = ParseFilter(ToString(*filter));
  Require(again.ok() && *again == NormalizeFilter(*filter), "a filter that is written is read as the same");
}

}  // namespace

void RunRequests(std::string_view bytes) {
  // Protobuf prints a line of each message that it cannot parse.
  static const auto* const silenced = [] {
    google::protobuf::SetLogHandler(nullptr);
    return "once";
  }();
  static_cast<void>(silenced);
  constexpr void (*kRuns[])(std::string_view) = {
      RunUpsert, RunQuery<v1::QueryRequest>, RunQuery<v1::QueryBatchRequest>, RunRows, RunIds, RunCollection,
      RunFilterMessage};
  const auto run = kRuns[Choose(bytes, std::size(kRuns))];
  run(bytes);
}

}  // namespace tessera::fuzz

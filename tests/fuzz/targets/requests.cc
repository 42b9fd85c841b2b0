#include <google/protobuf/stubs/logging.h>

#include <iterator>

#include "server/convert_codebooks.h"
#include "server/convert_collections.h"
#include "server/convert_evaluation.h"
#include "server/convert_filter.h"
#include "server/convert_points.h"
#include "server/convert_searches.h"
#include "server/convert_verification.h"
#include "server/page.h"
#include "server/process_memory.h"
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
  const auto options = OptionsOf(request);
  if (!options.ok()) RequireInvalid(options.status());
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
  if constexpr (requires { request.query_case(); }) {
    const auto examples = ExamplesOf(request, kShape);
    if (!examples.ok()) RequireInvalid(NameExamples(examples.status(), request));
  }
  if (!params.ok()) return RequireInvalid(params.status());
  Require(params->limit >= 1 && uint64_t{params->limit} + params->offset <= kMaxLimit, "limits are kept");
}

void RunGroups(std::string_view bytes) {
  v1::QueryGroupsRequest request;
  if (!Parsed(bytes, request)) return;
  const auto params = ParamsOf(request, request.group_size(), Limits(), kShape.dim);
  if (!params.ok()) RequireInvalid(params.status());
  const auto examples = ExamplesOf(request, kShape);
  if (!examples.ok()) RequireInvalid(examples.status());
}

void RunRange(std::string_view bytes) {
  v1::QueryRangeRequest request;
  if (!Parsed(bytes, request)) return;
  const auto examples = ExamplesOf(request, kShape);
  if (!examples.ok()) RequireInvalid(examples.status());
}

void RunPatch(std::string_view bytes) {
  v1::PatchPointsRequest request;
  if (!Parsed(bytes, request)) return;
  const auto options = OptionsOf(request);
  if (!options.ok()) RequireInvalid(options.status());
  const auto rows = FromProto(request, kMaxRows);
  if (!rows.ok()) return RequireInvalid(rows.status());
  Require(rows->unreadable.size() <= rows->patches.size(), "a row is good or named");
}

void RunVerify(std::string_view bytes) {
  v1::VerifyRequest request;
  if (!Parsed(bytes, request)) return;
  const auto options = FromProto(request);
  if (!options.ok()) RequireInvalid(options.status());
}

void RunEvaluate(std::string_view bytes) {
  v1::EvaluateRequest request;
  if (!Parsed(bytes, request)) return;
  EvaluationOptions options;
  const Status read = options.Read(request, kShape.dim);
  if (!read.ok()) RequireInvalid(read);
}

// A page token, and what the system says of a process.
void RunTexts(std::string_view bytes) {
  const std::string text(bytes);
  const auto last = ParsePageToken("points", text);
  if (!last.ok()) RequireInvalid(last.status());
  if (last.ok() && !last->empty()) {
    const auto again = ParsePageToken("points", PageToken("points", *last));
    Require(again.ok() && *again == *last, "a token that is written is read as the same");
  }
  (void)ParseProcessStatus(text);
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
  const auto options = OptionsOf(request);
  if (!options.ok()) RequireInvalid(options.status());
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
  static const PayloadSchema typed = TypedSchema();
  for (const PayloadSchema& schema : {PayloadSchema(), typed}) {
    const auto filter = server::FromProto(request.filter(), schema);
    if (!filter.ok()) {
      RequireInvalid(filter.status());
      continue;
    }
    const auto again = ParseFilter(ToString(*filter));
    Require(again.ok() && *again == NormalizeFilter(*filter), "a filter that is written is read as the same");
  }
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
      RunFilterMessage, RunGroups, RunRange, RunPatch, RunVerify, RunEvaluate, RunTexts};
  const auto run = kRuns[Choose(bytes, std::size(kRuns))];
  run(bytes);
}

}  // namespace tessera::fuzz

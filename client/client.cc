#include "client/client.h"

#include <algorithm>

#include "client/connection.h"
#include "client/convert.h"
#include "client/convert_filter.h"
#include "client/upsert_stream.h"

namespace tessera::client {
namespace {

using std::chrono::milliseconds;

constexpr int kPageSize = 1000;
constexpr size_t kBlindRows = 128;  // fit a reply at the largest dim: 32 MiB of floats
constexpr CallOptions kNotRepeatable{.repeatable = false};

}  // namespace

Client::Client(ClientOptions options)
    : connection_(std::make_shared<Connection>(std::move(options))) {}
Client::~Client() = default;

const ClientOptions& Client::options() const { return connection_->options(); }

StatusOr<CollectionInfo> Client::CreateCollection(const CollectionConfig& config) {
  v1::CreateCollectionRequest request;
  for (const PayloadField& field : config.payload_fields) {
    TESSERA_RETURN_IF_ERROR(CheckText(field.path, "payload_fields"));
  }
  ToProto(config, request.mutable_collection());
  TESSERA_ASSIGN_OR_RETURN(
      v1::Collection made,
      connection_->Call(connection_->collections(), &v1::Collections::Stub::Create, request,
                        kNotRepeatable));
  return FromProto(made);
}

StatusOr<CollectionInfo> Client::GetCollection(const std::string& name) {
  v1::GetCollectionRequest request;
  request.set_name(name);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Collection found,
      connection_->Call(connection_->collections(), &v1::Collections::Stub::Get, request));
  return FromProto(found);
}

StatusOr<std::vector<CollectionInfo>> Client::ListCollections() {
  std::vector<CollectionInfo> all;
  v1::ListCollectionsRequest request;
  request.set_page_size(kPageSize);
  do {
    TESSERA_ASSIGN_OR_RETURN(
        v1::ListCollectionsResponse page,
        connection_->Call(connection_->collections(), &v1::Collections::Stub::List, request));
    for (const v1::Collection& found : page.collections()) all.push_back(FromProto(found));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

StatusOr<CollectionInfo> Client::UpdateCollection(const std::string& name, const CollectionUpdate& update) {
  v1::UpdateCollectionRequest request;
  request.set_name(name);
  if (update.memory_limit) request.set_memory_limit_bytes(*update.memory_limit);
  if (update.refine_on_disk) request.set_refine_on_disk(*update.refine_on_disk);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Collection updated,
      connection_->Call(connection_->collections(), &v1::Collections::Stub::Update, request));
  return FromProto(updated);
}

Status Client::DeleteCollection(const std::string& name) {
  v1::DeleteCollectionRequest request;
  request.set_name(name);
  return connection_
      ->Call(connection_->collections(), &v1::Collections::Stub::Delete, request, kNotRepeatable)
      .status();
}

StatusOr<CollectionStats> Client::Stats(const std::string& name) {
  v1::CollectionStatsRequest request;
  request.set_name(name);
  TESSERA_ASSIGN_OR_RETURN(
      v1::CollectionStats stats,
      connection_->Call(connection_->collections(), &v1::Collections::Stub::Stats, request));
  return FromProto(stats);
}

StatusOr<GetResult> Client::Get(const std::string& collection, const std::vector<PointId>& ids,
                                bool with_payload) {
  GetResult all;
  for (size_t begin = 0; begin < ids.size(); begin += kBlindRows) {
    v1::GetPointsRequest request;
    request.set_collection(collection);
    request.set_with_payload(with_payload);
    TESSERA_RETURN_IF_ERROR(AddIds(ids, begin, std::min(begin + kBlindRows, ids.size()), &request));
    TESSERA_ASSIGN_OR_RETURN(
        v1::GetPointsResponse response,
        connection_->Call(connection_->points(), &v1::Points::Stub::Get, request));
    GetResult part = FromProto(&response);
    std::ranges::move(part.points, std::back_inserter(all.points));
    std::ranges::move(part.missing, std::back_inserter(all.missing));
  }
  return all;
}

StatusOr<ListPage> Client::List(const std::string& collection, const ListOptions& options) {
  v1::ListPointsRequest request;
  request.set_collection(collection);
  TESSERA_RETURN_IF_ERROR(SetFilter(options.filter, &request));
  request.set_page_size(static_cast<int32_t>(std::min<uint32_t>(options.page_size, INT32_MAX)));
  TESSERA_RETURN_IF_ERROR(CheckText(options.page_token, "page_token"));
  request.set_page_token(options.page_token);
  request.set_with_vector(options.with_vector);
  request.set_with_payload(options.with_payload);
  TESSERA_ASSIGN_OR_RETURN(
      v1::ListPointsResponse response,
      connection_->Call(connection_->points(), &v1::Points::Stub::List, request));
  ListPage page;
  for (v1::StoredPoint& point : *response.mutable_points()) page.points.push_back(FromProto(&point));
  page.next_page_token = response.next_page_token();
  page.commit = response.commit();
  return page;
}

StatusOr<uint64_t> Client::Count(const std::string& collection, const FilterInput& filter) {
  v1::CountRequest request;
  request.set_collection(collection);
  TESSERA_RETURN_IF_ERROR(SetFilter(filter, &request));
  TESSERA_ASSIGN_OR_RETURN(
      v1::CountResponse response,
      connection_->Call(connection_->points(), &v1::Points::Stub::Count, request));
  return response.count();
}

StatusOr<std::vector<FacetCount>> Client::Facet(const std::string& collection,
                                                const std::string& field,
                                                const FilterInput& filter, uint32_t limit) {
  v1::FacetRequest request;
  request.set_collection(collection);
  TESSERA_RETURN_IF_ERROR(CheckText(field, "field"));
  request.set_field(field);
  request.set_limit(limit);
  TESSERA_RETURN_IF_ERROR(SetFilter(filter, &request));
  TESSERA_ASSIGN_OR_RETURN(
      v1::FacetResponse response,
      connection_->Call(connection_->points(), &v1::Points::Stub::Facet, request));
  std::vector<FacetCount> counts;
  for (const v1::FacetCount& value : response.values()) counts.push_back(FromProto(value));
  return counts;
}

StatusOr<Operation> Client::Train(const std::string& collection, const TrainOptions& options) {
  v1::TrainRequest request;
  request.set_collection(collection);
  request.set_quantizer(options.quantizer);
  request.set_sample_rows(options.sample_rows);
  if (options.seed) request.set_seed(*options.seed);
  TESSERA_ASSIGN_OR_RETURN(v1::Operation operation,
                           connection_->Call(connection_->training(), &v1::Training::Stub::Train,
                                             request, kNotRepeatable));
  return FromProto(operation);
}

StatusOr<Operation> Client::Evaluate(const std::string& collection,
                                     const EvaluateOptions& options) {
  v1::EvaluateRequest request;
  request.set_collection(collection);
  TESSERA_RETURN_IF_ERROR(ToProto(options, &request));
  TESSERA_ASSIGN_OR_RETURN(v1::Operation operation,
                           connection_->Call(connection_->training(), &v1::Training::Stub::Evaluate,
                                             request, kNotRepeatable));
  return FromProto(operation);
}

StatusOr<Operation> Client::Tune(const std::string& collection, VectorRows queries) {
  v1::TuneRequest request;
  request.set_collection(collection);
  if (queries.rows > 0) {
    TESSERA_RETURN_IF_ERROR(CheckRows(queries));
    ToProto(queries, request.mutable_queries());
  }
  TESSERA_ASSIGN_OR_RETURN(v1::Operation started,
                           connection_->Call(connection_->training(), &v1::Training::Stub::Tune, request,
                                             kNotRepeatable));
  return FromProto(started);
}

StatusOr<Operation> Client::Verify(const std::string& collection, bool deep, uint32_t max_findings) {
  v1::VerifyRequest request;
  request.set_collection(collection);
  request.set_deep(deep);
  request.set_max_findings(max_findings);
  TESSERA_ASSIGN_OR_RETURN(v1::Operation started,
                           connection_->Call(connection_->training(), &v1::Training::Stub::Verify, request,
                                             kNotRepeatable));
  return FromProto(started);
}

StatusOr<Operation> Client::GetOperation(const std::string& name) {
  v1::GetOperationRequest request;
  request.set_name(name);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->training(), &v1::Training::Stub::GetOperation, request));
  return FromProto(operation);
}

StatusOr<std::vector<Operation>> Client::ListOperations() {
  std::vector<Operation> all;
  v1::ListOperationsRequest request;
  request.set_page_size(kPageSize);
  do {
    TESSERA_ASSIGN_OR_RETURN(
        v1::ListOperationsResponse page,
        connection_->Call(connection_->training(), &v1::Training::Stub::ListOperations, request));
    for (const v1::Operation& operation : page.operations()) all.push_back(FromProto(operation));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

StatusOr<Operation> Client::CancelOperation(const std::string& name) {
  v1::CancelOperationRequest request;
  request.set_name(name);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->training(), &v1::Training::Stub::CancelOperation, request));
  return FromProto(operation);
}

StatusOr<Operation> Client::WaitOperation(const std::string& name, milliseconds timeout) {
  v1::WaitOperationRequest request;
  request.set_name(name);
  request.set_timeout_seconds(std::chrono::duration<double>(timeout).count());
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->training(), &v1::Training::Stub::WaitOperation, request,
                        {.extra_time = timeout}));
  return FromProto(operation);
}

StatusOr<EncodedVectors> Client::Encode(const std::string& collection, VectorRows rows) {
  TESSERA_RETURN_IF_ERROR(CheckRows(rows));
  const size_t step = RowsPerRequest(options().max_request_bytes, {}, rows);
  EncodedVectors all;
  v1::EncodeRequest request;
  request.set_collection(collection);
  for (size_t begin = 0; begin < rows.rows; begin += step) {
    ToProto(rows.Slice(begin, std::min(step, rows.rows - begin)), request.mutable_vectors());
    TESSERA_ASSIGN_OR_RETURN(
        v1::EncodeResponse response,
        connection_->Call(connection_->quantizers(), &v1::Quantizers::Stub::Encode, request));
    if (begin > 0 && response.generation() != all.generation) {
      return Aborted("a new model came into force between two requests: encode again");
    }
    all.generation = response.generation();
    all.code_bytes = response.code_bytes();
    all.lists.insert(all.lists.end(), response.lists().begin(), response.lists().end());
    all.codes += response.codes();
  }
  return all;
}

StatusOr<std::vector<float>> Client::Decode(const std::string& collection,
                                            const EncodedVectors& encoded) {
  const size_t rows = encoded.lists.size();
  if (encoded.codes.size() != rows * encoded.code_bytes) {
    return InvalidArgument("codes have " + std::to_string(encoded.codes.size()) +
                           " bytes, expected " + std::to_string(rows) + " of " +
                           std::to_string(encoded.code_bytes));
  }
  std::vector<float> all;
  size_t step = kBlindRows;  // until the first reply tells the dim
  for (size_t begin = 0, count = 0; begin < rows; begin += count) {
    count = std::min(step, rows - begin);
    v1::DecodeRequest request;
    request.set_collection(collection);
    request.set_generation(encoded.generation);
    const auto first = encoded.lists.begin() + static_cast<ptrdiff_t>(begin);
    request.mutable_lists()->Add(first, first + static_cast<ptrdiff_t>(count));
    request.set_codes(encoded.codes.data() + begin * encoded.code_bytes,
                      count * encoded.code_bytes);
    TESSERA_ASSIGN_OR_RETURN(
        v1::DecodeResponse response,
        connection_->Call(connection_->quantizers(), &v1::Quantizers::Stub::Decode, request));
    const std::vector<float> part =
        ToFloats({ElementType::kF32, std::move(*response.mutable_vectors_f32_le())});
    all.insert(all.end(), part.begin(), part.end());
    const size_t row_bytes = std::max<size_t>(1, part.size() / count * sizeof(float));
    step = std::max<size_t>(1, options().max_response_bytes / 2 / row_bytes);
  }
  return all;
}

}  // namespace tessera::client

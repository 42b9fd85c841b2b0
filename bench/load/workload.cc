#include "bench/load/workload.h"

#include <algorithm>

#include "client/formats/vector_reader.h"
#include "echo.pb.h"
#include "tessera/v1/points.pb.h"

namespace tessera::bench {
namespace {

grpc::ByteBuffer Bytes(const google::protobuf::MessageLite& message) {
  const std::string text = message.SerializeAsString();
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string PackedRows(MatrixView<const float> rows) {
  return {reinterpret_cast<const char*>(rows.data()), rows.rows() * rows.dim() * sizeof(float)};
}

template <typename Request>
void SetParams(const std::string& collection, const QueryParams& params, Request& request) {
  request.set_collection(collection);
  request.set_limit(params.limit);
  request.mutable_params()->set_nprobe(params.nprobe);
  request.mutable_params()->set_rerank(static_cast<v1::RerankTier>(params.rerank));
  request.mutable_params()->set_rerank_depth(params.rerank_depth);
}

}  // namespace

StatusOr<QuerySet> ReadQueries(const std::string& path, size_t max_rows) {
  formats::OpenOptions options;
  options.path = path;
  TESSERA_ASSIGN_OR_RETURN(const auto reader, formats::OpenVectors(options));
  QuerySet queries;
  formats::VectorBatch batch;
  size_t rows = 0;
  while (rows < max_rows) {
    TESSERA_ASSIGN_OR_RETURN(const bool more, reader->Next(max_rows - rows, batch));
    if (!more) break;
    formats::AppendFloats(batch, queries.rows);
    rows += batch.rows;
  }
  queries.dim = static_cast<uint32_t>(reader->dim());
  if (rows == 0) return InvalidArgument(path + " has no vectors");
  return queries;
}

StatusOr<Workload> QueryWorkload(const QuerySet& queries, const std::string& collection,
                                 const QueryParams& params, size_t batch) {
  if (batch > queries.count()) {
    return InvalidArgument("a batch of " + std::to_string(batch) + " is asked for, there are " +
                           std::to_string(queries.count()) + " queries");
  }
  Workload workload;
  workload.method = batch == 0 ? "/tessera.v1.Points/Query" : "/tessera.v1.Points/QueryBatch";
  workload.queries_per_request = std::max<size_t>(batch, 1);
  const size_t step = workload.queries_per_request;
  for (size_t begin = 0; begin + step <= queries.count(); begin += step) {
    const std::string rows = PackedRows(queries.Slice(begin, step));
    if (batch == 0) {
      v1::QueryRequest request;
      SetParams(collection, params, request);
      request.mutable_vector()->set_f32_le(rows);
      workload.requests.push_back(Bytes(request));
    } else {
      v1::QueryBatchRequest request;
      SetParams(collection, params, request);
      request.mutable_vectors()->set_f32_le(rows);
      workload.requests.push_back(Bytes(request));
    }
  }
  return workload;
}

Workload EchoWorkload(const Workload& like, size_t reply_bytes) {
  constexpr size_t kTags = 10;  // of the two fields and their lengths, about
  const size_t bytes = like.requests[0].Length();
  EchoRequest request;
  request.set_payload(std::string(bytes - std::min(bytes, kTags), 'x'));
  request.set_reply_bytes(static_cast<uint32_t>(reply_bytes));
  Workload workload;
  workload.method = "/tessera.bench.Echo/Call";
  workload.queries_per_request = like.queries_per_request;
  workload.requests.push_back(Bytes(request));
  return workload;
}

}  // namespace tessera::bench

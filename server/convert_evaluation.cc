#include "server/convert_evaluation.h"

#include <string>

#include "server/convert.h"

namespace tessera::server {
namespace {

constexpr int kMaxQuantizers = 256;
constexpr int kMaxProbes = 64;
constexpr size_t kMaxQueries = 10000;

void ToProto(const MeasuredShare& share, v1::MeasuredShare* out) {
  out->set_value(share.value);
  out->set_margin(share.margin);
}

void ToProto(const EvaluatedSearch& search, v1::EvaluatedSearch* out) {
  out->set_nprobe(search.nprobe);
  ToProto(search.codes, out->mutable_codes());
  ToProto(search.refine, out->mutable_refine());
  ToProto(search.raw, out->mutable_raw());
  out->set_probe_loss(search.probe_loss);
  out->set_code_loss(search.code_loss);
  out->set_rerank_depth(search.rerank_depth);
  out->set_query_cpu_us(search.query_cpu_us);
}

void ToProto(const EvaluatedQuantizer& row, v1::EvaluatedQuantizer* out) {
  out->set_asked(row.asked);
  if (!row.error.ok()) {
    out->set_error_code(static_cast<int>(row.error.code()));
    out->set_error_message(MessageOf(row.error));
    return;
  }
  out->set_quantizer(row.spec.ToString());
  out->set_nlist(row.nlist);
  out->set_code_bytes(row.code_bytes);
  out->set_refine_bytes(row.refine_bytes);
  out->set_resident_bytes(row.resident_bytes);
  ToProto(row.codes, out->mutable_codes());
  ToProto(row.refine, out->mutable_refine());
  for (const EvaluatedSearch& search : row.searches) ToProto(search, out->add_searches());
  out->set_squared_error(row.squared_error);
  out->set_relative_error(row.relative_error);
  out->set_train_seconds(row.train_seconds);
  out->set_encode_rows_per_second(row.encode_rows_per_second);
  out->set_scan_rows_per_second(row.scan_rows_per_second);
}

Status CheckCount(int count, int most, const char* field) {
  if (count <= most) return OkStatus();
  return InvalidArgument(std::string(field) + " has " + std::to_string(count) +
                         " entries, the most is " + std::to_string(most));
}

}  // namespace

Status EvaluationOptions::Read(const v1::EvaluateRequest& request, uint32_t dim) {
  TESSERA_RETURN_IF_ERROR(CheckCount(request.quantizers_size(), kMaxQuantizers, "quantizers"));
  TESSERA_RETURN_IF_ERROR(CheckCount(request.nprobe_size(), kMaxProbes, "nprobe"));
  for (int i = 0; i < request.quantizers_size(); ++i) {
    StatusOr<QuantizerSpec> spec = QuantizerSpec::Parse(request.quantizers(i));
    if (!spec.ok()) {
      return Annotate(spec.status(), "quantizers[" + std::to_string(i) + "]: ");
    }
    options_.quantizers.push_back(*std::move(spec));
  }
  options_.min_bytes = request.min_bytes();
  options_.max_bytes = request.max_bytes();
  if (request.has_k()) options_.k = request.k();
  options_.nprobe.assign(request.nprobe().begin(), request.nprobe().end());
  options_.rerank_depth = request.rerank_depth();
  if (request.sample_rows() > 0) options_.sample_rows = request.sample_rows();
  if (request.queries() > kMaxQueries) {
    return InvalidArgument("queries is " + std::to_string(request.queries()) + ", the most is " +
                           std::to_string(kMaxQueries));
  }
  if (request.queries() > 0) options_.queries = request.queries();
  if (request.has_seed()) options_.context.seed = request.seed();
  if (!request.has_query_vectors()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const VectorBytes bytes,
                           Rows(request.query_vectors(), {dim, request.collection()},
                                "query_vectors", kMaxQueries));
  const FloatRows floats(bytes, dim);
  const MatrixView<const float> view = floats.view();
  for (size_t i = 0; i < view.rows(); ++i) {
    queries_.insert(queries_.end(), view.row(i), view.row(i) + dim);
  }
  options_.query_vectors = {queries_.data(), view.rows(), dim};
  return OkStatus();
}

void ToProto(const EvaluateResult& result, v1::EvaluateResult* out) {
  out->set_k(result.k);
  out->set_rows(result.rows);
  out->set_queries(result.queries);
  out->set_seed(result.seed);
  for (const EvaluatedQuantizer& row : result.quantizers) ToProto(row, out->add_quantizers());
}

}  // namespace tessera::server

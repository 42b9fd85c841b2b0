// Evaluations between the client's structs and the wire (declared in convert.h).
#include "client/convert.h"

namespace tessera::client {
namespace {

MeasuredShare FromProto(const v1::MeasuredShare& in) { return {in.value(), in.margin()}; }

EvaluatedSearch FromProto(const v1::EvaluatedSearch& in) {
  return {.nprobe = in.nprobe(),
          .codes = FromProto(in.codes()),
          .refine = FromProto(in.refine()),
          .raw = FromProto(in.raw()),
          .probe_loss = in.probe_loss(),
          .code_loss = in.code_loss(),
          .rerank_depth = in.rerank_depth(),
          .query_cpu_us = in.query_cpu_us()};
}

EvaluatedQuantizer FromProto(const v1::EvaluatedQuantizer& in) {
  EvaluatedQuantizer row;
  row.asked = in.asked();
  if (in.error_code() != 0) {
    row.error = Status(static_cast<absl::StatusCode>(in.error_code()), in.error_message());
  }
  row.quantizer = in.quantizer();
  row.nlist = in.nlist();
  row.code_bytes = in.code_bytes();
  row.refine_bytes = in.refine_bytes();
  row.resident_bytes = in.resident_bytes();
  row.codes = FromProto(in.codes());
  row.refine = FromProto(in.refine());
  for (const v1::EvaluatedSearch& search : in.searches()) {
    row.searches.push_back(FromProto(search));
  }
  row.squared_error = in.squared_error();
  row.relative_error = in.relative_error();
  row.train_seconds = in.train_seconds();
  row.encode_rows_per_second = in.encode_rows_per_second();
  row.scan_rows_per_second = in.scan_rows_per_second();
  return row;
}

}  // namespace

Status ToProto(const EvaluateOptions& options, v1::EvaluateRequest* out) {
  for (const std::string& quantizer : options.quantizers) out->add_quantizers(quantizer);
  out->set_min_bytes(options.min_bytes);
  out->set_max_bytes(options.max_bytes);
  out->set_k(options.k);
  for (const uint32_t nprobe : options.nprobe) out->add_nprobe(nprobe);
  out->set_rerank_depth(options.rerank_depth);
  out->set_sample_rows(options.sample_rows);
  out->set_queries(options.queries);
  if (options.seed) out->set_seed(*options.seed);
  if (options.query_vectors.rows == 0) return OkStatus();
  TESSERA_RETURN_IF_ERROR(CheckRows(options.query_vectors));
  ToProto(options.query_vectors, out->mutable_query_vectors());
  return OkStatus();
}

EvaluateResult FromProto(const v1::EvaluateResult& in) {
  EvaluateResult result;
  result.k = in.k();
  result.rows = in.rows();
  result.queries = in.queries();
  result.seed = in.seed();
  for (const v1::EvaluatedQuantizer& row : in.quantizers()) {
    result.quantizers.push_back(FromProto(row));
  }
  return result;
}

}  // namespace tessera::client

#include "bench/ann/queries.h"

#include <algorithm>
#include <string>

#include "client/formats/neighbors.h"
#include "client/formats/vector_reader.h"

namespace tessera::bench {
namespace {

constexpr size_t kReadRows = 4096;
constexpr size_t kExactQueries = 500;  // a call

Status ReadVectors(const Options& options, QuerySet& out) {
  formats::OpenOptions open;
  open.path = options.queries;
  open.dataset = options.query_dataset;
  TESSERA_ASSIGN_OR_RETURN(const auto reader, formats::OpenVectors(open));
  if (options.query_begin > 0) TESSERA_RETURN_IF_ERROR(reader->Skip(options.query_begin));
  formats::VectorBatch batch;
  for (;;) {
    size_t rows = kReadRows;
    if (options.query_count > 0) rows = std::min(rows, options.query_count - out.size());
    if (rows == 0) break;
    TESSERA_ASSIGN_OR_RETURN(const bool more, reader->Next(rows, batch));
    if (!more) break;
    if (!batch.bad.empty()) return batch.bad.front().reason;
    out.dim = batch.dim;
    formats::AppendFloats(batch, out.vectors);
  }
  if (out.size() == 0) return InvalidArgument(options.queries + " has no queries in that range");
  if (out.size() < options.query_count) {
    return InvalidArgument("--query-count " + std::to_string(options.query_count) + ": " +
                           options.queries + " has only " + std::to_string(out.size()) +
                           " from --query-begin on");
  }
  return OkStatus();
}

Status ReadTruth(const Options& options, uint64_t base_rows, QuerySet& out) {
  TESSERA_ASSIGN_OR_RETURN(
      const formats::NeighborTable table,
      formats::ReadNeighbors(options.truth, formats::Format::kAuto, options.truth_dataset));
  const size_t end = options.query_begin + out.size();
  if (table.rows < end) {
    return InvalidArgument(options.truth + " has " + std::to_string(table.rows) +
                           " rows, but there are queries up to " + std::to_string(end));
  }
  if (table.k < options.k) {
    return InvalidArgument(options.truth + " has " + std::to_string(table.k) +
                           " neighbours a row, --k asks for " + std::to_string(options.k));
  }
  out.truth_k = table.k;
  out.truth.assign(table.row(options.query_begin), table.row(end));
  for (size_t i = 0; i < out.truth.size(); ++i) {
    if (out.truth[i] < -1 || (out.truth[i] >= 0 && uint64_t(out.truth[i]) >= base_rows)) {
      return InvalidArgument(options.truth + " row " +
                             std::to_string(options.query_begin + i / table.k) + " names row " +
                             std::to_string(out.truth[i]) + ", the base has " +
                             std::to_string(base_rows) + " rows (--max-rows needs its own truth)");
    }
  }
  return OkStatus();
}

}  // namespace

QuerySet QuerySet::Part(size_t begin, size_t count) const {
  QuerySet part;
  part.dim = dim;
  part.truth_k = truth_k;
  part.vectors.assign(vectors.data() + begin * dim, vectors.data() + (begin + count) * dim);
  part.truth.assign(truth.data() + begin * truth_k, truth.data() + (begin + count) * truth_k);
  return part;
}

StatusOr<QuerySet> ReadQueries(const Options& options, uint64_t base_rows) {
  QuerySet out;
  TESSERA_RETURN_IF_ERROR(ReadVectors(options, out));
  if (!options.truth.empty()) TESSERA_RETURN_IF_ERROR(ReadTruth(options, base_rows, out));
  return out;
}

Status ComputeTruth(Collection& collection, uint32_t k, QuerySet& queries) {
  QueryParams params;
  params.exact = true;
  params.limit = k;
  queries.truth_k = k;
  queries.truth.assign(queries.size() * k, -1);
  for (size_t begin = 0; begin < queries.size(); begin += kExactQueries) {
    const size_t count = std::min(kExactQueries, queries.size() - begin);
    TESSERA_ASSIGN_OR_RETURN(const auto results,
                             collection.QueryBatch(queries.Rows(begin, count), params));
    for (size_t i = 0; i < count; ++i) {
      int32_t* row = queries.truth.data() + (begin + i) * k;
      for (const Hit& hit : results[i].hits) *row++ = static_cast<int32_t>(hit.id.number());
    }
  }
  return OkStatus();
}

}  // namespace tessera::bench

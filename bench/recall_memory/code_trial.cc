#include "bench/recall_memory/code_trial.h"

#include <algorithm>
#include <cmath>

#include "bench/ann/measure.h"
#include "bench/ann/sweep.h"
#include "bench/report/statistics.h"
#include "client/formats/vector_reader.h"

namespace tessera::bench {
namespace {

constexpr uint64_t kSampleRows = 20000;
constexpr size_t kReadRows = 4096;
constexpr size_t kBatch = 1000;

void Normalize(size_t dim, std::vector<float>& rows) {
  for (size_t begin = 0; begin < rows.size(); begin += dim) {
    double squares = 0;
    for (size_t d = 0; d < dim; ++d) squares += double{rows[begin + d]} * rows[begin + d];
    const auto scale = static_cast<float>(1 / std::sqrt(squares));
    for (size_t d = 0; d < dim; ++d) rows[begin + d] *= scale;
  }
}

StatusOr<QuerySet> ReadSample(const Options& options, uint64_t base_rows) {
  formats::OpenOptions open;
  open.path = options.base;
  open.dataset = options.base_dataset;
  TESSERA_ASSIGN_OR_RETURN(const auto reader, formats::OpenVectors(open));
  const uint64_t step = std::max<uint64_t>(1, base_rows / kSampleRows);
  QuerySet out;
  formats::VectorBatch batch;
  std::vector<float> rows;
  for (uint64_t row = 0; row < base_rows; row += batch.rows) {
    TESSERA_ASSIGN_OR_RETURN(const bool more, reader->Next(kReadRows, batch));
    if (!more) break;
    if (!batch.bad.empty()) return batch.bad.front().reason;
    out.dim = batch.dim;
    rows.clear();
    formats::AppendFloats(batch, rows);
    for (uint64_t i = (step - row % step) % step; i < batch.rows && row + i < base_rows;
         i += step) {
      const float* vector = rows.data() + i * out.dim;
      out.vectors.insert(out.vectors.end(), vector, vector + out.dim);
    }
  }
  if (options.metric == Metric::kCosine) Normalize(out.dim, out.vectors);
  return out;
}

double SquaredSpread(const QuerySet& rows) {
  std::vector<double> mean(rows.dim);
  for (size_t i = 0; i < rows.vectors.size(); ++i) mean[i % rows.dim] += rows.vectors[i];
  for (double& value : mean) value /= static_cast<double>(rows.size());
  double sum = 0;
  for (size_t i = 0; i < rows.vectors.size(); ++i) {
    const double off = rows.vectors[i] - mean[i % rows.dim];
    sum += off * off;
  }
  return sum;
}

// Encodes and decodes the sample on the calling thread. What the collection cannot decode is left
// unmeasured.
Status MeasureError(const QuerySet& sample, Subject& subject, Row& row) {
  subject.UseThreads(1);
  const double begin = ThreadCpuSeconds();
  TESSERA_ASSIGN_OR_RETURN(const EncodedVectors codes,
                           subject.collection().Encode(sample.Rows(0, sample.size())));
  row.encode_us = (ThreadCpuSeconds() - begin) * 1e6 / static_cast<double>(sample.size());
  std::vector<float> decoded(sample.vectors.size());
  TESSERA_RETURN_IF_ERROR(subject.collection().Decode(codes.lists, codes.codes, decoded.data()));
  double sum = 0;
  for (size_t i = 0; i < decoded.size(); ++i) {
    const double off = double{decoded[i]} - sample.vectors[i];
    sum += off * off;
  }
  row.reconstruction_error = sum / SquaredSpread(sample);
  return OkStatus();
}

// Lists to probe, ascending, all of them last.
std::vector<uint32_t> Probes(uint32_t nlist, bool speed) {
  std::vector<uint32_t> probes;
  for (const uint32_t part : {128u, 64u, 32u, 16u, 8u}) {
    if (speed && nlist / part > 0) probes.push_back(nlist / part);
  }
  probes.push_back(nlist);
  return probes;
}

// Rows of the forms of rerank in `choices`.
Status AddRows(const LadderOptions& options, const QuerySet& queries,
               const std::vector<RerankChoice>& choices, Subject& subject, std::vector<Row>& rows) {
  Options run = options.run;
  run.nprobe = Probes(std::max(1u, subject.collection().Stats().nlist), options.speed);
  run.rerank = choices;
  run.single = options.speed;
  run.in_batches = !options.speed;
  run.batch = kBatch;
  if (!options.speed) run.rounds = 0;
  TESSERA_ASSIGN_OR_RETURN(const auto some, Sweep(subject, queries, run, AllTrials(run)));
  rows.insert(rows.end(), some.begin(), some.end());
  return OkStatus();
}

StatusOr<std::vector<Row>> MeasureTrained(const LadderOptions& options, const LadderData& data,
                                          const QuantizerSpec& spec, Subject& subject) {
  std::vector<RerankChoice> choices(1);  // codes alone
  if (spec.refine.kind != RecordKind::kNone) choices.push_back({RerankTier::kRefine, options.depth});
  std::vector<Row> rows;
  TESSERA_RETURN_IF_ERROR(AddRows(options, data.reported, choices, subject, rows));
  if (options.raw_queries > 0) {
    const QuerySet some =
        data.reported.Part(0, std::min(options.raw_queries, data.reported.size()));
    TESSERA_RETURN_IF_ERROR(
        AddRows(options, some, {{RerankTier::kRaw, options.depth}}, subject, rows));
  }
  const uint32_t nlist = std::max(1u, subject.collection().Stats().nlist);
  const Setting all{true, kBatch, 1, nlist, choices[0], options.run.k};
  TESSERA_ASSIGN_OR_RETURN(const Recall pick, MeasureRecall(subject, data.pick, all));
  Row error;
  const Status measured = MeasureError(data.sample, subject, error);
  for (Row& row : rows) {
    if (row.rerank == "none" && row.nprobe == nlist) row.pick_recall_at_10 = pick.at10();
    row.reconstruction_error = error.reconstruction_error;
    row.encode_us = error.encode_us;
    if (!measured.ok()) row.note = "no reconstruction error: " + MessageOf(measured);
  }
  return rows;
}

}  // namespace

StatusOr<LadderData> ReadLadderData(const LadderOptions& options, uint64_t base_rows) {
  Options all = options.run;
  all.query_count = 0;
  TESSERA_ASSIGN_OR_RETURN(const QuerySet queries, ReadQueries(all, base_rows));
  if (queries.truth.empty()) return InvalidArgument("--truth is needed");
  const size_t half = queries.size() / 2;
  if (half == 0) return InvalidArgument(options.run.queries + ": at least 2 queries are needed");
  const size_t wanted = options.run.query_count == 0 ? queries.size() : options.run.query_count;
  LadderData data;
  data.pick = queries.Part(0, std::min(half, options.pick_count));
  data.reported = queries.Part(half, std::min(wanted, queries.size() - half));
  TESSERA_ASSIGN_OR_RETURN(data.sample, ReadSample(options.run, base_rows));
  return data;
}

StatusOr<std::vector<Row>> MeasureSpec(const LadderOptions& options, const std::string& spec,
                                       const LadderData& data, Subject& subject,
                                       const Subject::Log& log) {
  Row failed;
  failed.data = options.run.name;
  failed.metric = MetricName(options.run.metric);
  failed.quantizer = failed.asked = spec;
  failed.rows = subject.collection().Count();
  failed.dim = data.reported.dim;
  failed.commit = options.run.commit;
  const StatusOr<QuantizerSpec> parsed = QuantizerSpec::Parse(spec);
  const double load = subject.times().load_seconds;
  const Status trained = parsed.ok() ? subject.Retrain(*parsed, log) : parsed.status();
  if (!trained.ok()) {
    log(spec + ": " + MessageOf(trained));
    failed.note = MessageOf(trained);
    failed.load_seconds = load;
    return std::vector<Row>{failed};
  }
  TESSERA_ASSIGN_OR_RETURN(std::vector<Row> rows, MeasureTrained(options, data, *parsed, subject));
  for (Row& row : rows) row.asked = spec;
  return rows;
}

}  // namespace tessera::bench

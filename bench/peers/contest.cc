#include "bench/peers/contest.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <utility>

#include "bench/ann/queries.h"
#include "bench/report/recall.h"
#include "bench/report/statistics.h"
#include "client/formats/vector_reader.h"

namespace tessera::bench {
namespace {

constexpr size_t kReadRows = 4096;

struct Matrix {
  size_t dim = 0;
  std::vector<float> values;
  size_t rows() const { return dim == 0 ? 0 : values.size() / dim; }
  MatrixView<const float> view() const { return {values.data(), rows(), dim}; }
};

StatusOr<Matrix> ReadBase(const std::string& path) {
  formats::OpenOptions open;
  open.path = path;
  TESSERA_ASSIGN_OR_RETURN(const auto reader, formats::OpenVectors(open));
  Matrix out;
  formats::VectorBatch batch;
  for (;;) {
    TESSERA_ASSIGN_OR_RETURN(const bool more, reader->Next(kReadRows, batch));
    if (!more) return out;
    if (!batch.bad.empty()) return batch.bad.front().reason;
    out.dim = batch.dim;
    formats::AppendFloats(batch, out.values);
  }
}

StatusOr<std::unique_ptr<Rival>> MakeRival(const PeerOptions& options, const std::string& spec,
                                           size_t dim) {
  StatusOr<std::unique_ptr<Rival>> made = options.engine == "faiss"
                                              ? MakeFaiss(spec, dim, options.run.metric)
                                              : MakeHnswlib(spec, dim, options.run.metric);
  if (made.ok() && *made == nullptr) {
    return FailedPrecondition("--engine " + options.engine + ": not found when this was built");
  }
  return made;
}

// The name of a kept index tells what is in it.
std::string KeptPath(const PeerOptions& options, const std::string& spec, size_t rows) {
  std::string name = options.engine + "-" + options.run.name + "-" +
                     MetricName(options.run.metric) + "-" + std::to_string(rows) + "-" + spec;
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0 && c != '-'; }, '_');
  return (std::filesystem::path(options.keep) / name).string();
}

// Builds, or takes up what an earlier run with the same --keep built, and when it took so long.
Status BuildOrLoad(const PeerOptions& options, const std::string& spec, const Matrix& base,
                   Rival& rival, Row& row) {
  if (options.keep.empty()) return rival.Build(base.view(), row);
  const std::string path = KeptPath(options, spec, base.rows());
  const std::string seconds = path + ".seconds";
  if (std::filesystem::exists(seconds)) {  // written last
    if (!(std::ifstream(seconds) >> row.train_seconds >> row.load_seconds)) {
      return DataLoss(seconds + ": expected two numbers");
    }
    return rival.Load(path, base.view());
  }
  TESSERA_RETURN_IF_ERROR(rival.Build(base.view(), row));
  TESSERA_RETURN_IF_ERROR(rival.Save(path));
  std::ofstream out(seconds);
  out << row.train_seconds << " " << row.load_seconds << "\n";
  out.close();
  return out ? OkStatus() : Unavailable("--keep: cannot write " + seconds);
}

// One setting, with the times of its rounds.
struct Trial {
  Effort effort;
  Row row;
  size_t next = 0;  // query
  std::vector<double> wall, cpu, p50, p99;
};

std::vector<Trial> AllTrials(const PeerOptions& options, const Row& shape) {
  std::vector<Trial> trials;
  for (const RerankChoice& rerank : options.run.rerank) {
    for (const uint32_t nprobe : options.run.nprobe) {
      for (const bool batched : {false, true}) {
        if (!(batched ? options.run.in_batches : options.run.single)) continue;
        Trial trial;
        trial.effort = {nprobe, rerank};
        trial.row = shape;
        trial.row.mode = batched ? "batch" : "single";
        trial.row.batch = batched ? std::min(options.run.batch, size_t(shape.queries)) : 1;
        trial.row.nprobe = nprobe;
        trial.row.rerank = rerank.tier_name();
        trial.row.depth = rerank.depth;
        trials.push_back(std::move(trial));
      }
    }
  }
  return trials;
}

Status MeasureRecall(Rival& rival, const QuerySet& queries, Trial& trial) {
  const uint32_t k = static_cast<uint32_t>(trial.row.k);
  TESSERA_RETURN_IF_ERROR(rival.Set(trial.effort, k));
  Recall recall;
  std::vector<int64_t> ids(trial.row.batch * k);
  for (size_t begin = 0; begin < queries.size(); begin += trial.row.batch) {
    const size_t count = std::min(size_t(trial.row.batch), queries.size() - begin);
    TESSERA_RETURN_IF_ERROR(rival.Search(queries.Rows(begin, count), k, ids.data()));
    for (size_t i = 0; i < count; ++i) {
      recall.AddQuery({ids.data() + i * k, k}, queries.Truth(begin + i));
    }
  }
  Row& row = trial.row;
  if (k >= 1) row.first_at_1 = recall.first_at1();
  if (k >= 10) row.recall_at_10 = recall.at10();
  if (k >= 10) row.first_at_10 = recall.first_at10();
  if (k >= 100) row.recall_at_100 = recall.at100();
  if (k >= 100) row.first_at_100 = recall.first_at100();
  rival.CountBytes(row);
  row.bytes_total = SumBytes(row);
  return OkStatus();
}

// Asks from query trial.next on, around the end, for `seconds` and at least one call.
Status MeasureRound(Rival& rival, const QuerySet& queries, double seconds, Trial& trial) {
  const uint32_t k = static_cast<uint32_t>(trial.row.k);
  TESSERA_RETURN_IF_ERROR(rival.Set(trial.effort, k));
  const size_t batch = trial.row.batch;
  std::vector<int64_t> ids(batch * k);
  std::vector<double> micros;
  // Another setting ran last: the first call only warms up.
  TESSERA_RETURN_IF_ERROR(rival.Search(queries.Rows(0, batch), k, ids.data()));
  const double cpu = ThreadCpuSeconds(), begin = WallSeconds();
  double last = begin;
  size_t asked = 0;
  do {
    if (trial.next + batch > queries.size()) trial.next = 0;
    TESSERA_RETURN_IF_ERROR(rival.Search(queries.Rows(trial.next, batch), k, ids.data()));
    const double now = WallSeconds();
    micros.push_back((now - last) * 1e6);
    last = now;
    trial.next += batch;
    asked += batch;
  } while (last < begin + seconds);
  trial.wall.push_back(double(asked) / (last - begin));
  trial.cpu.push_back(double(asked) / (ThreadCpuSeconds() - cpu));
  trial.p50.push_back(Quantile(micros, 0.50));
  trial.p99.push_back(Quantile(micros, 0.99));
  return OkStatus();
}

Row Finished(Trial& trial) {
  Row row = std::move(trial.row);
  row.rounds = trial.wall.size();
  row.qps_wall = Median(trial.wall);
  row.qps_cpu = Median(trial.cpu);
  if (row.mode == "single") {
    row.p50_us = Median(trial.p50);
    row.p99_us = Median(trial.p99);
  }
  return row;
}

Status Measure(const PeerOptions& options, Rival& rival, const QuerySet& queries, const Row& shape,
               std::vector<Row>& rows) {
  std::vector<Trial> trials = AllTrials(options, shape);
  for (Trial& trial : trials) {
    TESSERA_RETURN_IF_ERROR(MeasureRecall(rival, queries, trial));
  }
  for (size_t round = 0; round < options.run.rounds; ++round) {
    for (Trial& trial : trials) {
      TESSERA_RETURN_IF_ERROR(MeasureRound(rival, queries, options.run.round_seconds, trial));
    }
  }
  for (Trial& trial : trials) rows.push_back(Finished(trial));
  return OkStatus();
}

}  // namespace

StatusOr<Contest> RunContest(const PeerOptions& options,
                             const std::function<void(const std::string&)>& log) {
  TESSERA_ASSIGN_OR_RETURN(Matrix base, ReadBase(options.run.base));
  TESSERA_ASSIGN_OR_RETURN(QuerySet queries, ReadQueries(options.run, base.rows()));
  if (queries.dim != base.dim) {
    return InvalidArgument("--queries have dim " + std::to_string(queries.dim) + ", --base " +
                           std::to_string(base.dim));
  }
  if (options.run.metric == Metric::kCosine) {
    Normalize(base.values.data(), base.rows(), base.dim);
    Normalize(queries.vectors.data(), queries.size(), queries.dim);
  }
  Row shape;
  shape.engine = options.engine;
  shape.data = options.run.name;
  shape.metric = MetricName(options.run.metric);
  shape.rows = base.rows();
  shape.dim = base.dim;
  shape.queries = queries.size();
  shape.k = options.run.k;
  Contest contest;
  for (const std::string& spec : options.specs) {
    log(options.engine + " " + spec);
    shape.quantizer = spec;
    TESSERA_ASSIGN_OR_RETURN(const std::unique_ptr<Rival> rival,
                             MakeRival(options, spec, base.dim));
    TESSERA_RETURN_IF_ERROR(BuildOrLoad(options, spec, base, *rival, shape));
    if (contest.remarks.empty()) contest.remarks.push_back(rival->remark());
    if (options.build_only) continue;
    TESSERA_RETURN_IF_ERROR(Measure(options, *rival, queries, shape, contest.rows));
  }
  return contest;
}

}  // namespace tessera::bench

// Does fine-tuning pay? Recall of a quantizer with and without FT, over seeds, from codes alone over all lists.
//
// bench_fine_tune BASE QUERIES TRUTH l2|cosine QUANTIZER [SEEDS [MAX_QUERIES]]
// A seed draws the sample and every start of the training, and trains twice: as QUANTIZER says, and with FT.
// A line a seed: 10-recall@10 of both and their difference. Last the means, and the 95 % interval of the mean
// difference by Student's t: fine-tuning pays where it excludes 0.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/formats/neighbors.h"
#include "client/formats/vector_reader.h"
#include "index/quant/coarse.h"
#include "index/quant/encoder.h"
#include "index/quant/model.h"
#include "index/quant/query.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"
#include "index/thread_pool.h"

namespace tessera {
namespace {

constexpr size_t kNeighbours = 10;
constexpr uint64_t kSampleBytes = uint64_t{1} << 30;
// Two-sided 95 % quantiles of Student's t for 1.. degrees of freedom.
constexpr double kQuantiles[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
constexpr size_t kMaxSeeds = 10;

struct Vectors {
  size_t dim = 0;
  std::vector<float> floats;
  size_t rows() const { return dim == 0 ? 0 : floats.size() / dim; }
  MatrixView<const float> View() const { return {floats.data(), rows(), dim}; }
};

StatusOr<Vectors> Read(const std::string& path, size_t most, Metric metric) {
  formats::OpenOptions open;
  open.path = path;
  TESSERA_ASSIGN_OR_RETURN(const auto reader, formats::OpenVectors(open));
  Vectors out;
  formats::VectorBatch batch;
  while (out.rows() < most) {
    TESSERA_ASSIGN_OR_RETURN(const bool more,
                             reader->Next(std::min<size_t>(4096, most - out.rows()), batch));
    if (!more) break;
    if (!batch.bad.empty()) return batch.bad.front().reason;
    out.dim = batch.dim;
    formats::AppendFloats(batch, out.floats);
  }
  if (out.rows() == 0) return InvalidArgument(path + " has no vectors");
  if (metric == Metric::kCosine) quant::NormalizeRows({out.floats.data(), out.rows(), out.dim});
  return out;
}

class Trial {
 public:
  Trial(Metric metric, Vectors base, Vectors queries, formats::NeighborTable truth)
      : metric_(metric),
        base_(std::move(base)),
        queries_(std::move(queries)),
        truth_(std::move(truth)),
        pool_(std::max(1u, std::thread::hardware_concurrency())) {}

  StatusOr<double> Recall(QuantizerSpec spec, bool fine_tuned, uint64_t seed) {
    spec.fine_tuned = fine_tuned;
    const uint64_t rows = quant::TrainingSampleRows(
        spec, static_cast<uint32_t>(base_.dim), base_.rows(), kSampleBytes);
    quant::Random random(seed);
    const std::vector<float> sample =
        quant::GatherRows(base_.View(), quant::SampleIndices(base_.rows(), rows, random));
    TrainingContext context;
    context.executor = &pool_;
    context.seed = seed;
    TESSERA_ASSIGN_OR_RETURN(const auto trained,
                             quant::TrainModel(spec, metric_, {sample.data(), rows, base_.dim},
                                               base_.rows(), context));
    quant::EncodedRows encoded;
    quant::EncodeRows(*trained.model, *trained.lists, base_.View(), pool_, encoded);
    std::vector<size_t> hits(queries_.rows());
    ParallelFor(pool_, queries_.rows(), 8, [&](size_t begin, size_t end) {
      for (size_t q = begin; q < end; ++q) hits[q] = Found(trained, encoded, q);
    });
    double sum = 0;
    for (const size_t found : hits) sum += static_cast<double>(found);
    return sum / static_cast<double>(kNeighbours * hits.size());
  }

 private:
  // Estimates as encoder.h and query.h have them, in floats.
  size_t Found(const quant::TrainedModel& trained, const quant::EncodedRows& encoded, size_t q) const {
    const quant::Model& model = *trained.model;
    const quant::TableCode& code = model.code;
    quant::TransformedQuery query;
    quant::TransformQuery(model, queries_.View().row(q), query);
    quant::CoarseScratch scratch;
    std::vector<quant::ProbedList> probed;
    quant::CoarseSearch(model, *trained.lists, query, trained.lists->nlist(), scratch, probed);
    std::vector<quant::ProbedList> lists(trained.lists->nlist());
    for (const quant::ProbedList& list : probed) lists[list.list.value] = list;
    std::vector<float> tables(size_t{code.scan_codes()} * code.scan_entries());
    code.FillTables(query.y.data(), tables.data());
    std::vector<std::pair<float, uint32_t>> scored(base_.rows());
    std::vector<uint8_t> scan_codes(code.scan_codes());
    for (uint32_t i = 0; i < scored.size(); ++i) {
      code.ReadScanCodes(encoded.codes.data() + size_t{i} * code.code_bytes(), scan_codes.data());
      float sum = 0;
      for (size_t s = 0; s < scan_codes.size(); ++s) sum += tables[s * code.scan_entries() + scan_codes[s]];
      const quant::ProbedList& list = lists[encoded.lists[i].value];
      scored[i] = {list.base + list.scale * (encoded.corrections[i] - 2.0f * sum), i};
    }
    std::nth_element(scored.begin(), scored.begin() + kNeighbours - 1, scored.end());
    size_t found = 0;
    for (size_t i = 0; i < kNeighbours; ++i) {
      const auto row = static_cast<int32_t>(scored[i].second);
      found += std::count(truth_.row(q), truth_.row(q) + kNeighbours, row) > 0;
    }
    return found;
  }

  const Metric metric_;
  const Vectors base_;
  const Vectors queries_;
  const formats::NeighborTable truth_;
  ThreadPoolExecutor pool_;
};

void PrintInterval(const std::vector<double>& differences) {
  const auto n = static_cast<double>(differences.size());
  double mean = 0, variance = 0;
  for (const double d : differences) mean += d / n;
  for (const double d : differences) variance += (d - mean) * (d - mean) / (n - 1);
  const double reach = kQuantiles[differences.size() - 2] * std::sqrt(variance / n);
  std::printf("gain %+.4f, 95 %% interval %+.4f .. %+.4f: %s\n", mean, mean - reach, mean + reach,
              mean - reach > 0 ? "pays" : "does not pay");
}

Status Run(int argc, char** argv) {
  if (argc < 6 || argc > 8) {
    return InvalidArgument("bench_fine_tune BASE QUERIES TRUTH l2|cosine QUANTIZER [SEEDS [MAX_QUERIES]]");
  }
  const std::string name = argv[4];
  if (name != "l2" && name != "cosine") return InvalidArgument("metric must be l2 or cosine, got " + name);
  const Metric metric = name == "l2" ? Metric::kL2 : Metric::kCosine;
  TESSERA_ASSIGN_OR_RETURN(const QuantizerSpec spec, QuantizerSpec::Parse(argv[5]));
  const uint64_t seeds = argc > 6 ? std::strtoull(argv[6], nullptr, 10) : 5;
  if (seeds < 2 || seeds > kMaxSeeds) return InvalidArgument("SEEDS must be 2 to 10");
  const size_t most = argc > 7 ? std::strtoull(argv[7], nullptr, 10) : 2000;
  TESSERA_ASSIGN_OR_RETURN(Vectors base, Read(argv[1], SIZE_MAX, metric));
  TESSERA_ASSIGN_OR_RETURN(Vectors queries, Read(argv[2], most, metric));
  TESSERA_ASSIGN_OR_RETURN(formats::NeighborTable truth,
                           formats::ReadNeighbors(argv[3], formats::Format::kAuto, ""));
  if (queries.dim != base.dim || truth.rows < queries.rows() || truth.k < kNeighbours) {
    return InvalidArgument("base, queries and truth do not fit each other");
  }
  Trial trial(metric, std::move(base), std::move(queries), std::move(truth));
  std::vector<double> differences;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    TESSERA_ASSIGN_OR_RETURN(const double start, trial.Recall(spec, false, seed));
    TESSERA_ASSIGN_OR_RETURN(const double tuned, trial.Recall(spec, true, seed));
    std::printf("seed %llu: %.4f, FT %.4f, %+.4f\n", static_cast<unsigned long long>(seed), start,
                tuned, tuned - start);
    std::fflush(stdout);
    differences.push_back(tuned - start);
  }
  PrintInterval(differences);
  return OkStatus();
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  const tessera::Status status = tessera::Run(argc, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

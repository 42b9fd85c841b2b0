#include "index/engine/evaluate.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "index/engine/candidates.h"
#include "index/engine/codebook_training.h"
#include "index/engine/held_out.h"
#include "index/engine/memory_advice.h"
#include "index/engine/sample.h"
#include "index/engine/trial.h"
#include "index/engine/trial_search.h"
#include "index/engine/vector_data.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"

namespace tessera::engine {
namespace {

constexpr uint32_t kMaxNeighbours = 1000;
constexpr uint64_t kSampleStream = 302;  // of random numbers under one seed

Status CheckOptions(const EvaluateOptions& options, uint32_t dim) {
  if (options.k == 0 || options.k > kMaxNeighbours) {
    return InvalidArgument("k is " + std::to_string(options.k) + ", expected 1 to " +
                           std::to_string(kMaxNeighbours));
  }
  const bool range = options.min_bytes != 0 || options.max_bytes != 0;
  if (options.quantizers.empty() != range) {
    return InvalidArgument("quantizers or min_bytes and max_bytes are expected, one of the two");
  }
  if (range && !(options.min_bytes > 0 && options.max_bytes >= options.min_bytes &&
                 std::isfinite(options.max_bytes))) {
    return InvalidArgument("min_bytes must be above 0 and at most max_bytes");
  }
  if (options.query_vectors.rows() > 0) {
    if (options.query_vectors.dim() != dim) {
      return InvalidArgument("query_vectors have " + std::to_string(options.query_vectors.dim()) +
                             " dimensions, expected " + std::to_string(dim));
    }
  } else if (options.queries == 0) {
    return InvalidArgument("queries must be at least 1");
  }
  return OkStatus();
}

// Rows to look at: twice their floats are held while the true neighbours are found.
StatusOr<uint64_t> SampleRows(const EvaluateOptions& options, uint32_t dim, uint64_t available) {
  const uint64_t affordable = options.sample_memory_bytes / (2 * dim * sizeof(float));
  const uint64_t rows = std::min({options.sample_rows, affordable, available});
  if (rows < kMinEvaluateRows) {
    return FailedPrecondition("an evaluation needs at least " + std::to_string(kMinEvaluateRows) +
                              " rows, there are " + std::to_string(available) +
                              (rows < available ? ", of which sample_rows and sample_memory_bytes "
                                                  "let in " + std::to_string(rows)
                                                : ""));
  }
  return rows;
}

// Checked, and of unit length under cosine.
StatusOr<std::vector<float>> Prepared(std::vector<float> rows, uint32_t dim, Metric metric,
                                      const char* name, const std::vector<uint32_t>& numbers) {
  for (size_t i = 0; i < rows.size() / dim; ++i) {
    float* row = rows.data() + i * dim;
    const std::string number = std::to_string(numbers.empty() ? i : numbers[i]);
    TESSERA_ASSIGN_OR_RETURN(const double norm,
                             CheckVector(row, dim, metric, std::string(name) + "[" + number + "]"));
    if (metric == Metric::kCosine) Normalize(row, dim, norm);
  }
  return rows;
}

StatusOr<std::vector<QuantizerSpec>> Specs(const EvaluateOptions& options, uint32_t dim) {
  if (!options.quantizers.empty()) return options.quantizers;
  const double max = std::min(options.max_bytes, LargestCandidate(dim));
  if (max < kSmallestCandidate || max < options.min_bytes) {
    return InvalidArgument("min_bytes and max_bytes: no quantizer of " + std::to_string(dim) +
                           " dimensions takes so few or so many bytes; they take " +
                           std::to_string(static_cast<int>(kSmallestCandidate)) + " to " +
                           std::to_string(static_cast<int>(LargestCandidate(dim))));
  }
  std::vector<QuantizerSpec> specs;
  for (const double bytes : BudgetSteps(std::max(options.min_bytes, kSmallestCandidate), max)) {
    for (const Candidate& candidate : Candidates(dim, bytes)) {
      if (std::find(specs.begin(), specs.end(), candidate.spec) == specs.end()) {
        specs.push_back(candidate.spec);
      }
    }
  }
  return specs;
}

// One run over all specs.
class Evaluation {
 public:
  Evaluation(HeldOut held, const EvaluateOptions& options, Executor& executor,
             const std::atomic<bool>* closing)
      : held_(std::move(held)), options_(options), executor_(executor), closing_(closing) {}

  StatusOr<EvaluateResult> Run(const std::vector<QuantizerSpec>& specs) {
    TESSERA_ASSIGN_OR_RETURN(EvaluateResult result, Begin());
    for (size_t i = 0; i < specs.size(); ++i) {
      name_ = "quantizer " + std::to_string(i + 1) + " of " + std::to_string(specs.size());
      const auto all = static_cast<double>(specs.size());
      begin_ = kTruthShare + (1 - kTruthShare) * static_cast<double>(i) / all;
      end_ = kTruthShare + (1 - kTruthShare) * static_cast<double>(i + 1) / all;
      EvaluatedQuantizer row;
      row.asked = specs[i].ToString();
      const Status status = Measure(specs[i], row);
      // Who is stopped has no table; whose spec fails has the others'.
      TESSERA_RETURN_IF_ERROR(CheckStop());
      if (!status.ok()) {
        row = {};
        row.asked = specs[i].ToString();
        row.error = status;
      }
      result.quantizers.push_back(std::move(row));
    }
    Report(1, "done");
    return result;
  }

  StatusOr<EvaluateResult> Run(const quant::TrainedModel& trained) {
    TESSERA_ASSIGN_OR_RETURN(EvaluateResult result, Begin());
    name_ = "codebook";
    begin_ = kTruthShare;
    EvaluatedQuantizer row;
    row.asked = trained.model->spec.ToString();
    ReportPart(0, "encode");
    TESSERA_ASSIGN_OR_RETURN(const Trial trial,
                             MakeTrial(trained, held_.base_rows(), executor_, options_.context));
    TESSERA_RETURN_IF_ERROR(MeasureSearches(trial, row));
    TESSERA_RETURN_IF_ERROR(CheckStop());
    result.quantizers.push_back(std::move(row));
    Report(1, "done");
    return result;
  }

 private:
  static constexpr double kTruthShare = 0.02;
  static constexpr double kTrainShare = 0.8;  // of the work on one spec

  StatusOr<EvaluateResult> Begin() {
    EvaluateResult result;
    result.k = options_.k;
    result.rows = held_.base_rows().rows();
    result.queries = held_.query_rows().rows();
    result.seed = options_.context.seed;
    Report(0, "true neighbours");
    TESSERA_RETURN_IF_ERROR(FindTruth(options_.k, executor_, options_.context.stop, held_));
    return result;
  }
  Status CheckStop() const {
    if (closing_ && closing_->load()) return Cancelled("the collection is being closed");
    return options_.context.stop.Check();
  }
  void Report(double fraction, const char* stage) {
    if (options_.context.progress) options_.context.progress(fraction, stage);
  }
  void ReportPart(double fraction, const char* stage) {
    const std::string text = name_ + ": " + stage;
    Report(begin_ + (end_ - begin_) * fraction, text.c_str());
  }

  Status Measure(const QuantizerSpec& spec, EvaluatedQuantizer& row) {
    TrainingContext context = options_.context;
    context.executor = &executor_;
    context.progress = [this](double fraction, const char* stage) {
      ReportPart(kTrainShare * fraction, stage);
    };
    ReportPart(0, "training");
    TESSERA_ASSIGN_OR_RETURN(
        const Trial trial, MakeTrial(spec, held_.metric, held_.base_rows(), executor_, context));
    return MeasureSearches(trial, row);
  }

  Status MeasureSearches(const Trial& trial, EvaluatedQuantizer& row) {
    Describe(trial, row);
    ReportPart(kTrainShare, "queries");
    const TrialSearch search(trial, held_, executor_, options_.context.stop);
    TESSERA_RETURN_IF_ERROR(search.MeasureAllLists(options_.rerank_depth, row));
    const std::vector<uint32_t> nprobe =
        options_.nprobe.empty() ? std::vector<uint32_t>{0} : options_.nprobe;
    for (const uint32_t probes : nprobe) {
      TESSERA_ASSIGN_OR_RETURN(EvaluatedSearch measured,
                               search.Measure(probes, options_.rerank_depth));
      row.searches.push_back(measured);
    }
    return OkStatus();
  }

  HeldOut held_;
  const EvaluateOptions& options_;
  Executor& executor_;
  const std::atomic<bool>* const closing_;
  std::string name_;
  double begin_ = 0;
  double end_ = 1;
};

}  // namespace

StatusOr<EvaluateResult> EvaluateSample(std::vector<float> sample, uint32_t dim, Metric metric,
                                        const EvaluateOptions& options, Executor& executor,
                                        const std::atomic<bool>* closing) {
  TESSERA_ASSIGN_OR_RETURN(const std::vector<QuantizerSpec> specs, Specs(options, dim));
  const size_t rows = sample.size() / dim;
  HeldOut held;
  if (options.query_vectors.rows() > 0) {
    TESSERA_ASSIGN_OR_RETURN(std::vector<float> queries,
                             Prepared(quant::CopyRows(options.query_vectors), dim, metric,
                                      "query_vectors", {}));
    held = HoldOut(std::move(sample), dim, metric, std::move(queries));
  } else {
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(options.queries, rows / 10));
    held = HoldOut(std::move(sample), dim, metric, count, options.context.seed);
  }
  if (options.k > held.base_rows().rows()) {
    return InvalidArgument("k is " + std::to_string(options.k) + ", but only " +
                           std::to_string(held.base_rows().rows()) + " rows are searched");
  }
  return Evaluation(std::move(held), options, executor, closing).Run(specs);
}

StatusOr<EvaluateResult> EvaluateTrained(const Core& core, const Snapshot& snapshot,
                                         const quant::TrainedModel& trained, EvaluateOptions options) {
  if (!options.quantizers.empty() || options.min_bytes != 0 || options.max_bytes != 0) {
    return InvalidArgument("quantizers and byte range must be left out where a codebook is evaluated");
  }
  options.quantizers = {trained.model->spec};
  TESSERA_RETURN_IF_ERROR(CheckOptions(options, core.dim));
  TESSERA_ASSIGN_OR_RETURN(const uint64_t wanted,
                           SampleRows(options, core.dim, snapshot.lists.live_rows()));
  MemoryReservation memory(*core.memory);
  TESSERA_ASSIGN_OR_RETURN(const uint64_t rows, ReserveSample(core, snapshot, "evaluation", kMinEvaluateRows, wanted, memory));
  if (options.context.progress) options.context.progress(0, "sample");
  const auto check_stop = [&] { return CheckStop(core, options.context); };
  const uint64_t seed = options.context.seed;
  HeldOut held;
  if (options.query_vectors.rows() > 0) {
    TESSERA_ASSIGN_OR_RETURN(std::vector<float> queries,
                             Prepared(quant::CopyRows(options.query_vectors), core.dim, core.metric,
                                      "query_vectors", {}));
    TESSERA_ASSIGN_OR_RETURN(std::vector<float> sample, ReadSample(core, snapshot, rows, seed, check_stop));
    held = HoldOut(std::move(sample), core.dim, core.metric, std::move(queries));
  } else if (CountHeldOut(snapshot) >= kEnoughHeldOut) {
    TESSERA_ASSIGN_OR_RETURN(std::vector<float> queries, ReadSample(core, snapshot, options.queries, seed,
                                                                    check_stop, SampleFrom::kHeldOut));
    TESSERA_ASSIGN_OR_RETURN(std::vector<float> sample,
                             ReadSample(core, snapshot, rows, seed, check_stop, SampleFrom::kTraining));
    held = HoldOut(std::move(sample), core.dim, core.metric, std::move(queries));
  } else {
    TESSERA_ASSIGN_OR_RETURN(std::vector<float> sample, ReadSample(core, snapshot, rows, seed, check_stop));
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(options.queries, rows / 10));
    held = HoldOut(std::move(sample), core.dim, core.metric, count, seed);
  }
  if (options.k > held.base_rows().rows()) {
    return InvalidArgument("k is " + std::to_string(options.k) + ", but only " +
                           std::to_string(held.base_rows().rows()) + " rows are searched");
  }
  PacedExecutor executor = TrainingExecutor(core, options.context);
  return Evaluation(std::move(held), options, executor, &core.closing).Run(trained);
}

StatusOr<EvaluateResult> EvaluateSnapshot(const Core& core, const Snapshot& snapshot,
                                          const EvaluateOptions& options) {
  TESSERA_RETURN_IF_ERROR(CheckOptions(options, core.dim));
  TESSERA_ASSIGN_OR_RETURN(const uint64_t wanted,
                           SampleRows(options, core.dim, snapshot.lists.live_rows()));
  MemoryReservation memory(*core.memory);
  TESSERA_ASSIGN_OR_RETURN(const uint64_t rows, ReserveSample(core, snapshot, "evaluation", kMinEvaluateRows, wanted, memory));
  if (options.context.progress) options.context.progress(0, "sample");
  TESSERA_ASSIGN_OR_RETURN(
      std::vector<float> sample,
      ReadSample(core, snapshot, rows, options.context.seed, [&]() -> Status {
        if (core.closing.load()) return Cancelled("the collection is being closed");
        return options.context.stop.Check();
      }));
  PacedExecutor executor = TrainingExecutor(core, options.context);
  return EvaluateSample(std::move(sample), core.dim, core.metric, options, executor,
                        &core.closing);
}

}  // namespace tessera::engine

namespace tessera {

StatusOr<EvaluateResult> EvaluateRows(MatrixView<const float> rows, Metric metric,
                                      const EvaluateOptions& options) {
  if (rows.dim() == 0 || rows.dim() > kMaxDim) {
    return InvalidArgument("rows have " + std::to_string(rows.dim()) + " dimensions, expected 1 to " +
                           std::to_string(kMaxDim));
  }
  const auto dim = static_cast<uint32_t>(rows.dim());
  TESSERA_RETURN_IF_ERROR(engine::CheckOptions(options, dim));
  TESSERA_ASSIGN_OR_RETURN(const uint64_t count, engine::SampleRows(options, dim, rows.rows()));
  quant::Random random(options.context.seed, engine::kSampleStream);
  const std::vector<uint32_t> chosen = quant::SampleIndices(rows.rows(), count, random);
  TESSERA_ASSIGN_OR_RETURN(
      std::vector<float> sample,
      engine::Prepared(quant::GatherRows(rows, chosen), dim, metric, "rows", chosen));
  InlineExecutor here;
  return engine::EvaluateSample(std::move(sample), dim, metric, options,
                                options.context.executor ? *options.context.executor : here, nullptr);
}

}  // namespace tessera

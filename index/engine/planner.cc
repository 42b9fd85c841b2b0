#include "index/engine/planner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "index/engine/candidates.h"
#include "index/engine/evaluate.h"
#include "index/engine/held_out.h"
#include "index/engine/memory_advice.h"
#include "index/engine/memory_projection.h"
#include "index/engine/plan_text.h"
#include "index/engine/sample.h"
#include "index/engine/trial.h"
#include "index/engine/trial_search.h"

namespace tessera::engine {
namespace {

// All candidates are tried on kPlanRows. The best of them, where the sample has more, on all of it: on few rows
// codes that need more training rows look worse than they are. Floats bound time and memory of many dimensions.
constexpr uint64_t kPlanRows = 20000;
constexpr uint64_t kPlanFloats = 8u << 20;
constexpr uint32_t kPlanQueries = 400;
constexpr uint64_t kFinalRows = 100000;
constexpr uint64_t kFinalFloats = 32u << 20;
constexpr uint32_t kFinalQueries = 1000;
constexpr double kFinalRange = 0.025;  // behind the best of the small sample
constexpr size_t kFinalists = 4;
constexpr uint32_t kNeighbours = 10;
// Candidates so near to the best are as good: the first of them in the list is simpler or faster.
constexpr double kTie = 0.002;
constexpr double kFinalTie = 0.005;  // stages take ten times as long to encode, and megabytes for it

uint64_t RowsOf(const PlanInput& input) { return std::max(input.rows, input.goal.expected_rows); }

uint64_t ProjectResident(const PlanInput& input, const lists::RowLayout& layout, uint64_t model_bytes) {
  return engine::ProjectResident(RowsOf(input), input.dim, 0, layout, model_bytes, input.external_id_bytes);
}

// The smallest there is: one sub-quantizer of 8 bits.
uint64_t SmallestResident(const PlanInput& input) {
  const uint64_t model = sizeof(quant::Model) + uint64_t{256 + 2} * input.dim * sizeof(float);
  return ProjectResident(input, {1, 0, false}, model);
}

// Line through recall against the number of rows, both on scales where it is nearly straight.
class RecallLine {
 public:
  void Add(double rows, double recall) {
    const double x = std::log(rows);
    const double y = Logit(recall);
    n_ += 1, x_ += x, y_ += y, xx_ += x * x, xy_ += x * y;
  }
  double At(double rows) const {
    const double spread = n_ * xx_ - x_ * x_;
    const double slope = spread > 0 ? std::min(0.0, (n_ * xy_ - x_ * y_) / spread) : 0;
    const double y = (y_ + slope * (n_ * std::log(rows) - x_)) / n_;
    return 1 / (1 + std::exp(-y));
  }

 private:
  static double Logit(double share) {
    const double inside = std::clamp(share, 0.001, 0.999);
    return std::log(inside / (1 - inside));
  }
  double n_ = 0, x_ = 0, y_ = 0, xx_ = 0, xy_ = 0;
};

class Planner {
 public:
  Planner(const PlanInput& input, HeldOut all, Executor& executor, const TrainingContext& context)
      : input_(input), executor_(executor), context_(context) {
    const uint64_t few = std::min(kPlanRows, std::max(kMinEvaluateRows, kPlanFloats / input.dim));
    if (all.base_rows().rows() < 2 * few) {
      held_ = std::move(all);
    } else {
      held_ = Thinned(all, few, kPlanQueries);
      all_ = std::move(all);
    }
  }

  StatusOr<Plan> Run() {
    Report(0);
    TESSERA_RETURN_IF_ERROR(FindTruth(kNeighbours, executor_, context_.stop, held_));
    const QuantizerGoal& goal = input_.goal;
    StatusOr<size_t> chosen = goal.target_recall > 0   ? ForRecall()
                              : goal.memory_budget > 0 ? ForMemory()
                                                       : ForBytes(goal.bytes_per_vector);
    if (!chosen.ok()) return chosen.status();
    Report(1);
    PlanSample sample{held_.base_rows().rows(), held_.query_rows().rows()};
    if (!all_.base.empty()) {
      sample.final_rows = all_.base_rows().rows();
      sample.final_queries = all_.query_rows().rows();
    }
    return Plan{tried_[*chosen].candidate.spec, ExplainPlan(goal, input_.rows, RowsOf(input_), sample, tried_, *chosen)};
  }

 private:
  void Report(double fraction) const {
    if (context_.progress) context_.progress(fraction, "plan");
  }
  // The trials on few rows, then those on many.
  void ReportTrials(double fraction) const { Report(all_.base.empty() ? fraction : fraction * 0.6); }

  // Measured once, however often asked. Only a stop is an error.
  StatusOr<size_t> Try(const Candidate& candidate) {
    for (size_t i = 0; i < tried_.size(); ++i) {
      if (tried_[i].candidate.spec == candidate.spec) return i;
    }
    Tried tried;
    tried.candidate = candidate;
    tried.error = Measure(tried);
    TESSERA_RETURN_IF_ERROR(context_.stop.Check());
    tried_.push_back(std::move(tried));
    return tried_.size() - 1;
  }

  StatusOr<Trial> Train(const QuantizerSpec& spec, const HeldOut& held) {
    TrainingContext context = context_;
    context.executor = &executor_;
    context.progress = nullptr;
    return MakeTrial(spec, held.metric, held.base_rows(), executor_, context);
  }

  Status Measure(Tried& tried) {
    TESSERA_ASSIGN_OR_RETURN(const Trial trial, Train(tried.candidate.spec, held_));
    EvaluatedQuantizer row;
    Describe(trial, row);
    tried.candidate.bytes = row.code_bytes + (input_.refine_on_disk ? 0 : row.refine_bytes);
    const quant::Model& model = *trial.snapshot.model;
    tried.resident = ProjectResident(input_, LayoutOf(&model, input_.dim, input_.refine_on_disk), model.bytes());
    TESSERA_RETURN_IF_ERROR(
        TrialSearch(trial, held_, executor_, context_.stop).MeasureAllLists(0, row));
    tried.recall = tried.sample_recall = row.refine.value;
    tried.margin = tried.sample_margin = row.refine.margin;
    return input_.goal.target_recall > 0 ? ExtrapolateRecall(trial, tried) : OkStatus();
  }

  // The k' nearest of a sample are about the k nearest of k / k' times as many rows: as near, and
  // in as dense a neighbourhood. So smaller k' tell how recall falls with the number of rows.
  Status ExtrapolateRecall(const Trial& trial, Tried& tried) {
    const auto base = static_cast<double>(held_.base_rows().rows());
    const auto all = static_cast<double>(input_.rows);
    if (all <= base * 1.2) return OkStatus();
    RecallLine line;
    line.Add(base, tried.sample_recall);
    for (const uint32_t k : {5u, 2u, 1u}) {
      HeldOut fewer{held_.metric, held_.dim, k, {}, {}, held_.truth};
      for (auto& truth : fewer.truth) truth.resize(k);
      std::swap(fewer.base, held_.base);
      std::swap(fewer.queries, held_.queries);
      EvaluatedQuantizer row;
      // As many candidates of the larger collection are reranked: ten times k.
      const Status status =
          TrialSearch(trial, fewer, executor_, context_.stop).MeasureAllLists(10 * k, row);
      std::swap(fewer.base, held_.base);
      std::swap(fewer.queries, held_.queries);
      TESSERA_RETURN_IF_ERROR(status);
      line.Add(base * kNeighbours / k, row.refine.value);
    }
    tried.recall = line.At(all);
    return OkStatus();
  }

  StatusOr<size_t> ForBytes(double bytes) {
    const std::vector<Candidate> candidates = Candidates(input_.dim, bytes, input_.refine_on_disk);
    std::vector<size_t> all;
    for (size_t i = 0; i < candidates.size(); ++i) {
      TESSERA_ASSIGN_OR_RETURN(const size_t tried, Try(candidates[i]));
      // Measured bytes decide: those of a candidate are what its kind should take.
      if (tried_[tried].candidate.bytes <= bytes) all.push_back(tried);
      ReportTrials(static_cast<double>(i + 1) / static_cast<double>(candidates.size()));
    }
    return BestOfFinalists(all);
  }

  StatusOr<size_t> ForMemory() {
    const auto rows = static_cast<double>(RowsOf(input_));
    const auto budget = static_cast<double>(input_.goal.memory_budget);
    // A rotation is paid for where it costs less than a byte a vector.
    const double floats = 4.0 * input_.dim * input_.dim;
    const double model = 1032.0 * input_.dim + (2 * floats < rows ? 2 * floats : 0);
    const auto beside = static_cast<double>(
        ProjectResident(input_, {1, 0, false}, static_cast<uint64_t>(sizeof(quant::Model) + model)));
    double bytes = kSmallestCandidate + std::max(0.0, (budget - beside) / rows);
    // Padding grows with the code: the first guess may be too large, by little.
    for (int round = 0; bytes >= kSmallestCandidate && round < 20; ++round, bytes -= bytes / 20) {
      const std::vector<Candidate> candidates = Candidates(input_.dim, bytes, input_.refine_on_disk);
      std::vector<size_t> fitting;
      for (size_t i = 0; i < candidates.size(); ++i) {
        TESSERA_ASSIGN_OR_RETURN(const size_t tried, Try(candidates[i]));
        if (tried_[tried].resident <= input_.goal.memory_budget) fitting.push_back(tried);
        ReportTrials(1 - std::pow(0.85, static_cast<double>(tried_.size())));
      }
      if (!fitting.empty()) return BestOfFinalists(fitting);
    }
    return FailedPrecondition(
        "memory_budget of " + std::to_string(input_.goal.memory_budget) + " bytes holds no " +
        std::to_string(RowsOf(input_)) + " rows; the smallest quantizer needs about " +
        std::to_string(SmallestResident(input_)));
  }

  // Bisection over budgets; at each, kinds are tried until one reaches the target.
  StatusOr<size_t> ForRecall() {
    const std::vector<double> budgets = BudgetSteps(4, std::max(4.0, LargestCandidate(input_.dim)));
    std::vector<size_t> all;
    size_t reached = SIZE_MAX;
    for (size_t low = 0, high = budgets.size(); low < high;) {
      const size_t middle = low + (high - low) / 2;
      bool enough = false;
      for (const Candidate& candidate : Candidates(input_.dim, budgets[middle], input_.refine_on_disk)) {
        TESSERA_ASSIGN_OR_RETURN(const size_t tried, Try(candidate));
        all.push_back(tried);
        Report(1 - std::pow(0.9, static_cast<double>(tried_.size())));
        if (!tried_[tried].Reaches(input_.goal.target_recall)) continue;
        enough = true;
        if (reached == SIZE_MAX || tried_[tried].candidate.bytes < tried_[reached].candidate.bytes) {
          reached = tried;
        }
        break;
      }
      (enough ? high : low) = enough ? middle : middle + 1;
    }
    return reached != SIZE_MAX ? StatusOr<size_t>(reached) : Best(all);
  }

  // The best on few rows once more, on many, in the order of preference that `among` has.
  StatusOr<size_t> BestOfFinalists(const std::vector<size_t>& among) {
    TESSERA_ASSIGN_OR_RETURN(const size_t best, Best(among));
    if (all_.base.empty()) return best;
    const std::vector<size_t> finalists = Finalists(among);
    if (finalists.size() < 2) return best;
    TESSERA_RETURN_IF_ERROR(FindTruth(kNeighbours, executor_, context_.stop, all_));
    for (size_t i = 0; i < finalists.size(); ++i) {
      Tried& tried = tried_[finalists[i]];
      EvaluatedQuantizer row;
      const Status status = MeasureOnAll(tried, row);
      TESSERA_RETURN_IF_ERROR(context_.stop.Check());
      TESSERA_RETURN_IF_ERROR(status);
      tried.recall = row.refine.value;
      tried.margin = row.refine.margin;
      tried.finalist = true;
      Report(0.6 + 0.4 * static_cast<double>(i + 1) / static_cast<double>(finalists.size()));
    }
    return Best(finalists, kFinalTie);
  }

  std::vector<size_t> Finalists(const std::vector<size_t>& among) const {
    std::vector<size_t> order;
    for (const size_t i : among) {
      if (tried_[i].error.ok()) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return tried_[a].sample_recall > tried_[b].sample_recall;
    });
    order.resize(std::min(order.size(), kFinalists));
    std::erase_if(order, [&, best = tried_[order.front()].sample_recall](size_t i) {
      return tried_[i].sample_recall < best - kFinalRange;
    });
    std::sort(order.begin(), order.end());
    return order;
  }

  Status MeasureOnAll(const Tried& tried, EvaluatedQuantizer& row) {
    TESSERA_ASSIGN_OR_RETURN(const Trial trial, Train(tried.candidate.spec, all_));
    return TrialSearch(trial, all_, executor_, context_.stop).MeasureAllLists(0, row);
  }

  StatusOr<size_t> Best(const std::vector<size_t>& among, double tie = kTie) const {
    double best = -1;
    for (const size_t i : among) {
      if (tried_[i].error.ok()) best = std::max(best, tried_[i].recall);
    }
    for (const size_t i : among) {
      if (tried_[i].error.ok() && tried_[i].recall >= best - tie) return i;
    }
    if (among.empty()) return FailedPrecondition("planner: no quantizer fits the budget");
    return Annotate(tried_[among.front()].error, "planner: no quantizer could be trained; the first, " +
                                                     tried_[among.front()].candidate.spec.ToString() +
                                                     ": ");
  }

  const PlanInput& input_;
  HeldOut held_;
  HeldOut all_;  // the whole sample where it is much larger than held_, else empty
  Executor& executor_;
  const TrainingContext& context_;
  std::vector<Tried> tried_;
};

}  // namespace

StatusOr<Plan> MakePlan(const PlanInput& input, std::vector<float> sample, Executor& executor,
                        const TrainingContext& context) {
  const uint64_t rows = sample.size() / input.dim;
  if (rows < kMinEvaluateRows) {
    return FailedPrecondition("choosing a quantizer by measurement needs at least " +
                              std::to_string(kMinEvaluateRows) + " rows, there are " +
                              std::to_string(rows));
  }
  const auto queries = static_cast<uint32_t>(std::min<uint64_t>(kFinalQueries, rows / 10));
  HeldOut held = HoldOut(std::move(sample), input.dim, input.metric, queries, context.seed);
  return Planner(input, std::move(held), executor, context).Run();
}

StatusOr<Plan> PlanCollection(const Core& core, const Snapshot& snapshot, const QuantizerGoal& goal,
                              Executor& executor, const TrainingContext& context) {
  const uint64_t live = snapshot.lists.live_rows();
  PlanInput input{goal, core.metric, core.dim, live, 0, core.RefineOnDisk()};
  if (snapshot.lists.rows() > 0) {
    input.external_id_bytes = static_cast<double>(snapshot.lists.Bytes().external_ids) /
                              static_cast<double>(snapshot.lists.rows());
  }
  // A recall is extrapolated from the small sample and its smaller neighbourhoods.
  const bool finals = goal.target_recall == 0;
  const uint64_t wanted =
      std::min({live, finals ? kFinalRows : kPlanRows,
                std::max(kMinEvaluateRows, (finals ? kFinalFloats : kPlanFloats) / std::max(core.dim, 1u))});
  MemoryReservation memory(*core.memory);
  TESSERA_ASSIGN_OR_RETURN(const uint64_t rows,
                           ReserveSample(core, snapshot, "planning", std::min(wanted, kMinEvaluateRows), wanted, memory));
  TESSERA_ASSIGN_OR_RETURN(std::vector<float> sample,
                           ReadSample(core, snapshot, rows, context.seed, [&]() -> Status {
                             if (core.closing.load()) {
                               return Cancelled("the collection is being closed");
                             }
                             return context.stop.Check();
                           }));
  return MakePlan(input, std::move(sample), executor, context);
}

}  // namespace tessera::engine

namespace tessera {

Status QuantizerGoal::Validate(uint32_t dim) const {
  const int given = (bytes_per_vector != 0) + (memory_budget != 0) + (target_recall != 0);
  if (given > 1) {
    return InvalidArgument(
        "bytes_per_vector, memory_budget and target_recall exclude each other: give one of them");
  }
  if (memory_budget != 0 && expected_rows == 0) {
    return InvalidArgument("memory_budget is of a number of rows: expected_rows is missing");
  }
  if (expected_rows > UINT32_MAX) {
    return InvalidArgument("expected_rows is " + std::to_string(expected_rows) + ", a collection has at most " +
                           std::to_string(UINT32_MAX));
  }
  if (target_recall != 0 && !(target_recall > 0 && target_recall < 1)) {
    return InvalidArgument("target_recall must be above 0 and below 1, as 0.95");
  }
  if (bytes_per_vector != 0 && !(bytes_per_vector >= engine::kSmallestCandidate &&
                                 std::isfinite(bytes_per_vector))) {
    return InvalidArgument("bytes_per_vector must be at least 2, the smallest quantizer: one byte of "
                           "code and one of correction");
  }
  if (memory_budget == 0) return OkStatus();
  const engine::PlanInput input{*this, Metric::kL2, dim, expected_rows, 0, false};
  if (const uint64_t least = engine::SmallestResident(input); memory_budget < least) {
    return InvalidArgument("memory_budget is " + std::to_string(memory_budget) + ", but " +
                           std::to_string(expected_rows) + " rows of " + std::to_string(dim) +
                           " dimensions take at least " + std::to_string(least));
  }
  return OkStatus();
}

}  // namespace tessera

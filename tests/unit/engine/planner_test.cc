#include "index/engine/planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "index/engine/candidates.h"
#include "index/evaluation.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 16;

class PlannerTest : public CollectionTest {
 protected:
  void CreateFor(const QuantizerGoal& goal, bool auto_train = false) {
    CollectionSpec spec;
    spec.dim = kDim;
    spec.metric = Metric::kL2;
    spec.auto_train = auto_train;
    spec.goal = goal;
    auto made = catalog_->Create("c", spec);
    ASSERT_TRUE(made.ok()) << made.status();
    collection_ = *made;
  }
  std::string Refusal(const QuantizerGoal& goal) {
    CollectionSpec spec;
    spec.dim = kDim;
    spec.goal = goal;
    const auto made = catalog_->Create("c", spec);
    EXPECT_TRUE(absl::IsInvalidArgument(made.status())) << made.status();
    return MessageOf(made.status());
  }
  static bool Contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  const std::vector<float> rows_ = ClusteredRows(3000, kDim, 5);
};

TEST_F(PlannerTest, BytesPerVectorChoosesTheBestThatFits) {
  CreateFor({.bytes_per_vector = 6});
  Load(rows_, kDim);
  std::vector<std::string> stages;
  TrainOptions options;
  double last = 0;
  options.context.progress = [&](double fraction, const char* stage) {
    EXPECT_GE(fraction, last);
    last = fraction;
    if (stages.empty() || stages.back() != stage) stages.push_back(stage);
  };
  ASSERT_TRUE(collection_->Train(options).ok());
  EXPECT_EQ(stages.front(), "plan");
  const CollectionStats stats = collection_->Stats();
  EXPECT_LE(stats.memory.codes + stats.memory.corrections + stats.memory.refine, 6 * 3000u);
  EXPECT_GE(stats.memory.codes + stats.memory.corrections + stats.memory.refine, 5 * 3000u);
  const std::string chosen = collection_->spec().quantizer.ToString();
  EXPECT_TRUE(Contains(stats.plan, "bytes_per_vector 6: " + chosen + ", the best")) << stats.plan;
  EXPECT_TRUE(Contains(stats.plan, "* " + chosen)) << stats.plan;
  EXPECT_TRUE(Contains(stats.plan, "of 3000 rows")) << stats.plan;

  // No hand-picked spec of the size is much better.
  EvaluateOptions evaluate;
  for (const engine::Candidate& c : engine::Candidates(kDim, 6)) {
    evaluate.quantizers.push_back(c.spec);
  }
  evaluate.context.seed = 99;
  const auto measured = collection_->Evaluate(evaluate);
  ASSERT_TRUE(measured.ok()) << measured.status();
  double best = 0, ours = 0;
  for (const EvaluatedQuantizer& q : measured->quantizers) {
    best = std::max(best, q.refine.value);
    if (q.asked == chosen) ours = q.refine.value;
  }
  EXPECT_GE(ours, best - 0.02);
}

TEST_F(PlannerTest, ThePlanSurvivesReopeningAndIsMadeAgain) {
  CreateFor({.bytes_per_vector = 5});
  Load(rows_, kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  const std::string plan = collection_->Stats().plan;
  EXPECT_FALSE(plan.empty());
  Reopen();
  EXPECT_EQ(collection_->Stats().plan, plan);
  EXPECT_EQ(collection_->spec().goal, QuantizerGoal{.bytes_per_vector = 5});
  Load(ClusteredRows(500, kDim, 6), kDim, 10000);
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_TRUE(Contains(collection_->Stats().plan, "of 3500 rows")) << collection_->Stats().plan;
}

TEST_F(PlannerTest, AQuantizerGivenAtTrainingReplacesTheGoal) {
  CreateFor({.bytes_per_vector = 5});
  Load(rows_, kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  TrainOptions options;
  options.quantizer = *QuantizerSpec::Parse("IVF8,PQ2x8");
  ASSERT_TRUE(collection_->Train(options).ok());
  EXPECT_FALSE(collection_->spec().goal.given());
  EXPECT_EQ(collection_->Stats().plan, "");
  EXPECT_EQ(collection_->spec().quantizer.ToString(), "IVF8,PQ2x8");
}

TEST_F(PlannerTest, TheMemoryBudgetHoldsAllIn) {
  const std::vector<float> rows = ClusteredRows(1200, kDim, 5);
  for (const uint64_t bytes_each : {60u, 90u}) {
    CreateFor({.memory_budget = bytes_each * 1200, .expected_rows = 1200});
    Load(rows, kDim);
    ASSERT_TRUE(collection_->Train({}).ok());
    const CollectionStats stats = collection_->Stats();
    EXPECT_LE(stats.memory.total(), bytes_each * 1200) << stats.plan;
    EXPECT_GE(stats.memory.total(), bytes_each * 1200 / 2) << stats.plan;
    EXPECT_TRUE(Contains(stats.plan, "memory_budget")) << stats.plan;
    collection_.reset();
    ASSERT_TRUE(catalog_->Drop("c").ok());
  }
}

TEST_F(PlannerTest, TargetRecallTakesTheFewestBytes) {
  const auto bytes_for = [&](double target) -> uint64_t {
    CreateFor({.target_recall = target});
    Load(rows_, kDim);
    EXPECT_TRUE(collection_->Train({}).ok());
    const CollectionStats stats = collection_->Stats();
    EXPECT_TRUE(Contains(stats.plan, "the fewest bytes that reach it")) << stats.plan;
    EvaluateOptions evaluate;
    evaluate.quantizers = {collection_->spec().quantizer};
    evaluate.context.seed = 99;
    const auto measured = collection_->Evaluate(evaluate);
    EXPECT_TRUE(measured.ok()) << measured.status();
    EXPECT_GE(measured->quantizers[0].refine.value, target - 0.01);
    collection_.reset();
    EXPECT_TRUE(catalog_->Drop("c").ok());
    return (stats.memory.codes + stats.memory.corrections + stats.memory.refine) / 3000;
  };
  const uint64_t few = bytes_for(0.6);
  const uint64_t many = bytes_for(0.9);
  EXPECT_LT(few, many);
  EXPECT_LT(many, kDim + 9 + 16);
}

TEST_F(PlannerTest, ATargetOutOfReachIsToldAndTheBestTaken) {
  CreateFor({.target_recall = 0.9999});
  Load(ClusteredRows(1000, kDim, 5), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_TRUE(Contains(collection_->Stats().plan, "nothing reaches it")) << collection_->Stats().plan;
}

TEST_F(PlannerTest, GoalsThatCannotBeMetAreRefused) {
  EXPECT_TRUE(Contains(Refusal({.bytes_per_vector = 1}), "at least 2"));
  EXPECT_TRUE(Contains(Refusal({.bytes_per_vector = -3}), "bytes_per_vector"));
  EXPECT_TRUE(Contains(Refusal({.target_recall = 1}), "below 1"));
  EXPECT_TRUE(Contains(Refusal({.target_recall = -0.5}), "target_recall"));
  EXPECT_TRUE(Contains(Refusal({.memory_budget = 1000}), "expected_rows is missing"));
  EXPECT_TRUE(Contains(Refusal({.memory_budget = uint64_t{1} << 50, .expected_rows = uint64_t{1} << 33}), "at most 4294967295"));
  EXPECT_TRUE(Contains(Refusal({.bytes_per_vector = 8, .target_recall = 0.9}), "exclude each other"));
  const std::string message = Refusal({.memory_budget = 5000, .expected_rows = 1000});
  EXPECT_TRUE(Contains(message, "memory_budget is 5000, but 1000 rows of 16 dimensions take at least"))
      << message;
  // And the number it names is accepted.
  const uint64_t least = std::stoull(message.substr(message.rfind(' ') + 1));
  CreateFor({.memory_budget = least, .expected_rows = 1000});
}

TEST_F(PlannerTest, TooFewRowsToMeasure) {
  CreateFor({.bytes_per_vector = 8});
  Load(ClusteredRows(999, kDim, 5), kDim);
  const Status status = collection_->Train({});
  ASSERT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(Contains(MessageOf(status), "at least 1000 rows, there are 999")) << status;
}

TEST_F(PlannerTest, StopsBetweenCandidates) {
  CreateFor({.bytes_per_vector = 8});
  Load(rows_, kDim);
  const auto stop = std::make_shared<std::atomic<bool>>(false);
  TrainOptions options;
  options.context.stop = StopToken(StopToken::Clock::time_point::max(), stop);
  options.context.progress = [&](double fraction, const char*) { *stop = fraction > 0; };
  EXPECT_TRUE(absl::IsCancelled(collection_->Train(options)));
  EXPECT_EQ(collection_->Stats().generation.value, 0u);
  EXPECT_EQ(collection_->Stats().plan, "");
}

// The last figure of the finalists' lines of a plan, and the chosen one's.
struct Figures {
  std::vector<double> all;
  double chosen = -1;
};

Figures FinalFigures(const std::string& plan) {
  Figures figures;
  std::istringstream lines(plan);
  for (std::string line; std::getline(lines, line);) {
    const size_t second = line.rfind(" +- ");
    if (second == std::string::npos || line.find(" +- ") == second) continue;
    figures.all.push_back(std::stod(line.substr(line.rfind(' ', second - 1))));
    if (line[0] == '*') figures.chosen = figures.all.back();
  }
  return figures;
}

TEST_F(PlannerTest, WhereThereAreMoreRowsTheBestAreTriedOnThem) {
  const std::vector<float> rows = ClusteredRows(45000, kDim, 5);
  // One byte of code: all kinds are vector quantization, and as good.
  const engine::PlanInput input{{.bytes_per_vector = 2}, Metric::kL2, kDim, 45000, 0};
  ThreadPoolExecutor pool(2);
  TrainingContext context;
  double last = 0;
  context.progress = [&](double fraction, const char*) {
    EXPECT_GE(fraction, last);
    last = fraction;
  };
  const auto plan = engine::MakePlan(input, rows, pool, context);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(last, 1);
  EXPECT_TRUE(Contains(plan->text, "400 queries held out of a sample of 20400 of 45000 rows; the best again: 1000 "
                                   "queries, 45000 rows")) << plan->text;
  const Figures figures = FinalFigures(plan->text);
  ASSERT_GE(figures.all.size(), 2u) << plan->text;
  EXPECT_LE(figures.all.size(), 4u) << plan->text;
  EXPECT_GE(figures.chosen, *std::max_element(figures.all.begin(), figures.all.end()) - 0.0051) << plan->text;
}

// Where they are left on disk refine codes cost nothing, and the best recall has them.
TEST_F(PlannerTest, RefineCodesOnDiskAreNotCounted) {
  engine::PlanInput input{{.bytes_per_vector = 6}, Metric::kL2, kDim, 3000, 0};
  ThreadPoolExecutor pool(2);
  const auto in_memory = engine::MakePlan(input, rows_, pool, {});
  ASSERT_TRUE(in_memory.ok()) << in_memory.status();
  EXPECT_EQ(in_memory->spec.refine.kind, RecordKind::kNone) << in_memory->text;
  input.refine_on_disk = true;
  const auto on_disk = engine::MakePlan(input, rows_, pool, {});
  ASSERT_TRUE(on_disk.ok()) << on_disk.status();
  EXPECT_NE(on_disk->spec.refine.kind, RecordKind::kNone) << on_disk->text;
  input.goal = {.memory_budget = 120000, .expected_rows = 3000};
  const auto budget = engine::MakePlan(input, rows_, pool, {});
  ASSERT_TRUE(budget.ok()) << budget.status();
  EXPECT_NE(budget->spec.refine.kind, RecordKind::kNone) << budget->text;
}

// The seed and the rows decide, not the threads.
TEST_F(PlannerTest, TheSamePlanAtAnyNumberOfThreads) {
  const engine::PlanInput input{{.bytes_per_vector = 6}, Metric::kL2, kDim, 3000, 0};
  InlineExecutor one;
  ThreadPoolExecutor three(3);
  const auto a = engine::MakePlan(input, rows_, one, {});
  const auto b = engine::MakePlan(input, rows_, three, {});
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->text, b->text);
  EXPECT_EQ(a->spec, b->spec);
}

}  // namespace
}  // namespace tessera

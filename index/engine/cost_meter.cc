#include "index/engine/cost_meter.h"

#include <algorithm>

#include "index/base/thread_cpu.h"
#include "index/engine/search.h"

namespace tessera::engine {
namespace {

constexpr size_t kTurns = 5;
constexpr size_t kTurnQueries = 12;
constexpr double kTurnMicros = 20000;  // a dear setting's turn ends early
constexpr uint32_t kWanted = 10;
constexpr uint32_t kDepths[] = {10, 40, 160, 640};
constexpr uint32_t kMostRaw =
    160;  // each vector is a read of the store: the line through fewer is as good

double ThreadMicros() { return 1e6 * ThreadCpuSeconds(); }

struct Trial {
  SearchPlan plan;
  CostPoint point;
  std::vector<double> turns;  // us a query
};

// Every third nprobe of the grid and the last, with each tier and some depths.
std::vector<Trial> MakeTrials(const RecallGrid& grid) {
  std::vector<Trial> trials;
  const auto add = [&](size_t p, RerankTier tier, uint32_t depth) {
    Trial trial;
    trial.plan = {kWanted, grid.nprobe[p], tier, depth};
    trial.point = {static_cast<double>(grid.nprobe[p]), grid.rows_scanned[p], tier,
                   static_cast<double>(std::max(depth, kWanted))};
    trials.push_back(trial);
  };
  for (size_t p = 0; p < grid.nprobe.size(); ++p) {
    if (p % 3 != 0 && p + 1 != grid.nprobe.size()) continue;
    add(p, RerankTier::kNone, 0);
    for (const uint32_t depth : kDepths) {
      if (depth > grid.depths.back()) break;
      if (grid.refine) add(p, RerankTier::kRefine, depth);
      if (depth <= kMostRaw) add(p, RerankTier::kRaw, depth);
    }
  }
  return trials;
}

}  // namespace

Status MeasureCost(const Snapshot& snapshot, const store::Store& store,
                   const CalibrationQueries& queries, const StopToken& stop, RecallGrid& grid) {
  std::vector<Trial> trials = MakeTrials(grid);
  std::vector<RankedRow> ranked;
  size_t next = 0;
  const auto ask = [&](const SearchPlan& plan) {
    bool all_searched = false;
    QueryExplain explain;
    const float* q = queries.view().row(next++ % queries.size());
    return Search(snapshot, &store, q, plan, stop, ranked, all_searched, explain);
  };
  for (size_t turn = 0; turn < kTurns; ++turn) {
    for (Trial& trial : trials) {
      TESSERA_RETURN_IF_ERROR(ask(trial.plan));  // warms code and scratch, not lists
      const double begin = ThreadMicros();
      double spent = 0;
      size_t asked = 0;
      while (asked < kTurnQueries && spent < kTurnMicros) {
        TESSERA_RETURN_IF_ERROR(ask(trial.plan));
        ++asked;
        spent = ThreadMicros() - begin;
      }
      trial.turns.push_back(std::max(0.01, spent / static_cast<double>(asked)));
    }
  }
  std::vector<MeasuredCost> measured;
  for (Trial& trial : trials) {
    const auto middle = trial.turns.begin() + kTurns / 2;
    std::nth_element(trial.turns.begin(), middle, trial.turns.end());
    measured.push_back({trial.point, *middle});
  }
  grid.cost = FitCost(measured);
  return OkStatus();
}

}  // namespace tessera::engine

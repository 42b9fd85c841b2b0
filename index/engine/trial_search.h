// Searches of a trial with held-out queries, and where the true neighbours that they miss are lost.
#pragma once

#include <cstdint>
#include <vector>

#include "index/engine/held_out.h"
#include "index/engine/search_plan.h"
#include "index/engine/trial.h"
#include "index/evaluation.h"
#include "index/executor.h"

namespace tessera::engine {

// Borrows all; the rows of the trial are held.base, the truth is there.
class TrialSearch {
 public:
  TrialSearch(const Trial& trial, const HeldOut& held, Executor& executor, const StopToken& stop)
      : trial_(trial), held_(held), executor_(executor), stop_(stop) {}

  // With every list probed: fills codes, refine and scan_rows_per_second.
  Status MeasureAllLists(uint32_t rerank_depth, EvaluatedQuantizer& out) const;
  // nprobe, rerank_depth: 0 = what queries choose.
  StatusOr<EvaluatedSearch> Measure(uint32_t nprobe, uint32_t rerank_depth) const;

 private:
  // All queries searched in one way. Shares of the k true neighbours a query.
  struct Pass {
    std::vector<double> found;
    std::vector<double> unprobed;  // lost, as their lists were not probed
    double cpu_seconds = 0;
    double scan_cpu_seconds = 0;
    uint64_t rows_scanned = 0;
  };

  StatusOr<SearchPlan> Plan(uint32_t nprobe, RerankTier tier, uint32_t depth) const;
  StatusOr<Pass> Run(const SearchPlan& plan, bool by_raw) const;
  Status RunOne(size_t i, const SearchPlan& plan, bool by_raw, Pass& pass,
                QueryExplain& explain) const;
  double Found(size_t i, const std::vector<RankedRow>& rows, bool by_raw) const;
  double Unprobed(size_t i, uint32_t probes) const;
  bool has_refine() const { return trial_.snapshot.model->refine_bytes() > 0; }

  const Trial& trial_;
  const HeldOut& held_;
  Executor& executor_;
  const StopToken& stop_;
};

}  // namespace tessera::engine

#include "index/engine/search.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "index/engine/probe.h"
#include "index/engine/rank.h"

namespace tessera::engine {
namespace {

// So few rows are all visited, whatever their lists.
constexpr uint64_t kVisitedRows = 128;
// Times nprobe, for queries far from all that passes (README).
constexpr double kFarProbes = 3.5;

class Stopwatch {
 public:
  double LapMicros() {
    const auto now = std::chrono::steady_clock::now();
    const double us = std::chrono::duration<double, std::micro>(now - last_).count();
    last_ = now;
    return us;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

StatusOr<SearchPlan> PlanSearch(const QueryParams& params, const quant::Model& model,
                                uint32_t nlist) {
  SearchPlan plan;
  plan.wanted = params.limit + params.offset;
  plan.nprobe = params.nprobe > 0 ? params.nprobe : std::max<uint32_t>(8, nlist / 32);
  plan.nprobe = std::min(plan.nprobe, nlist);
  plan.rerank = params.rerank;
  const bool has_refine = model.refine_bytes() > 0;
  if (plan.rerank == RerankTier::kAuto)
    plan.rerank = has_refine ? RerankTier::kRefine : RerankTier::kRaw;
  if (plan.rerank == RerankTier::kRefine && !has_refine) {
    return FailedPrecondition("rerank: the model (" + model.spec.ToString() +
                              ") has no refine codes");
  }
  plan.float_tables = plan.rerank == RerankTier::kNone && model.record.empty();
  if (plan.rerank != RerankTier::kNone) {
    const uint32_t chosen = std::max<uint32_t>(100, 10 * plan.wanted);
    plan.adaptive = params.rerank_depth == 0;
    plan.depth = std::max(params.rerank_depth > 0 ? params.rerank_depth : chosen, plan.wanted);
  }
  return plan;
}

bool VisitsAll(const lists::RowMask& mask) { return mask.rows() <= kVisitedRows; }

void Restrict(const lists::RowMask& mask, uint64_t live_rows, SearchPlan& plan) {
  plan.mask = &mask;
  if (VisitsAll(mask)) {
    plan.nprobe = std::max(1u, mask.lists());
    return;
  }
  const double tens = std::log10(static_cast<double>(live_rows) / static_cast<double>(mask.rows()));
  const double probes = plan.nprobe * (1 + 0.5 * tens * tens);
  plan.far_nprobe = static_cast<uint32_t>(std::min<double>(kFarProbes * plan.nprobe, mask.lists()));
  plan.nprobe = static_cast<uint32_t>(std::min<double>(probes, mask.lists()));
}

Status Search(const Snapshot& snapshot, const store::Store* store, const float* q,
              const SearchPlan& plan, const StopToken& stop, std::vector<RankedRow>& out,
              bool& all_searched, QueryExplain& explain) {
  static thread_local QueryState state;
  static thread_local quant::CoarseScratch coarse;
  const quant::Model& model = *snapshot.model;
  Stopwatch watch;
  quant::TransformQuery(model, q, state.query);
  FindLists(snapshot, plan, plan.nprobe, coarse, state);
  explain.coarse_us += watch.LapMicros();
  if (model.record.empty()) quant::BuildQueryTables(model, state.query, state.tables);
  explain.tables_us += watch.LapMicros();
  StartScan(snapshot, plan, state);
  TESSERA_RETURN_IF_ERROR(ScanProbed(snapshot, 0, state.probed.size(), stop, state));
  TESSERA_ASSIGN_OR_RETURN(const uint32_t probes, Widen(snapshot, plan, stop, coarse, state));
  explain.lists_probed += probes;
  explain.rows_scanned += state.counts.rows_scanned;
  explain.scan_us += watch.LapMicros();
  all_searched = probes == AllLists(snapshot, plan);
  TESSERA_RETURN_IF_ERROR(Rank(snapshot, store, plan, q, state, stop, out, explain.rows_reranked));
  explain.rerank_us += watch.LapMicros();
  return OkStatus();
}

}  // namespace tessera::engine

#include "index/engine/trial_search.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "index/base/thread_cpu.h"
#include "index/engine/search.h"
#include "index/quant/coarse.h"
#include "index/quant/query.h"

namespace tessera::engine {
namespace {

constexpr size_t kTaskQueries = 16;
constexpr double kTwoSided95 = 1.959964;  // of the normal distribution

MeasuredShare Mean(const std::vector<double>& shares) {
  const auto n = static_cast<double>(shares.size());
  double sum = 0;
  for (const double share : shares) sum += share;
  const double mean = sum / n;
  double squares = 0;
  for (const double share : shares) squares += (share - mean) * (share - mean);
  const double deviation = n > 1 ? std::sqrt(squares / (n - 1)) : 0;
  return {mean, kTwoSided95 * deviation / std::sqrt(n)};
}

}  // namespace

StatusOr<SearchPlan> TrialSearch::Plan(uint32_t nprobe, RerankTier tier, uint32_t depth) const {
  QueryParams params;
  params.limit = held_.k;
  params.nprobe = nprobe;
  params.rerank = tier;
  params.rerank_depth = depth;
  return PlanSearch(params, *trial_.snapshot.model, trial_.snapshot.lists.nlist());
}

// A row as far as the k-th neighbour counts as found: which of them is listed is no merit.
double TrialSearch::Found(size_t i, const std::vector<RankedRow>& rows, bool by_raw) const {
  const float* query = held_.query_rows().row(i);
  const float worst = held_.truth[i].back().score;
  const size_t looked_at = by_raw ? rows.size() : std::min<size_t>(rows.size(), held_.k);
  size_t found = 0;
  for (size_t j = 0; j < looked_at; ++j) {
    const float* row = held_.base_rows().row(rows[j].row.value);
    const float score = quant::ExactScore(held_.metric, query, row, held_.dim);
    found += RanksBefore(held_.metric, worst, score) ? 0 : 1;
  }
  return static_cast<double>(std::min<size_t>(found, held_.k)) / held_.k;
}

double TrialSearch::Unprobed(size_t i, uint32_t probes) const {
  const Snapshot& snapshot = trial_.snapshot;
  if (probes >= snapshot.lists.nlist()) return 0;
  quant::TransformedQuery query;
  quant::CoarseScratch scratch;
  std::vector<quant::ProbedList> probed;
  quant::TransformQuery(*snapshot.model, held_.query_rows().row(i), query);
  quant::CoarseSearch(*snapshot.model, *snapshot.table, query, probes, scratch, probed);
  std::vector<bool> is_probed(snapshot.lists.nlist());
  for (const quant::ProbedList& list : probed) is_probed[list.list.value] = true;
  size_t lost = 0;
  for (const RankedRow& neighbour : held_.truth[i]) {
    lost += is_probed[trial_.lists[neighbour.row.value].value] ? 0 : 1;
  }
  return static_cast<double>(lost) / held_.k;
}

Status TrialSearch::RunOne(size_t i, const SearchPlan& plan, bool by_raw, Pass& pass,
                           QueryExplain& explain) const {
  std::vector<RankedRow> rows;
  bool all_searched = false;
  const uint32_t before = explain.lists_probed;
  TESSERA_RETURN_IF_ERROR(Search(trial_.snapshot, nullptr, held_.query_rows().row(i), plan, stop_,
                                 rows, all_searched, explain));
  pass.found[i] = Found(i, rows, by_raw);
  // A tie of the k-th neighbour may have been found in the place of one whose list was not probed.
  pass.unprobed[i] = std::min(Unprobed(i, explain.lists_probed - before), 1 - pass.found[i]);
  return OkStatus();
}

StatusOr<TrialSearch::Pass> TrialSearch::Run(const SearchPlan& plan, bool by_raw) const {
  const size_t n = held_.query_rows().rows();
  Pass pass;
  pass.found.resize(n);
  pass.unprobed.resize(n);
  std::mutex mutex;
  Status first_error;
  ParallelFor(executor_, n, kTaskQueries, [&](size_t begin, size_t end) {
    QueryExplain explain;
    Status status;
    double cpu = 0;
    for (size_t i = begin; i < end && status.ok(); ++i) {
      status = RunOne(i, plan, by_raw, pass, explain);
    }
    // Once more for the clock alone: what judges the answers is left out of it.
    std::vector<RankedRow> rows;
    bool all_searched = false;
    QueryExplain timed;
    const double start = ThreadCpuSeconds();
    for (size_t i = begin; i < end && status.ok(); ++i) {
      status = Search(trial_.snapshot, nullptr, held_.query_rows().row(i), plan, stop_, rows,
                      all_searched, timed);
    }
    cpu = ThreadCpuSeconds() - start;
    const double stages = timed.coarse_us + timed.tables_us + timed.scan_us + timed.rerank_us;
    std::lock_guard lock(mutex);
    if (!status.ok() && first_error.ok()) first_error = status;
    pass.cpu_seconds += cpu;
    pass.scan_cpu_seconds += stages > 0 ? cpu * timed.scan_us / stages : 0;
    pass.rows_scanned += timed.rows_scanned;
  });
  TESSERA_RETURN_IF_ERROR(first_error);
  return pass;
}

Status TrialSearch::MeasureAllLists(uint32_t rerank_depth, EvaluatedQuantizer& out) const {
  const uint32_t nlist = trial_.snapshot.lists.nlist();
  TESSERA_ASSIGN_OR_RETURN(const SearchPlan plan, Plan(nlist, RerankTier::kNone, 0));
  TESSERA_ASSIGN_OR_RETURN(const Pass codes, Run(plan, false));
  out.codes = Mean(codes.found);
  out.refine = out.codes;
  if (codes.scan_cpu_seconds > 0) {
    out.scan_rows_per_second = static_cast<double>(codes.rows_scanned) / codes.scan_cpu_seconds;
  }
  if (!has_refine()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const SearchPlan refine, Plan(nlist, RerankTier::kRefine, rerank_depth));
  TESSERA_ASSIGN_OR_RETURN(const Pass refined, Run(refine, false));
  out.refine = Mean(refined.found);
  return OkStatus();
}

StatusOr<EvaluatedSearch> TrialSearch::Measure(uint32_t nprobe, uint32_t rerank_depth) const {
  EvaluatedSearch out;
  TESSERA_ASSIGN_OR_RETURN(const SearchPlan plan, Plan(nprobe, RerankTier::kNone, 0));
  TESSERA_ASSIGN_OR_RETURN(const Pass codes, Run(plan, false));
  out.nprobe = plan.nprobe;
  out.codes = Mean(codes.found);
  out.refine = out.codes;
  out.probe_loss = Mean(codes.unprobed).value;
  out.code_loss = std::max(0.0, 1 - out.codes.value - out.probe_loss);
  const auto micros = [&](const Pass& pass) {
    return 1e6 * pass.cpu_seconds / static_cast<double>(pass.found.size());
  };
  out.query_cpu_us = micros(codes);
  if (has_refine()) {
    TESSERA_ASSIGN_OR_RETURN(const SearchPlan refine,
                             Plan(nprobe, RerankTier::kRefine, rerank_depth));
    TESSERA_ASSIGN_OR_RETURN(const Pass refined, Run(refine, false));
    out.refine = Mean(refined.found);
    out.query_cpu_us = micros(refined);
  }
  // The candidates of the codes, as many as raw vectors would be read.
  TESSERA_ASSIGN_OR_RETURN(SearchPlan raw, Plan(nprobe, RerankTier::kRaw, rerank_depth));
  out.rerank_depth = raw.depth;
  raw.wanted = raw.depth;
  raw.rerank = RerankTier::kNone;
  TESSERA_ASSIGN_OR_RETURN(const Pass by_raw, Run(raw, true));
  out.raw = Mean(by_raw.found);
  return out;
}

}  // namespace tessera::engine

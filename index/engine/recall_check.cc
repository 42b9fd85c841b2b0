#include "index/engine/recall_check.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "index/engine/exact_search.h"
#include "index/quant/coarse.h"

namespace tessera::engine {
namespace {

constexpr uint32_t kTies = 16;  // rows as near as the last true neighbour that are accepted for it

// Which of the missing rows were in lists that the query did not probe.
StatusOr<size_t> CountUnprobed(const Core& core, const AnsweredQuery& query,
                               const std::vector<RowId>& missing) {
  const Snapshot& snapshot = *query.snapshot;
  quant::TransformedQuery transformed;
  quant::CoarseScratch coarse;
  std::vector<quant::ProbedList> probed;
  quant::TransformQuery(*snapshot.model, query.query.data(), transformed);
  quant::CoarseSearch(*snapshot.model, *snapshot.table, transformed, query.nprobe, coarse, probed);
  TESSERA_ASSIGN_OR_RETURN(
      const auto lists, core.store->GetAssigns(snapshot.generation, missing, snapshot.store.get()));
  size_t unprobed = 0;
  for (const auto& list : lists) {
    if (!list) continue;
    unprobed += std::none_of(probed.begin(), probed.end(),
                             [&](const quant::ProbedList& p) { return p.list == *list; });
  }
  return unprobed;
}

// truth: the nearest rows, best first, its own left out, kTies more than wanted if there are.
Status Judge(const Core& core, const AnsweredQuery& query, const std::vector<RankedRow>& truth) {
  const size_t k = std::min<size_t>(query.wanted, truth.size());
  if (k == 0) return OkStatus();
  const auto is_found = [&](RowId row) {
    return std::find(query.found.begin(), query.found.end(), row) != query.found.end();
  };
  size_t hits = 0;
  for (const RankedRow& row : truth) {
    if (RanksBefore(core.metric, truth[k - 1].score, row.score)) break;
    hits += is_found(row.row);
  }
  hits = std::min(hits, k);
  std::vector<RowId> missing;
  for (size_t i = 0; i < k && missing.size() < k - hits; ++i) {
    if (!is_found(truth[i].row)) missing.push_back(truth[i].row);
  }
  TESSERA_ASSIGN_OR_RETURN(const size_t unprobed, CountUnprobed(core, query, missing));
  const auto share = [&](size_t n) { return static_cast<float>(n) / static_cast<float>(k); };
  core.live_recall.Record(query.snapshot->generation,
                          {share(hits), share(unprobed), share(k - hits - unprobed)}, query.wanted);
  return OkStatus();
}

// Queries [begin, end) of one snapshot.
Status CheckGroup(const Core& core, const std::vector<AnsweredQuery>& queries, size_t begin,
                  size_t end, const StopToken& stop) {
  std::vector<float> vectors;
  uint32_t k = 0;
  for (size_t i = begin; i < end; ++i) {
    vectors.insert(vectors.end(), queries[i].query.begin(), queries[i].query.end());
    k = std::max(k, queries[i].wanted);
  }
  InlineExecutor here;  // the compute threads are for searches
  std::vector<std::vector<RankedRow>> ranked;
  TESSERA_RETURN_IF_ERROR(ExactSearch(*queries[begin].snapshot, core.store.get(), core.metric,
                                      {vectors.data(), end - begin, core.dim}, k + kTies + 1, here,
                                      stop, ranked));
  for (size_t i = begin; i < end; ++i) {
    std::vector<RankedRow>& truth = ranked[i - begin];
    std::erase_if(truth, [&](const RankedRow& r) { return r.row == queries[i].left_out; });
    TESSERA_RETURN_IF_ERROR(Judge(core, queries[i], truth));
  }
  return OkStatus();
}

// One round of what waits; then again behind what else the background has to do.
void CheckWaiting(const std::shared_ptr<const Core>& core) {
  const Pass pass(core->gate);
  if (!pass) return;
  std::vector<AnsweredQuery> queries = core->live_recall.TakeAll();
  if (queries.empty()) return;
  const StopToken stop(StopToken::Clock::time_point::max(), {core, &core->closing});
  for (size_t begin = 0; begin < queries.size();) {
    size_t end = begin + 1;
    while (end < queries.size() && queries[end].snapshot == queries[begin].snapshot) ++end;
    // A failure leaves these out of the estimate; what failed shows where it matters.
    (void)CheckGroup(*core, queries, begin, end, stop);
    begin = end;
  }
  queries.clear();
  core->options.background->Post([core] { CheckWaiting(core); });
}

}  // namespace

void WatchRecall(const Core& core, AnsweredQuery query) {
  if (core.live_recall.Add(std::move(query), core.training || core.tuning)) {
    core.options.background->Post([self = core.shared_from_this()] { CheckWaiting(self); });
  }
}

}  // namespace tessera::engine

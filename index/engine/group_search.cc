// SearchGroup: many queries prepared together, scanned query by query or (table codes) list by
// list.
#include <algorithm>
#include <span>

#include "index/base/prefetch.h"
#include "index/engine/probe.h"
#include "index/engine/rank.h"
#include "index/engine/search.h"

namespace tessera::engine {
namespace {

// One query's turn at one list.
struct Visit {
  uint32_t list;
  uint32_t query;  // of the group
  uint32_t probe;  // into the query's probed lists
};

// Kept for the next group on this thread.
struct GroupScratch {
  std::vector<QueryState> states;
  std::vector<quant::TransformedQuery*> transformed;
  std::vector<std::vector<quant::ProbedList>*> probed;
  quant::CoarseScratch coarse;
  std::vector<uint32_t> begins;  // of each list's visits
  std::vector<Visit> visits;
  std::vector<Visit> visitors;  // of the list at hand, without those that can skip it
  std::vector<lists::BlockRef> blocks;
  std::vector<RankedRow> rows;
};

// The queries of a group and the lists that they probe.
class Group {
 public:
  Group(const Snapshot& snapshot, const SearchPlan& plan, const StopToken& stop,
        GroupScratch& scratch)
      : snapshot_(snapshot), plan_(plan), stop_(stop), s_(scratch) {}

  // Transforms the queries, finds their lists, builds their tables: some of them at a time, so that
  // rotation and centroids are read once for these.
  void Prepare(MatrixView<const float> queries) {
    queries_ = queries.rows();
    if (s_.states.size() < queries_) s_.states.resize(queries_);
    s_.transformed.clear();
    s_.probed.clear();
    for (size_t i = 0; i < queries_; ++i) {
      s_.transformed.push_back(&s_.states[i].query);
      s_.probed.push_back(&s_.states[i].probed);
    }
    quant::TransformQueries(*snapshot_.model, queries, s_.transformed);
    if (!plan_.mask) {
      quant::CoarseSearchBatch(*snapshot_.model, *snapshot_.table, s_.transformed, plan_.nprobe,
                               s_.coarse, s_.probed);
    }
    for (QueryState& state : states()) {
      if (plan_.mask) FindLists(snapshot_, plan_, plan_.nprobe, s_.coarse, state);
      if (snapshot_.model->record.empty()) {
        quant::BuildQueryTables(*snapshot_.model, state.query, state.tables);
      }
      StartScan(snapshot_, plan_, state);
    }
  }

  // Fills the TopK of every state, by way of their nearest lists.
  Status ScanByList() {
    for (QueryState& state : states()) {
      const size_t own = std::min(kOwnLists, state.probed.size());
      TESSERA_RETURN_IF_ERROR(ScanProbed(snapshot_, 0, own, stop_, state));
    }
    SortVisits();
    for (size_t begin = 0; begin < s_.visits.size();) {
      size_t end = begin + 1;
      while (end < s_.visits.size() && s_.visits[end].list == s_.visits[begin].list) ++end;
      if (end < s_.visits.size()) FetchList(s_.visits[end].list);
      TESSERA_RETURN_IF_ERROR(stop_.Check());
      ScanList({s_.visits.data() + begin, end - begin});
      begin = end;
    }
    return OkStatus();
  }

  std::span<QueryState> states() { return {s_.states.data(), queries_}; }

 private:
  // Each query scans its nearest lists by itself: they give it a threshold that spares most of the
  // rest.
  static constexpr size_t kOwnLists = 2;
  // Codes that stay in the L1 cache while the queries of a list take turns.
  static constexpr size_t kTileBytes = 24 * 1024;

  // All visits but those made already, by list (a counting sort).
  void SortVisits() {
    s_.begins.assign(size_t{snapshot_.lists.nlist()} + 1, 0);
    for (const QueryState& state : states()) {
      for (size_t p = kOwnLists; p < state.probed.size(); ++p)
        ++s_.begins[state.probed[p].list.value + 1];
    }
    for (size_t l = 1; l < s_.begins.size(); ++l) s_.begins[l] += s_.begins[l - 1];
    s_.visits.resize(s_.begins.back());
    for (size_t q = 0; q < queries_; ++q) {
      const auto& probed = s_.states[q].probed;
      for (size_t p = kOwnLists; p < probed.size(); ++p) {
        s_.visits[s_.begins[probed[p].list.value]++] = {
            probed[p].list.value, static_cast<uint32_t>(q), static_cast<uint32_t>(p)};
      }
    }
  }

  void FetchList(uint32_t list) const {
    if (const lists::List* next = snapshot_.lists.list(ListId{list})) Prefetch(next);
  }

  // All visits of one list.
  void ScanList(std::span<const Visit> visits) {
    const lists::List* list = snapshot_.lists.list(ListId{visits[0].list});
    if (!list) return;
    const lists::RowMask* mask = plan_.mask;
    const ListId id{visits[0].list};
    size_t kept = 0;
    s_.visitors.resize(visits.size());
    for (const Visit& visit : visits) {
      QueryState& state = s_.states[visit.query];
      state.counts.live_rows += mask ? mask->rows(id) : list->live_rows;
      if (state.scanner.CanSkip(state.probed[visit.probe], list->lowest_correction)) {
        ++state.counts.lists_skipped;
        continue;
      }
      state.counts.rows_scanned += mask ? mask->rows(id) : list->rows;
      s_.visitors[kept++] = visit;
    }
    if (kept == 0) return;
    s_.blocks.clear();
    lists::ListBlocks(*list, id, mask, s_.blocks);
    const size_t block_bytes = lists::kBlockRows * (snapshot_.lists.layout().code_bytes + 1);
    const size_t tile = std::max<size_t>(1, kTileBytes / block_bytes);
    for (size_t b = 0; b < s_.blocks.size(); b += tile) {
      const std::span<const lists::BlockRef> blocks(s_.blocks.data() + b,
                                                    std::min(tile, s_.blocks.size() - b));
      for (const lists::BlockRef& at : blocks) {
        PrefetchRange(at.block, at.block->data_bytes(snapshot_.lists.layout().code_bytes));
      }
      for (size_t v = 0; v < kept; ++v) {
        QueryState& state = s_.states[s_.visitors[v].query];
        state.scanner.ScanBlocks(blocks, s_.visitors[v].probe,
                                 state.probed[s_.visitors[v].probe]);
      }
    }
  }

  const Snapshot& snapshot_;
  const SearchPlan& plan_;
  const StopToken& stop_;
  GroupScratch& s_;
  size_t queries_ = 0;
};

}  // namespace

Status SearchGroup(const Snapshot& snapshot, const store::Store* store,
                   MatrixView<const float> queries, const SearchPlan& plan, const StopToken& stop,
                   ScanOrder order, const GroupResult& result) {
  // Query by query, few are prepared at a time, so that their tables stay in the L2 cache.
  constexpr size_t kPrepared = 16;
  static thread_local GroupScratch scratch;
  Group group(snapshot, plan, stop, scratch);
  const size_t tile = order == ScanOrder::kByList ? queries.rows() : kPrepared;
  uint64_t reranked = 0;
  for (size_t begin = 0; begin < queries.rows(); begin += tile) {
    group.Prepare(queries.Slice(begin, std::min(tile, queries.rows() - begin)));
    if (order == ScanOrder::kByList) TESSERA_RETURN_IF_ERROR(group.ScanByList());
    for (size_t i = 0; i < group.states().size(); ++i) {
      QueryState& state = group.states()[i];
      if (order == ScanOrder::kByQuery) {
        TESSERA_RETURN_IF_ERROR(ScanProbed(snapshot, 0, state.probed.size(), stop, state));
      }
      TESSERA_ASSIGN_OR_RETURN(const uint32_t probes,
                               Widen(snapshot, plan, stop, scratch.coarse, state));
      TESSERA_RETURN_IF_ERROR(
          Rank(snapshot, store, plan, queries.row(begin + i), state, stop, scratch.rows, reranked));
      TESSERA_RETURN_IF_ERROR(result(begin + i, scratch.rows, probes == AllLists(snapshot, plan)));
    }
  }
  return OkStatus();
}

}  // namespace tessera::engine

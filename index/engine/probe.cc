#include "index/engine/probe.h"

#include <algorithm>

#include "index/simd/kernels.h"

namespace tessera::engine {

void StartScan(const Snapshot& snapshot, const SearchPlan& plan, QueryState& state) {
  const quant::Model& model = *snapshot.model;
  state.top.Reset(plan.candidates());
  state.counts = {};
  if (!model.record.empty()) {
    state.records.Start(model, *snapshot.table, state.query, state.top, plan.mask);
    return;
  }
  state.scanner.Start({&simd::ActiveKernels(), &state.tables, model.code_bytes(), model.code.scan_bits(),
                       model.correction_step, plan.mask},
                      state.top);
}

Status ScanProbed(const Snapshot& snapshot, size_t first, size_t last, const StopToken& stop,
                  QueryState& state) {
  if (!snapshot.model->record.empty()) {
    return state.records.Scan(snapshot.lists, state.probed, first, last, stop, state.counts);
  }
  return state.scanner.Scan(snapshot.lists, state.probed, first, last, stop, state.counts);
}

uint32_t AllLists(const Snapshot& snapshot, const SearchPlan& plan) {
  return plan.mask ? plan.mask->lists() : snapshot.lists.nlist();
}

void FindLists(const Snapshot& snapshot, const SearchPlan& plan, uint32_t probes,
               quant::CoarseScratch& coarse, QueryState& state) {
  const uint32_t nlist = snapshot.lists.nlist();
  uint64_t wanted = probes;
  for (uint64_t asked = probes;; asked *= 2) {
    asked = std::min<uint64_t>(asked, nlist);
    quant::CoarseSearch(*snapshot.model, *snapshot.table, state.query, static_cast<uint32_t>(asked), coarse,
                        state.probed);
    if (!plan.mask) return;
    const size_t empty = std::erase_if(
        state.probed, [&](const quant::ProbedList& p) { return plan.mask->rows(p.list) == 0; });
    // Where the nearest lists have no passing rows the query is far from all that pass, and lists differ little in how
    // far: more of them are looked at.
    if (asked == probes && plan.far_nprobe > probes) {
      wanted += std::min<uint64_t>(2 * empty, plan.far_nprobe - probes);
    }
    if (state.probed.size() >= wanted || asked == nlist) break;
  }
  if (state.probed.size() > wanted) state.probed.resize(wanted);
}

// From the start each time: with more lists asked for, the nearest ones may be others.
StatusOr<uint32_t> Widen(const Snapshot& snapshot, const SearchPlan& plan, const StopToken& stop,
                         quant::CoarseScratch& coarse, QueryState& state) {
  const uint32_t all = AllLists(snapshot, plan);
  uint32_t probes = std::min(plan.nprobe, all);
  while (state.counts.live_rows < plan.wanted && probes < all) {
    probes = static_cast<uint32_t>(std::min<uint64_t>(all, uint64_t{probes} * 2));
    FindLists(snapshot, plan, probes, coarse, state);
    StartScan(snapshot, plan, state);
    TESSERA_RETURN_IF_ERROR(ScanProbed(snapshot, 0, state.probed.size(), stop, state));
  }
  state.top.Finish();
  return probes;
}

}  // namespace tessera::engine

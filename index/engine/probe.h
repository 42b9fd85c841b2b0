// The scan of one query's probed lists.
#pragma once

#include <cstddef>

#include "index/engine/search_plan.h"
#include "index/engine/snapshot.h"
#include "index/status.h"

namespace tessera::engine {

// Empties the candidates and the counts of `state`; its query is transformed, its tables (of table
// codes) are built.
void StartScan(const Snapshot& snapshot, const SearchPlan& plan, QueryState& state);

// Of a search without a mask the `probes` nearest lists, of one with a mask the nearest of those that have rows of
// it; all if they are fewer. Into state.probed, nearest first. The query is transformed.
void FindLists(const Snapshot& snapshot, const SearchPlan& plan, uint32_t probes,
               quant::CoarseScratch& coarse, QueryState& state);
// Lists that FindLists may find.
uint32_t AllLists(const Snapshot& snapshot, const SearchPlan& plan);

// Scans state.probed[first, last).
Status ScanProbed(const Snapshot& snapshot, size_t first, size_t last, const StopToken& stop,
                  QueryState& state);

// While fewer than plan.wanted live rows were in the lists: probes twice as many, until there are
// no more. Finishes state.top. Returns how many lists were probed.
StatusOr<uint32_t> Widen(const Snapshot& snapshot, const SearchPlan& plan, const StopToken& stop,
                         quant::CoarseScratch& coarse, QueryState& state);

}  // namespace tessera::engine

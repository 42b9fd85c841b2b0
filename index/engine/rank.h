// Candidates of a scan -> the final rows, by codes, refine records or raw vectors.
#pragma once

#include <vector>

#include "index/engine/search_plan.h"
#include "index/engine/snapshot.h"
#include "index/status.h"

namespace tessera::engine {

// Scores the candidates of `state` (state.top is finished) in the way of plan.rerank and returns
// the best plan.wanted of them, best first, ties by row. q: as sent, normalised under cosine.
// reranked grows by the candidates that were scored again. DataLoss if a raw vector, or a
// refine record that is on disk, is missing. `store` may be null where nothing is read from it.
// Uses thread-local scratch.
Status Rank(const Snapshot& snapshot, const store::Store* store, const SearchPlan& plan,
            const float* q, const QueryState& state, const StopToken& stop,
            std::vector<RankedRow>& out, uint64_t& reranked);

// The key of a candidate by the tables in float: smaller is better. state: of the search that found it;
// place: of the row, in `chunk`; scratch: reused from call to call.
uint32_t TableKey(const quant::Model& model, const QueryState& state, const lists::Chunk& chunk,
                  const lists::Place& place, std::vector<uint8_t>& scratch);

}  // namespace tessera::engine

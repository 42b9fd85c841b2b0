// A query on a trained snapshot: coarse search, tables, scan, rerank.
#pragma once

#include <cstdint>
#include <vector>

#include "index/collection.h"
#include "index/engine/snapshot.h"
#include "index/status.h"

namespace tessera::engine {

// A result row, before ids and vectors are fetched.
struct RankedRow {
  float score = 0;
  RowId row;
  bool exact = false;
  bool string_id = true;  // the id has to be fetched
  uint64_t number = 0;    // else this is it
};

// Parameters with all choices made.
struct SearchPlan {
  uint32_t wanted = 10;  // limit + offset
  uint32_t nprobe = 1;
  RerankTier rerank = RerankTier::kNone;  // never kAuto
  uint32_t depth = 0;
};
// FailedPrecondition if a tier is asked for that the model lacks.
StatusOr<SearchPlan> PlanSearch(const QueryParams& params, const quant::Model& model, uint32_t nlist);

// The best `plan.wanted` rows of the snapshot for query q (dim floats, normalised under cosine), best first,
// ties by row. Widens the probing until that many are found or all lists were searched; `all_searched` tells
// which. Uses thread-local scratch.
Status Search(const Snapshot& snapshot, const store::Store& store, const float* q, const SearchPlan& plan,
              const StopToken& stop, std::vector<RankedRow>& out, bool& all_searched, QueryExplain& explain);

}  // namespace tessera::engine

// Queries on a trained snapshot: coarse search, tables, scan, rerank. One at a time, or many list
// by list.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "index/collection.h"
#include "index/engine/search_plan.h"
#include "index/engine/snapshot.h"
#include "index/status.h"

namespace tessera::engine {

// FailedPrecondition if a tier is asked for that the model lacks.
StatusOr<SearchPlan> PlanSearch(const QueryParams& params, const quant::Model& model,
                                uint32_t nlist);

// Whether so few rows pass that all of them are looked at, whatever their lists.
bool VisitsAll(const lists::RowMask& mask);

// Looks at the rows of `mask` alone, which outlives the plan, and at more lists than without it: the fewer rows, the
// farther their nearest ones. On SIFT 1M with 1,024 lists the lists of 97 % of the 10 nearest were among the 31, 40, 82 and
// 182 nearest when all, a tenth, a hundredth and a thousandth of the rows took part. Very few rows are all visited.
void Restrict(const lists::RowMask& mask, uint64_t live_rows, SearchPlan& plan);

// The best `plan.wanted` rows of the snapshot for query q (dim floats, normalised under cosine),
// best first, ties by row. Widens the probing until that many are found or all lists were searched;
// `all_searched` tells which. `store` may be null but for RerankTier::kRaw. Uses thread-local
// scratch.
Status Search(const Snapshot& snapshot, const store::Store* store, const float* q,
              const SearchPlan& plan, const StopToken& stop, std::vector<RankedRow>& out,
              bool& all_searched, QueryExplain& explain);

// Queries that are scanned list by list together, some 12 KiB each: the more, the oftener the codes
// of a list are used.
inline constexpr size_t kGroupQueries = 1024;
// By list: the codes of a list are read from memory once for all queries that probe it. Not for
// codes that are records.
enum class ScanOrder : uint8_t { kByQuery, kByList };
// Called once for each query i of a group, in order.
using GroupResult =
    std::function<Status(size_t i, std::vector<RankedRow>& rows, bool all_searched)>;

// The same results for several queries (by list up to kGroupQueries), whose rotation and coarse
// search read their matrices once for some of them. Uses thread-local scratch.
Status SearchGroup(const Snapshot& snapshot, const store::Store* store,
                   MatrixView<const float> queries, const SearchPlan& plan, const StopToken& stop,
                   ScanOrder order, const GroupResult& result);

}  // namespace tessera::engine

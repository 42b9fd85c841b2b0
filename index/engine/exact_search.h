// Comparison with every raw vector: the answer of untrained collections, and the engine's own ground truth.
#pragma once

#include <vector>

#include "index/deadline.h"
#include "index/engine/search.h"
#include "index/engine/snapshot.h"
#include "index/executor.h"
#include "index/filter/row_set.h"
#include "index/status.h"

namespace tessera::engine {

// The exact best k rows for each query (n x dim, normalised under cosine), ties by row. One pass over the
// rows for all queries: batches are filtered by GEMM with a bound on its rounding, and what passes is scored
// by direct difference, so that results do not depend on the batch. Untrained snapshots are read from memory,
// others from the store's view, both in parallel over `executor`. `store` may be null for untrained ones. With `rows`
// only these are compared: few of them are fetched one by one.
Status ExactSearch(const Snapshot& snapshot, const store::Store* store, Metric metric,
                   MatrixView<const float> queries, size_t k, Executor& executor, const StopToken& stop,
                   std::vector<std::vector<RankedRow>>& out, const filter::RowSet* rows = nullptr);

}  // namespace tessera::engine

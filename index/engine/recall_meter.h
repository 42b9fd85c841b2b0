// Recall of one snapshot at a whole grid of parameters, from one scan a query.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/deadline.h"
#include "index/engine/recall_grid.h"
#include "index/engine/snapshot.h"
#include "index/executor.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

// Prepared queries (normalised under cosine) and, if they are rows of the collection, their own row
// ids.
struct CalibrationQueries {
  uint32_t dim = 0;
  std::vector<float> vectors;  // size() x dim
  std::vector<RowId> self;     // empty, or size()

  size_t size() const { return dim == 0 ? 0 : vectors.size() / dim; }
  MatrixView<const float> view() const { return {vectors.data(), size(), dim}; }
};

// One of a query's nearest rows. Bit b of `buckets`: among the kRecallBuckets[b] nearest; rows as
// near as the last of these count too, as far as 28 more were looked at.
struct TrueNeighbor {
  RowId row;
  uint32_t buckets = 0;
};
using Truth = std::vector<std::vector<TrueNeighbor>>;  // by query

// By exact search over `executor`. The queries' own rows are left out.
StatusOr<Truth> FindTruth(const Snapshot& snapshot, const store::Store& store,
                          const CalibrationQueries& queries, Executor& executor,
                          const StopToken& stop);

// The fewest lists that hold 99.95 % of the true neighbours, in probing order.
StatusOr<uint32_t> MostProbes(const Snapshot& snapshot, const CalibrationQueries& queries,
                              const Truth& truth, Executor& executor, const StopToken& stop);

// Fills cells and rows_scanned of `grid`, whose axes, `refine` and `queries` are set. Each query
// scans its lists once, nearest first; after each nprobe of the grid the candidates so far are
// ranked in all forms. Raw vectors are not read: by exact scores a true neighbour among the candidates is always among
// the k best. Refine records are, where they are on disk: DataLoss as Rank. Results do not depend on the number of threads.
Status MeasureGrid(const Snapshot& snapshot, const store::Store& store, const CalibrationQueries& queries,
                   const Truth& truth, Executor& executor, const StopToken& stop, RecallGrid& grid);

}  // namespace tessera::engine

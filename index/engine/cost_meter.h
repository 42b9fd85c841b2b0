// Processor time of queries, measured for the cost model.
#pragma once

#include <vector>

#include "index/deadline.h"
#include "index/engine/recall_grid.h"
#include "index/engine/recall_meter.h"
#include "index/engine/snapshot.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

// Fits grid.cost to the time of queries as they are served, one at a time on the calling thread
// (CLOCK_THREAD_CPUTIME_ID), at some settings of the grid's axes. The settings take turns, so that
// a slow moment falls on all of them, and each turn has other queries, so that no setting finds its
// lists in a warm cache; medians of the turns. Precondition: rows_scanned is filled.
Status MeasureCost(const Snapshot& snapshot, const store::Store& store,
                   const CalibrationQueries& queries, const StopToken& stop, RecallGrid& grid);

}  // namespace tessera::engine

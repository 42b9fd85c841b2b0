// From result rows to the two charts.
#pragma once

#include <string>
#include <vector>

#include "bench/plot/chart.h"
#include "bench/plot/results.h"
#include "index/status.h"

namespace tessera::bench {

struct PlotChoice {
  std::string data;  // data set; empty: the only one there is
  std::string mode = "single";
  std::string threads = "1";
  bool cpu_time = false;  // QPS of CPU time instead of wall time
  // For many indexes: one series an engine and form of rerank in both charts, with a line along the
  // Pareto front; bytes are those of codes, corrections and, where they rerank, refine codes.
  bool fronts = false;
};

// Both: InvalidArgument if no row fits the choice, or if the rows are of several data sets and the
// choice names none.

// Recall@10 across, QPS up (logarithmic); one series for each engine, index and form of rerank. The
// line joins the settings that no other of the series beats in both, the others are faint.
StatusOr<Chart> SpeedChart(const std::vector<Result>& results, const PlotChoice& choice);

// Bytes a vector across, the best recall@10 up; one series for each engine and form of rerank, one
// marker for each index. Rows without recall are passed over.
StatusOr<Chart> BytesChart(const std::vector<Result>& results, const PlotChoice& choice);

// Splits points into those that no other has both a higher x and a higher y than, by ascending x,
// and the others. Of equal points one is kept.
void SplitFrontier(std::vector<Point> points, std::vector<Point>& frontier,
                   std::vector<Point>& others);

}  // namespace tessera::bench

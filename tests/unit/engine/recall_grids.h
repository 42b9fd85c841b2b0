// Grids with a known shape.
#pragma once

#include <cmath>

#include "index/engine/recall_grid.h"

namespace tessera::engine {

// Recall = (1 - 1 / (1 + nprobe)) * (1 - k / (k + 4 depth)) for the tiers that rerank, 0.6 of the
// first factor for codes alone. A list has 100 rows of 1 ns, a refine code 20 ns, a raw vector 1
// us.
inline RecallGrid ExampleGrid(bool refine = true) {
  RecallGrid grid;
  grid.generation = Generation{3};
  grid.rows = 100000;
  grid.next_row = 100500;
  grid.nlist = 1024;
  grid.source = CalibrationSource::kGiven;
  grid.queries = 5000;
  grid.unix_ms = 1764000000000;
  grid.nprobe = ProbeGrid(1000);
  for (const uint32_t n : grid.nprobe) grid.rows_scanned.push_back(100.0f * static_cast<float>(n));
  grid.depths = DepthGrid(grid.rows);
  grid.refine = refine;
  grid.cost.weights = {10, 0.02, 0.001, 0, 0, 1, 0.02, 5, 1};
  grid.cells.resize(grid.forms() * grid.nprobe.size() * kRecallBuckets.size());
  for (size_t f = 0; f < grid.forms(); ++f) {
    for (size_t p = 0; p < grid.nprobe.size(); ++p) {
      for (size_t b = 0; b < kRecallBuckets.size(); ++b) {
        const RankForm form = grid.form(f);
        const double k = kRecallBuckets[b];
        double recall = 1 - 1.0 / (1 + grid.nprobe[p]);
        recall *= form.tier == RerankTier::kNone ? 0.6 : 1 - k / (k + 4.0 * form.depth);
        if (form.tier != RerankTier::kNone && form.depth < k) recall = 0;
        grid.cells[grid.index(f, p, b)] = {static_cast<float>(recall),
                                           static_cast<float>(recall * (1 - recall) / 3)};
      }
    }
  }
  return grid;
}

}  // namespace tessera::engine

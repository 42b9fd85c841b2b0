// Centroids for the rows of some lists that are given up for them.
#pragma once

#include <vector>

#include "index/quant/model.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::engine {

struct NewLists {
  std::vector<float> centroids;  // k x dim
  std::vector<float> scales;     // k, as quant::MeasureListScales; empty if `unit` was 0
};

// k-means of rows (n x dim, rotated and centred) with at most k centroids: without those that fewer than `least` rows
// are nearest to, as where rows are equal, or far from all others. unit: the mean square of residuals that have scale 1.
// limit: of a residual's square, 0 = none (quant::Model::residual_limit). Precondition: 1 <= k <= n.
StatusOr<NewLists> Recluster(MatrixView<const float> rows, uint32_t k, size_t least, double unit, double limit);

// The mean square of what the model's table codes decode to, over codes drawn at random: of residuals over their
// list's scale it is about that. 0 if the model has no scales of lists.
double ScaleUnit(const quant::Model& model);

}  // namespace tessera::engine

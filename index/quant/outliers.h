// Rows that lie very far from nearly all others (garbage, mostly). A few in a thousand of them
// would take centroids and rotation for themselves and widen the ranges that bytes share out:
// codebooks, tables, corrections.
//
// Training finds them twice. Rows more than twice as far from the mean as 39 of 40 are left out of
// the centroids and get some of their own; residuals of more than one and a half times the length
// of 39 of 40 are drawn in to that length, in training and in every row that is encoded. A row that
// was drawn in keeps its direction: to near queries it is far away, to a query beyond, on its side,
// it is nearer than the other rows of its list. Records that scale with their row are made of the
// residual as it is. Not under inner product, where long rows are what queries look for.
#pragma once

#include <cstdint>
#include <vector>

#include "index/executor.h"
#include "index/quant/estimator.h"
#include "index/types.h"

namespace tessera::quant {

struct FarRows {
  std::vector<float> mean;     // of the others; of all rows if none is far
  std::vector<uint32_t> near;  // rows of the sample, ascending; empty if none is far
  std::vector<uint32_t> far;
};
// Precondition: at least one row. Inner product: the mean alone.
FarRows FindFarRows(MatrixView<const float> sample, Metric metric, Executor& executor);

// The squared length beyond which residuals (dense rows), with their tails if there are any, are drawn in: 2.25 times
// what 39 of 40 do not exceed. 0 = none is.
float LimitOf(MatrixView<const float> residuals, const std::vector<RowTail>& tails = {});

// Shortens a residual of dim floats and its tail (RowTail::energy), which are of one vector, to a squared length of
// `limit` together where they are longer; limit 0: never.
void DrawIn(float limit, float* residual, uint32_t dim, float& tail_energy);
void DrawIn(float limit, float* residual, uint32_t dim);  // of all dimensions: no tail

}  // namespace tessera::quant

// k-means for codewords of many dimensions: a few leading principal directions first, then more.
#pragma once

#include <vector>

#include "index/status.h"
#include "index/training.h"
#include "index/types.h"
#include "index/vector_quantizer.h"

namespace tessera::quant {

// Centroids (options.k x dim) of the rows, n x dim, finite, n >= options.k. Each step takes
// more principal directions, up to all, and starts where the one before ended: with centroids drawn from rows of
// a hundred dimensions many would keep a few rows each, that other rows lie far from. options.seeding is of the
// first step, options.iterations are of the last. The same at any thread count. Memory: two copies of the rows.
//
// Multi-scale k-means as in "Stacked Quantizers for Compositional Vector Compression" (Martinez, Hoos, Little,
// 2014) and as Faiss trains residual quantizers (ProgressiveDimClustering).
StatusOr<std::vector<float>> ProgressiveKMeans(MatrixView<const float> rows,
                                               const KMeansOptions& options,
                                               const TrainingContext& context);

}  // namespace tessera::quant

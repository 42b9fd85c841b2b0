// k-means (Lloyd 1982), the one implementation behind coarse centroids, vector quantizers and the
// codebooks of product quantizers.
#pragma once

#include <vector>

#include "index/status.h"
#include "index/training.h"
#include "index/types.h"
#include "index/vector_quantizer.h"

namespace tessera::quant {

struct KMeansResult {
  std::vector<float> centroids;  // k x dim
  double error = 0;              // mean squared distance of the rows to their centroid
};

// As VectorQuantizer::Train, which see. The result depends on rows, options and seed only: each
// centroid sums its own rows in row order, in double, however many threads share the centroids.
// Memory: the sample if rows are left out, 8 bytes a row, the centroids and a tile of scores a
// thread. start: first centroids (k x dim) in place of a seeding; empty: options.seeding.
StatusOr<KMeansResult> TrainKMeans(MatrixView<const float> rows, const KMeansOptions& options,
                                   const TrainingContext& context, std::vector<float> start = {});

}  // namespace tessera::quant

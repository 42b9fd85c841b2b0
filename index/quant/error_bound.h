// How far an estimate may be off: measured in training, so that rerank can stop early.
#pragma once

#include <cstdint>

#include "index/executor.h"
#include "index/quant/model.h"
#include "index/status.h"

namespace tessera::quant {

struct ErrorBoundInput {
  const Model& model;  // complete but for error_bound
  const ListTable& lists;
  MatrixView<const float> sample;  // normalised under cosine
  uint64_t total_rows;             // of the collection that the sample stands for
  uint64_t seed;
  Executor& executor;
  StopToken stop;
};

// The bound of (estimate - exact) / |y - c| that all but about one in a thousand near rows keep:
// mean and three standard deviations over rows of the sample as queries and their nearest among up
// to 65,536 others, taken as near as in mu_fit.h. 0 (nothing is known) under inner product, whose
// queries need not look like rows, where records carry a bound of their own (RaBitQ), and where the
// sample has fewer than 1,000 rows. The same at any thread count.
StatusOr<float> MeasureErrorBound(const ErrorBoundInput& input);

}  // namespace tessera::quant

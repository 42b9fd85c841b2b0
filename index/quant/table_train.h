// Codebooks of every kind of table code.
#pragma once

#include <cstdint>

#include "index/quant/table_code.h"
#include "index/quantizer_spec.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera::quant {

// spec: a table code with no choices left, valid for the rows' dimension. rows: n x dim, finite, rotated;
// at least as many as a codebook has entries. iterations: of k-means. The same bytes at any thread count.
StatusOr<TableCode> TrainTableCode(const QuantizerSpec& spec, MatrixView<const float> rows,
                                   uint32_t iterations, const TrainingContext& context);

}  // namespace tessera::quant

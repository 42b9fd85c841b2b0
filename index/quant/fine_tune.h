// Quantization-aware fine-tuning: codebooks that lose least in ranking, the quantizer in the loop.
#pragma once

#include <vector>

#include "index/quant/error_weights.h"
#include "index/quant/table_code.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera::quant {

struct FineTuned {
  TableCode code;
  ErrorWeights weights;  // to encode with
  double loss_before = 0;  // mean e^T W e of the rows: of the start as it encodes, and of the result
  double loss_after = 0;
};

// Alternates codes of least e^T W e (ErrorWeights::Improve) with the codebooks of least e^T W e for those codes,
// one after the other in closed form, on up to 32,768 of `rows` (n x dim residuals, rotated). loss: W from
// MeasureRankingLoss. Layout and bytes of the code stay. Internal if W has a block that is not positive
// definite. The same bytes at any thread count. Memory: a copy of the rows and their errors.
StatusOr<FineTuned> FineTune(const TableCode& start, const std::vector<float>& loss,
                             MatrixView<const float> rows, const TrainingContext& context);

}  // namespace tessera::quant

// Codebooks that add up over the same dimensions: residual stages first, then all of them jointly.
#pragma once

#include <cstdint>
#include <vector>

#include "index/executor.h"
#include "index/quant/table_code.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera::quant {

// The code of one group of `stages` codebooks of `bits` over all of the rows' dimensions. Stage after stage
// by k-means of what the ones before leave (residual quantization, encoded by a beam), then a few rounds of
// least-squares update of all codebooks for the rows' codes and encoding again (additive quantization:
// Babenko, Lempitsky, CVPR 2014; LSQ: Martinez et al., ECCV 2016). iterations: of k-means. At most 65,536 rows
// are used, 2^bits at least. The same bytes at any thread count.
StatusOr<TableCode> TrainAdditive(MatrixView<const float> rows, uint32_t stages, uint32_t bits,
                                  uint32_t iterations, const TrainingContext& context);

// The codebooks (as TableCode takes them) of least squared error of `rows` under the codes that `indices`
// name: indices[i * stages + t], below the entries of stage t. `code`: one group over all dimensions. The
// error never rises: a step from the present codebooks is found by ridge regression.
StatusOr<std::vector<float>> UpdateCodebooks(const TableCode& code, MatrixView<const float> rows,
                                             const std::vector<uint8_t>& indices, Executor& executor);

}  // namespace tessera::quant

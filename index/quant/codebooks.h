// k-means in each of many sub-spaces: what product quantizers are made of.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "index/quant/table_layout.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera::quant {

// For each part its codebook of 2^bits centroids of the rows' columns, transposed [dims][2^bits], one after
// another. Sub-spaces are shared out among threads whole. At most 256 rows a codeword are used.
// rows: finite, as many as the largest codebook has entries at least.
StatusOr<std::vector<float>> TrainCodebooks(MatrixView<const float> rows,
                                            std::span<const TablePart> parts, uint32_t iterations,
                                            const TrainingContext& context);

}  // namespace tessera::quant

// Rows of floats as training and encoding take them: checked, sampled, copied.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "index/status.h"
#include "index/types.h"

namespace tessera::quant {

// InvalidArgument "<name>[row][dimension] is NaN (or infinite)" at the first such component.
Status CheckFinite(MatrixView<const float> rows, const std::string& name);

// Dense copies. The whole matrix, some of its rows, and columns [begin, end).
std::vector<float> CopyRows(MatrixView<const float> rows);
std::vector<float> GatherRows(MatrixView<const float> rows, const std::vector<uint32_t>& indices);
std::vector<float> CopyColumns(MatrixView<const float> rows, size_t begin, size_t end);

// Sum of squares, in double.
double SquaredNorm(const float* x, size_t dim);

}  // namespace tessera::quant

// Dimensions that are left out before quantizing (PCA<d>, MRL<d>): which stay, and what the tail of a row, all that
// it has beside them, still says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/quant/estimator.h"
#include "index/quant/model.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera::quant {

// The `kept` directions of the greatest second moment of the rows, as orthonormal rows (kept x dim), the greatest
// first: principal components if the rows are centred (Pearson 1901). rows: n x dim, finite. Internal if the
// eigenvalues do not converge; Cancelled. The same bytes at any thread count. Memory: three matrices of dim x dim.
StatusOr<std::vector<float>> LeadingDirections(MatrixView<const float> rows, uint32_t kept,
                                               const TrainingContext& context);

// Tails of rows (n x model.dim, normalised under cosine); y: what TransformRows makes of them. out: n.
void ComputeTails(const Model& model, MatrixView<const float> rows, const float* y, RowTail* out);

// R^T y: n rows of model.code_dim() floats back in all dimensions, out: n x model.dim.
void LiftRows(const Model& model, const float* y, size_t n, float* out);

}  // namespace tessera::quant

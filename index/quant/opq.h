// Optimized product quantization (Ge, He, Ke, Sun, CVPR 2013): the rotation under which a product
// code loses least.
#pragma once

#include <cstdint>
#include <vector>

#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera::quant {

// Deals `values` (variances, any order) to m sub-spaces (SubSpaceBounds: sizes may
// differ by one), so that the products of their values come out about equal: the greatest first, to
// the sub-space of the least product that has room. order[p] = index of the value that position p
// gets, positions counted through the sub-spaces.
std::vector<uint32_t> DealToSubspaces(const std::vector<float>& values, uint32_t m);

// An orthogonal matrix R (dim x dim, row-major, y = R x) for product codes of m sub-quantizers of
// `bits` of the rows, which are taken as centred: their principal directions dealt to the
// sub-spaces, then alternations of one k-means step in every sub-space with the rotation that
// brings the rows nearest to what they decode to. rows: n x dim, finite, n >= 2^bits. The same
// bytes at any thread count. Memory: a copy of the rows and some matrices of dim x dim.
StatusOr<std::vector<float>> TrainRotation(MatrixView<const float> rows, uint32_t m, uint32_t bits,
                                           const TrainingContext& context);

// The principal directions of the rows, which are taken as centred, as rows of an orthogonal matrix, that of
// the greatest variance first: for codes whose bits follow the variances.
StatusOr<std::vector<float>> PrincipalRotation(MatrixView<const float> rows,
                                               const TrainingContext& context);

}  // namespace tessera::quant

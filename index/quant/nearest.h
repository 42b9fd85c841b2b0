// Nearest centroid of many rows, never holding more than a tile of the distance matrix.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "index/quant/byte_nearest.h"
#include "index/types.h"

namespace tessera::quant {

// Prepared once for a set of centroids, then asked for many blocks of rows. Thread-safe after
// construction.
class NearestCentroid {
 public:
  // centroids: k x dim, row-major; norms: k squared norms. Both borrowed for the object's life.
  // rows: how many are going to be asked for, which decides what preparation is worth.
  NearestCentroid(size_t dim, size_t k, const float* centroids, const float* norms, size_t rows);

  // labels[i] = the k that minimises norms[k] - 2 <row i, centroid k> up to rounding, equal scores
  // to the smaller (BLAS may round the products of equal centroids differently). Rows with no score
  // below infinity (their squares overflow) get 0. rows.dim() = dim.
  void Assign(MatrixView<const float> rows, uint32_t* labels) const;

 private:
  void AssignByProducts(MatrixView<const float> rows, uint32_t* labels) const;
  void AssignByKernel(MatrixView<const float> rows, uint32_t* labels) const;

  size_t dim_;
  size_t k_;
  const float* centroids_;
  const float* norms_;
  // One of them, or neither: matrix products.
  std::vector<float> transposed_;     // [dim][k] for the kernel
  std::optional<ByteNearest> bytes_;  // for many centroids and rows
};

// Squared norms of n dense rows.
std::vector<float> SquaredNorms(const float* rows, size_t n, size_t dim);
// [columns][rows] of a dense [rows][columns] matrix.
std::vector<float> Transpose(const float* matrix, size_t rows, size_t columns);

}  // namespace tessera::quant

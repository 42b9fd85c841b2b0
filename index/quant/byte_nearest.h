// Nearest centroid by products of bytes: integers narrow the choice down to the centroids that may
// be nearest, floats decide between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/quant/byte_matrix.h"
#include "index/types.h"

namespace tessera::quant {

// Prepared once for a set of centroids, then asked for many blocks of rows. Thread-safe after
// construction.
//
// Rows and centroids are moved by the centroids' mean o and rounded: x - o = t v + error with a
// scale t of the row's own and signed v, c - o = s (u - 128) + error with a scale s for 1,024
// centroids and unsigned u. |c - o|^2 - 2 s t <v, u - 128> then orders the centroids as the
// distances do, up to the errors. These are sums of many roundings: what is within kDeviations
// standard deviations of the least is compared by exact distances. The labels are those of exact
// distances for all rows but about one in 10,000, whose two nearest centroids are then nearly
// equally far.
class ByteNearest {
 public:
  // centroids: k x dim, row-major, borrowed for the object's life.
  ByteNearest(size_t dim, size_t k, const float* centroids);

  // False where squares of centroids come near the end of the range of floats: not for Assign then.
  bool usable() const { return usable_; }

  // labels[i] = the centroid nearest to row i, of equally near ones the smaller. rows.dim() = dim.
  void Assign(MatrixView<const float> rows, uint32_t* labels) const;

 private:
  struct Scratch;

  void AssignTile(MatrixView<const float> rows, Scratch& scratch, uint32_t* labels) const;
  void RoundRow(const float* row, size_t i, Scratch& scratch) const;
  // Takes the products of row i with the centroids of part `p` into account.
  void Narrow(const int32_t* products, size_t p, size_t i, Scratch& scratch) const;
  // How far above the least score of row i a nearest centroid may be.
  float Margin(size_t i, const Scratch& scratch) const;
  uint32_t Decide(const float* row, size_t i, const Scratch& scratch) const;
  uint32_t Exhaust(const float* row) const;

  size_t dim_;
  size_t k_;
  const float* centroids_;
  std::vector<float> origin_;
  std::vector<float> norms_;  // of moved centroids, padded to whole groups
  std::vector<ByteMatrix> parts_;
  float scale_ = 0;  // the greatest of the parts'
  bool usable_ = true;
};

}  // namespace tessera::quant

// Which rows belong to which centroid, and what follows from it: means, and the repair of centroids
// that got none.
#pragma once

#include <cstdint>
#include <vector>

#include "index/executor.h"
#include "index/types.h"

namespace tessera::quant {

// Members of each of k clusters, in row order. One thread at a time.
class Clusters {
 public:
  // labels: one per row, each < k.
  Clusters(MatrixView<const float> rows, const std::vector<uint32_t>& labels, size_t k);

  size_t count(size_t c) const { return end_[c] - begin_[c]; }
  // Writes the mean of every cluster that has rows into centroids (k x dim); the others stay.
  void ComputeMeans(Executor& executor, float* centroids) const;
  // Gives every empty cluster half of the largest one: the rows nearer to that one's farthest row
  // than to its centroid. Both get their means. A cluster of equal rows cannot be split; if all are
  // such, the rest stays empty and its centroids as they are. Returns how many were filled.
  size_t FillEmpty(float* centroids);

 private:
  void Mean(size_t c, float* centroid) const;
  bool Split(size_t from, size_t to, float* centroids);

  MatrixView<const float> rows_;
  std::vector<uint32_t> order_;  // rows by cluster
  std::vector<size_t> begin_;    // cluster c is order_[begin_[c] .. end_[c])
  std::vector<size_t> end_;
};

}  // namespace tessera::quant

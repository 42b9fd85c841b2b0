// Vector quantization: one codebook of k centroids, a vector becomes the index of the nearest
// (Linde, Buzo, Gray 1980; Lloyd 1982). Also the coarse codebook of inverted lists. In two levels each of k1
// coarse centroids has k2 of its own below it (tree-structured quantization): training and encoding look at
// k1 + k2 centroids instead of k1 times k2, and lose a little.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera {

enum class Seeding : uint8_t { kSampled = 0, kPlusPlus = 1 };

struct KMeansOptions {
  uint32_t k = 0;
  uint32_t iterations = 10;
  Seeding seeding = Seeding::kSampled;
  // At most this many rows a centroid are used, sampled without replacement; bounds time and
  // memory.
  uint32_t max_rows_per_centroid = 256;
};

// Immutable after training, so safe to share between threads.
class VectorQuantizer {
 public:
  VectorQuantizer() = default;
  // centroids: k x dim, row-major.
  VectorQuantizer(uint32_t dim, std::vector<float> centroids);
  // Two levels. coarse: k1 x dim; centroids: k1 k2 x dim, those of coarse centroid i at [i k2, (i + 1) k2).
  VectorQuantizer(uint32_t dim, std::vector<float> coarse, std::vector<float> centroids);

  // Lloyd's iterations over `rows` (n x dim). n < k: InvalidArgument says how many rows are needed.
  // A NaN or infinity: InvalidArgument names row and dimension. Empty clusters are repaired by
  // splitting the largest, so all k centroids are in use unless fewer than k distinct rows exist.
  static StatusOr<VectorQuantizer> Train(MatrixView<const float> rows, const KMeansOptions& options,
                                         const TrainingContext& context);

  // k-means with options.k centroids, then k-means with k2 in each of their cells. A cell of fewer than k2
  // rows repeats its last centroid. n < options.k * k2: InvalidArgument. The same bytes at any thread count.
  static StatusOr<VectorQuantizer> TrainTwoLevels(MatrixView<const float> rows,
                                                  const KMeansOptions& options, uint32_t k2,
                                                  const TrainingContext& context);

  uint32_t dim() const { return dim_; }
  uint32_t size() const { return static_cast<uint32_t>(norms_.size()); }  // k, or k1 k2
  MatrixView<const float> centroids() const { return {centroids_.data(), size(), dim_}; }
  // k1 x dim; none in one level.
  const std::vector<float>& coarse() const { return coarse_; }
  const std::vector<float>& norms() const { return norms_; }  // squared norm of each centroid
  // Mean squared distance of the training rows to their centroid in the last iteration.
  double training_error() const { return training_error_; }

  // Nearest centroid of each row by GEMM blocks, in two levels the nearest below the nearest coarse one; ties
  // to the smaller index. codes: rows.rows()
  // entries. Also the squared distances if `distances` is not null. Scratch is bounded.
  void Encode(MatrixView<const float> rows, uint32_t* codes, float* distances = nullptr,
              Executor* executor = nullptr) const;
  // out: n x dim. InvalidArgument names the row of a code >= size().
  Status Decode(const uint32_t* codes, size_t n, float* out) const;
  // Mean squared distance of rows to what they decode to.
  double QuantizationError(MatrixView<const float> rows, Executor* executor = nullptr) const;

 private:
  // labels: of coarse centroids; they become codes.
  void EncodeFine(MatrixView<const float> rows, uint32_t* labels) const;

  uint32_t dim_ = 0;
  std::vector<float> coarse_;
  std::vector<float> coarse_norms_;
  std::vector<float> centroids_;
  std::vector<float> norms_;
  double training_error_ = 0;
};

}  // namespace tessera

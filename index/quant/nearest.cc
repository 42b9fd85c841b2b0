#include "index/quant/nearest.h"

#include <algorithm>
#include <limits>

#include "index/quant/blas.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// A tile of scores is kTileRows x kTileCentroids floats = 512 KiB: with its inputs about the size of an L2
// cache, and large enough that BLAS spends its time multiplying rather than packing.
constexpr size_t kTileRows = 256;
constexpr size_t kTileCentroids = 512;
// Up to here the kernel of product quantizers is faster than BLAS, whose products want long rows.
constexpr size_t kMaxKernelDim = 32;

constexpr size_t kLanes = 16;
constexpr size_t kChunk = 64;

// The least of kChunk scores norms - 2 products, which replace the products. Lanes, so that the compiler
// needs no permission to reorder to vectorise it.
float ScoreChunk(const float* norms, float* products) {
  float least[kLanes];
  for (size_t l = 0; l < kLanes; ++l) least[l] = std::numeric_limits<float>::infinity();
  for (size_t j = 0; j < kChunk; j += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) {
      const float score = norms[j + l] - 2.0f * products[j + l];
      products[j + l] = score;
      least[l] = score < least[l] ? score : least[l];
    }
  }
  return *std::min_element(least, least + kLanes);
}

struct Best {
  float score = std::numeric_limits<float>::infinity();
  uint32_t index = 0;
};

// Takes n more products (overwritten) of one row into account; the first has index `first`.
void UpdateBest(const float* norms, float* products, size_t n, size_t first, Best& best) {
  size_t j = 0;
  for (; j + kChunk <= n; j += kChunk) {
    const float least = ScoreChunk(norms + j, products + j);
    if (!(least < best.score)) continue;
    const float* at = std::find(products + j, products + j + kChunk, least);
    best = {least, static_cast<uint32_t>(first + static_cast<size_t>(at - products))};
  }
  for (; j < n; ++j) {
    const float score = norms[j] - 2.0f * products[j];
    if (score < best.score) best = {score, static_cast<uint32_t>(first + j)};
  }
}

}  // namespace

NearestCentroid::NearestCentroid(size_t dim, size_t k, const float* centroids, const float* norms)
    : dim_(dim), k_(k), centroids_(centroids), norms_(norms) {
  if (dim <= kMaxKernelDim && (k == 16 || k == 256)) transposed_ = Transpose(centroids, k, dim);
}

void NearestCentroid::Assign(MatrixView<const float> rows, uint32_t* labels) const {
  for (size_t begin = 0; begin < rows.rows(); begin += kTileRows) {
    const auto tile = rows.Slice(begin, std::min(kTileRows, rows.rows() - begin));
    if (transposed_.empty()) {
      AssignByProducts(tile, labels + begin);
    } else {
      AssignByKernel(tile, labels + begin);
    }
  }
}

void NearestCentroid::AssignByKernel(MatrixView<const float> rows, uint32_t* labels) const {
  uint8_t codes[kTileRows];
  simd::ActiveKernels().nearest(rows.data(), rows.rows(), rows.stride(), dim_, transposed_.data(),
                                norms_, k_, codes, 1);
  std::copy_n(codes, rows.rows(), labels);
}

void NearestCentroid::AssignByProducts(MatrixView<const float> rows, uint32_t* labels) const {
  // Kept by the thread: half a megabyte allocated per call would be mapped and unmapped each time.
  thread_local std::vector<float> products;
  products.resize(kTileRows * std::min(k_, kTileCentroids));
  Best best[kTileRows];
  for (size_t first = 0; first < k_; first += kTileCentroids) {
    const size_t n = std::min(kTileCentroids, k_ - first);
    MultiplyTransposed(rows.rows(), n, dim_, rows.data(), rows.stride(), centroids_ + first * dim_,
                       dim_, products.data(), n);
    for (size_t i = 0; i < rows.rows(); ++i) {
      UpdateBest(norms_ + first, products.data() + i * n, n, first, best[i]);
    }
  }
  for (size_t i = 0; i < rows.rows(); ++i) labels[i] = best[i].index;
}

std::vector<float> SquaredNorms(const float* rows, size_t n, size_t dim) {
  std::vector<float> norms(n);
  for (size_t i = 0; i < n; ++i) {
    norms[i] = simd::ActiveKernels().dot(rows + i * dim, rows + i * dim, dim);
  }
  return norms;
}

std::vector<float> Transpose(const float* matrix, size_t rows, size_t columns) {
  std::vector<float> out(rows * columns);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) out[j * rows + i] = matrix[i * columns + j];
  }
  return out;
}

}  // namespace tessera::quant

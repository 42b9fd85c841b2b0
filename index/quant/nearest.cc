#include "index/quant/nearest.h"

#include <algorithm>
#include <limits>

#include "index/quant/blas.h"
#include "index/quant/extremes.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// A tile of scores is kTileRows x kTileCentroids floats = 512 KiB: with its inputs about the size
// of an L2 cache, and large enough that BLAS spends its time multiplying rather than packing.
constexpr size_t kTileRows = 256;
constexpr size_t kTileCentroids = 512;
// Up to here the kernel of product quantizers is faster than BLAS, whose products want long rows.
constexpr size_t kMaxKernelDim = 32;
// From here on products of bytes are faster than BLAS: their preparation takes as long as some 200
// rows gain, and what they do for a row besides multiplying as long as some 50 centroids gain.
constexpr size_t kMinByteCentroids = 96;
constexpr size_t kMinByteRows = 256;
constexpr size_t kMinByteDim = 16;

// Scores whose least is found at once.
constexpr size_t kChunk = 64;

// The least of kChunk scores norms - 2 products.
float LeastScore(const float* norms, const float* products) {
  const auto score = [&](size_t j) {
    return LoadFloat4(norms + j) - 2.0f * LoadFloat4(products + j);
  };
  Float4 least[4] = {score(0), score(4), score(8), score(12)};
  for (size_t j = 16; j < kChunk; j += 16) {
    for (size_t l = 0; l < 4; ++l) least[l] = Min(score(j + 4 * l), least[l]);
  }
  return Least(Min(Min(least[0], least[1]), Min(least[2], least[3])));
}

struct Best {
  float score = std::numeric_limits<float>::infinity();
  uint32_t index = 0;
};

// Takes products [begin, end) into account one by one; product 0 belongs to centroid `first`.
void UpdateOneByOne(const float* norms, const float* products, size_t begin, size_t end,
                    size_t first, Best& best) {
  for (size_t j = begin; j < end; ++j) {
    const float score = norms[j] - 2.0f * products[j];
    if (score < best.score) best = {score, static_cast<uint32_t>(first + j)};
  }
}

void UpdateBest(const float* norms, const float* products, size_t n, size_t first, Best& best) {
  size_t j = 0;
  for (; j + kChunk <= n; j += kChunk) {
    // A chunk seldom holds a better one; a NaN in it (overflow) may hide one, so it is looked
    // through.
    if (!(LeastScore(norms + j, products + j) >= best.score)) {
      UpdateOneByOne(norms, products, j, j + kChunk, first, best);
    }
  }
  UpdateOneByOne(norms, products, j, n, first, best);
}

}  // namespace

NearestCentroid::NearestCentroid(size_t dim, size_t k, const float* centroids, const float* norms,
                                 size_t rows)
    : dim_(dim), k_(k), centroids_(centroids), norms_(norms) {
  if (dim <= kMaxKernelDim && (k == 16 || k == 256)) {
    transposed_ = Transpose(centroids, k, dim);
  } else if (rows >= kMinByteRows && k >= kMinByteCentroids && dim >= kMinByteDim) {
    bytes_.emplace(dim, k, centroids);
    if (!bytes_->usable()) bytes_.reset();
  }
}

void NearestCentroid::Assign(MatrixView<const float> rows, uint32_t* labels) const {
  if (bytes_) return bytes_->Assign(rows, labels);
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

#include "index/quant/byte_nearest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "index/quant/extremes.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr size_t kGroup = 16;  // centroids that a kernel packs together
// Products at a time: 64 rows x 1,024 centroids x 4 bytes and the bytes of the centroids stay in an
// L2 cache; more rows hardly save reading of centroids.
constexpr size_t kTileRows = 64;
constexpr size_t kTileCentroids = 1024;
// Centroids whose least score is known: only where it is near the least of all they are looked
// through one by one.
constexpr size_t kChunk = 256;
// Beyond, sums of scores could leave the range of floats.
constexpr float kLargestNorm = 1e30f;
// The scores of padding.
constexpr float kNever = 3e38f;
// How far errors of rounding are believed to reach: of some hundred sums of uniform errors.
constexpr float kDeviations = 3.5f;

// The bits of a score in an order of unsigned numbers, as score_keys makes them.
uint32_t KeyOf(float score) {
  const float positive_zero = score + 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &positive_zero, sizeof bits);
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
}

// Rounds to the nearest whole number, halves to even; |v| below 2^22. The addition leaves the
// number in the low bits, which compilers turn into vectors on every processor.
int32_t Round(float v) {
  const float shifted = v + 12582912.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  return bits - 0x4b400000;
}

float LargestMagnitude(const float* values, size_t n) {
  Float4 four = {};
  size_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const Float4 v = LoadFloat4(values + j);
    four = Max(four, Max(v, -v));
  }
  float largest = Greatest(four);
  for (; j < n; ++j) largest = std::max(largest, std::fabs(values[j]));
  return largest;
}

struct Candidate {
  uint32_t index;
  float score;
};

}  // namespace

// Of a tile of rows.
struct ByteNearest::Scratch {
  std::vector<float> moved;     // a row less the origin
  std::vector<int8_t> rounded;  // [row][4 quads]
  std::vector<int32_t> products;
  std::vector<uint32_t> keys;
  std::vector<uint32_t> selected;
  float steps[kTileRows];   // t
  int32_t sums[kTileRows];  // of v
  float norms[kTileRows];   // |x - o|^2
  float best[kTileRows];
  std::vector<Candidate> candidates[kTileRows];
};

ByteNearest::ByteNearest(size_t dim, size_t k, const float* centroids)
    : dim_(dim), k_(k), centroids_(centroids), origin_(dim) {
  std::vector<double> sum(dim);
  for (size_t c = 0; c < k; ++c) {
    for (size_t j = 0; j < dim; ++j) sum[j] += double{centroids[c * dim + j]};
  }
  for (size_t j = 0; j < dim; ++j) {
    origin_[j] = static_cast<float>(sum[j] / static_cast<double>(k));
  }
  std::vector<float> moved(k * dim);
  norms_.assign((k + kGroup - 1) / kGroup * kGroup, kNever);
  for (size_t c = 0; c < k; ++c) {
    float* to = moved.data() + c * dim;
    for (size_t j = 0; j < dim; ++j) to[j] = centroids[c * dim + j] - origin_[j];
    norms_[c] = simd::ActiveKernels().dot(to, to, dim);
    usable_ = usable_ && norms_[c] < kLargestNorm;  // false for NaN
  }
  if (!usable_) return;
  for (size_t first = 0; first < k; first += kTileCentroids) {
    parts_.emplace_back(moved.data() + first * dim, std::min(kTileCentroids, k - first), dim);
    scale_ = std::max(scale_, parts_.back().step());
  }
}

void ByteNearest::Assign(MatrixView<const float> rows, uint32_t* labels) const {
  thread_local Scratch scratch;
  scratch.moved.resize(dim_);
  scratch.rounded.assign(kTileRows * parts_[0].padded_dim(), 0);
  scratch.products.resize(kTileRows * std::min(norms_.size(), kTileCentroids));
  scratch.keys.resize(kChunk);
  scratch.selected.resize(kChunk + 16);
  for (size_t begin = 0; begin < rows.rows(); begin += kTileRows) {
    const size_t n = std::min(kTileRows, rows.rows() - begin);
    AssignTile(rows.Slice(begin, n), scratch, labels + begin);
  }
}

void ByteNearest::AssignTile(MatrixView<const float> rows, Scratch& scratch,
                             uint32_t* labels) const {
  for (size_t i = 0; i < rows.rows(); ++i) RoundRow(rows.row(i), i, scratch);
  for (size_t p = 0; p < parts_.size(); ++p) {
    const size_t n = parts_[p].padded_rows();
    parts_[p].Products(scratch.rounded.data(), rows.rows(), parts_[p].padded_dim(),
                       scratch.products.data(), n);
    for (size_t i = 0; i < rows.rows(); ++i) {
      Narrow(scratch.products.data() + i * n, p, i, scratch);
    }
  }
  for (size_t i = 0; i < rows.rows(); ++i) labels[i] = Decide(rows.row(i), i, scratch);
}

void ByteNearest::RoundRow(const float* row, size_t i, Scratch& scratch) const {
  float* moved = scratch.moved.data();
  for (size_t j = 0; j < dim_; ++j) moved[j] = row[j] - origin_[j];
  const float norm = simd::ActiveKernels().dot(moved, moved, dim_);
  scratch.norms[i] = norm;
  scratch.best[i] = kNever;
  scratch.candidates[i].clear();
  int8_t* rounded = scratch.rounded.data() + i * parts_[0].padded_dim();
  if (!(norm < kLargestNorm)) {
    // Decided without products.
    std::fill_n(rounded, dim_, int8_t{0});
    scratch.steps[i] = 0;
    scratch.sums[i] = 0;
    return;
  }
  const float step =
      std::max(LargestMagnitude(moved, dim_) / 127.0f, std::numeric_limits<float>::min());
  const float inverse = 1.0f / step;
  scratch.steps[i] = step;
  int32_t sum = 0;
  for (size_t j = 0; j < dim_; ++j) {
    const int32_t code = Round(moved[j] * inverse);
    rounded[j] = static_cast<int8_t>(code);
    sum += code;
  }
  scratch.sums[i] = sum;
}

void ByteNearest::Narrow(const int32_t* products, size_t p, size_t i, Scratch& scratch) const {
  const auto& kernels = simd::ActiveKernels();
  const size_t first = p * kTileCentroids;
  const size_t n = parts_[p].padded_rows();
  const float* norms = norms_.data() + first;
  const float weight = -2.0f * parts_[p].step() * scratch.steps[i];
  // What the 128s of unsigned bytes add to each product, out of the score again.
  const float excess = weight * 128.0f * static_cast<float>(scratch.sums[i]);
  float least[kTileCentroids / kChunk];
  for (size_t c = 0; c < n; c += kChunk) {
    const size_t at =
        c + kernels.least_score(products + c, norms + c, weight, std::min(kChunk, n - c));
    const float scaled = weight * static_cast<float>(products[at]);
    least[c / kChunk] = norms[at] + scaled - excess;
    scratch.best[i] = std::min(scratch.best[i], least[c / kChunk]);
  }
  const float bound = scratch.best[i] + Margin(i, scratch);
  for (size_t c = 0; c < n; c += kChunk) {
    if (least[c / kChunk] > bound) continue;
    const size_t size = std::min(kChunk, n - c);
    kernels.score_keys(products + c, norms + c, weight, size, scratch.keys.data());
    const size_t count = kernels.select_keys(scratch.keys.data(), size, KeyOf(bound + excess),
                                             scratch.selected.data());
    for (size_t l = 0; l < count; ++l) {
      const size_t at = c + scratch.selected[l];
      const float scaled = weight * static_cast<float>(products[at]);
      scratch.candidates[i].push_back(
          {static_cast<uint32_t>(first + at), norms[at] + scaled - excess});
    }
  }
}

float ByteNearest::Margin(size_t i, const Scratch& scratch) const {
  // A component of a rounded centroid is off by an error of variance s^2 / 12, so that the product
  // with x - o is off by |x - o|^2 s^2 / 12, for each of two centroids on its own; the row's error
  // counts by their distance from each other, about sqrt 2 times that of the nearest.
  const float norm = scratch.norms[i];
  const float distance = std::max(norm + scratch.best[i], 0.0f);
  const float step = scratch.steps[i];
  const float variance = (norm * scale_ * scale_ + distance * step * step) / 6.0f;
  return 2.0f * kDeviations * std::sqrt(variance);
}

uint32_t ByteNearest::Decide(const float* row, size_t i, const Scratch& scratch) const {
  if (!(scratch.norms[i] < kLargestNorm)) return Exhaust(row);
  const std::vector<Candidate>& candidates = scratch.candidates[i];
  if (candidates.size() == 1) return candidates[0].index;
  const auto distance = simd::ActiveKernels().l2sqr;
  const float bound = scratch.best[i] + Margin(i, scratch);
  float least = std::numeric_limits<float>::infinity();
  uint32_t nearest = 0;
  for (const Candidate& candidate : candidates) {  // ascending indices
    if (candidate.score > bound) continue;
    const float d = distance(row, centroids_ + candidate.index * dim_, dim_);
    if (d < least) {
      least = d;
      nearest = candidate.index;
    }
  }
  return nearest;
}

uint32_t ByteNearest::Exhaust(const float* row) const {
  const auto distance = simd::ActiveKernels().l2sqr;
  float least = std::numeric_limits<float>::infinity();
  uint32_t nearest = 0;
  for (size_t c = 0; c < k_; ++c) {
    const float d = distance(row, centroids_ + c * dim_, dim_);
    if (d < least) {
      least = d;
      nearest = static_cast<uint32_t>(c);
    }
  }
  return nearest;
}

}  // namespace tessera::quant

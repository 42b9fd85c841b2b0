#include "index/quant/clusters.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "index/simd/kernels.h"

namespace tessera::quant {

Clusters::Clusters(MatrixView<const float> rows, const std::vector<uint32_t>& labels, size_t k)
    : rows_(rows), order_(labels.size()), begin_(k), end_(k) {
  for (const uint32_t label : labels) ++end_[label];
  size_t at = 0;
  for (size_t c = 0; c < k; ++c) {
    begin_[c] = at;
    at += std::exchange(end_[c], at);
  }
  for (size_t i = 0; i < labels.size(); ++i) order_[end_[labels[i]]++] = static_cast<uint32_t>(i);
}

void Clusters::Mean(size_t c, float* centroid) const {
  const size_t dim = rows_.dim();
  std::vector<double> sum(dim);
  for (size_t i = begin_[c]; i < end_[c]; ++i) {
    const float* row = rows_.row(order_[i]);
    for (size_t j = 0; j < dim; ++j) sum[j] += double{row[j]};
  }
  const double inverse = 1.0 / static_cast<double>(count(c));
  for (size_t j = 0; j < dim; ++j) centroid[j] = static_cast<float>(sum[j] * inverse);
}

void Clusters::ComputeMeans(Executor& executor, float* centroids) const {
  constexpr size_t kGrain = 16;
  ParallelFor(executor, begin_.size(), kGrain, [&](size_t first, size_t last) {
    for (size_t c = first; c < last; ++c) {
      if (count(c) > 0) Mean(c, centroids + c * rows_.dim());
    }
  });
}

size_t Clusters::FillEmpty(float* centroids) {
  std::vector<size_t> empty;
  for (size_t c = 0; c < begin_.size(); ++c) {
    if (count(c) == 0) empty.push_back(c);
  }
  if (empty.empty()) return 0;
  // Largest first, of equals the smaller index.
  const auto smaller = [this](size_t a, size_t b) {
    return std::pair(count(a), b) < std::pair(count(b), a);
  };
  std::priority_queue<size_t, std::vector<size_t>, decltype(smaller)> largest(smaller);
  for (size_t c = 0; c < begin_.size(); ++c) {
    if (count(c) > 1) largest.push(c);
  }
  size_t filled = 0;
  while (filled < empty.size() && !largest.empty()) {
    const size_t from = largest.top();
    largest.pop();
    const size_t to = empty[filled];
    if (!Split(from, to, centroids)) continue;
    ++filled;
    if (count(from) > 1) largest.push(from);
    if (count(to) > 1) largest.push(to);
  }
  return filled;
}

bool Clusters::Split(size_t from, size_t to, float* centroids) {
  const auto distance = simd::ActiveKernels().l2sqr;
  const size_t dim = rows_.dim();
  float* centroid = centroids + from * dim;
  float farthest_distance = 0;
  size_t farthest = begin_[from];
  for (size_t i = begin_[from]; i < end_[from]; ++i) {
    const float d = distance(rows_.row(order_[i]), centroid, dim);
    if (d > farthest_distance) {
      farthest_distance = d;
      farthest = i;
    }
  }
  const float* pole = rows_.row(order_[farthest]);
  const auto stays = [&](uint32_t row) {
    return distance(rows_.row(row), centroid, dim) <= distance(rows_.row(row), pole, dim);
  };
  const auto first = order_.begin() + static_cast<ptrdiff_t>(begin_[from]);
  const auto last = order_.begin() + static_cast<ptrdiff_t>(end_[from]);
  const auto middle = std::stable_partition(first, last, stays);
  if (middle == first || middle == last) return false;
  end_[to] = end_[from];
  begin_[to] = end_[from] = static_cast<size_t>(middle - order_.begin());
  Mean(from, centroid);
  Mean(to, centroids + to * dim);
  return true;
}

}  // namespace tessera::quant

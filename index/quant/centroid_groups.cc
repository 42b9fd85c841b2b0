#include "index/quant/centroid_groups.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "index/quant/kmeans.h"
#include "index/quant/nearest.h"
#include "index/quant/random.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr size_t kBlock = 16;
constexpr uint32_t kIterations = 6;
constexpr uint64_t kSeed = 11;
constexpr size_t kProbePoints = 256;  // that the number of groups is measured with
constexpr size_t kLargestProbe = 10;  // 2^10 lists; for more all groups are looked into
constexpr double kMissed = 1.0 / 4000;
constexpr float kBeyond = 3e38f;

std::vector<float> SquaredDistances(const float* point, const std::vector<float>& rows,
                                    const std::vector<float>& norms, size_t dim) {
  std::vector<float> out(norms.size());
  simd::ActiveKernels().dot_rows(point, rows.data(), norms.size(), dim, dim, out.data());
  for (size_t i = 0; i < out.size(); ++i) out[i] = norms[i] - 2.0f * out[i];
  return out;
}

// Indices of the `count` least values, ascending.
std::vector<uint32_t> Least(const std::vector<float>& values, size_t count) {
  std::vector<uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto less = [&](uint32_t a, uint32_t b) {
    return values[a] != values[b] ? values[a] < values[b] : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(count), order.end(),
                    less);
  order.resize(count);
  return order;
}

}  // namespace

CentroidGroups::CentroidGroups(uint32_t dim, const std::vector<float>& centroids,
                               const std::vector<float>& norms) {
  const size_t nlist = norms.size();
  const auto k = static_cast<uint32_t>(2 * std::sqrt(static_cast<double>(nlist)));
  TrainingContext context;
  context.seed = kSeed;
  const auto trained =
      TrainKMeans({centroids.data(), nlist, dim}, {.k = k, .iterations = kIterations}, context);
  if (!trained.ok()) return;  // not finite: all lists are looked at
  norms_ = SquaredNorms(trained->centroids.data(), k, dim);
  centers_ = ByteMatrix(trained->centroids.data(), k, dim);
  std::vector<uint32_t> group_of(nlist);
  NearestCentroid(dim, k, trained->centroids.data(), norms_.data(), nlist)
      .Assign({centroids.data(), nlist, dim}, group_of.data());
  Arrange(dim, centroids, norms, group_of);
  Measure(dim, centroids, norms, trained->centroids, group_of);
}

void CentroidGroups::Arrange(uint32_t dim, const std::vector<float>& centroids,
                             const std::vector<float>& norms,
                             const std::vector<uint32_t>& group_of) {
  std::vector<size_t> sizes(count());
  for (const uint32_t g : group_of) ++sizes[g];
  first_block_.assign(count() + 1, 0);
  for (size_t g = 0; g < count(); ++g) {
    first_block_[g + 1] = first_block_[g] + (sizes[g] + kBlock - 1) / kBlock;
  }
  const size_t slots = first_block_.back() * kBlock;
  std::vector<float> rows(slots * dim);
  list_norms_.assign(slots, kBeyond);
  list_at_.assign(slots, kPadding);
  std::vector<size_t> filled(count());
  for (size_t l = 0; l < group_of.size(); ++l) {
    const size_t slot = first_block_[group_of[l]] * kBlock + filled[group_of[l]]++;
    std::copy_n(centroids.data() + l * dim, dim, rows.data() + slot * dim);
    list_norms_[slot] = norms[l];
    list_at_[slot] = static_cast<uint32_t>(l);
  }
  lists_ = ByteMatrix(rows.data(), slots, dim);
}

// A point on the way from a centroid to its nearest neighbour stands for a query. For each power of
// two: the rank of the group that the farthest of so many nearest lists is in, except for the few
// that may be missed.
void CentroidGroups::Measure(uint32_t dim, const std::vector<float>& centroids,
                             const std::vector<float>& norms, const std::vector<float>& centers,
                             const std::vector<uint32_t>& group_of) {
  const size_t nlist = norms.size();
  const size_t most = std::min(nlist, size_t{1} << kLargestProbe);
  std::vector<std::vector<size_t>> ranks(kLargestProbe +
                                         1);  // of the groups of the nearest 2^i lists
  Random random(kSeed);
  std::vector<float> point(dim);
  std::vector<size_t> rank_of(count());
  for (size_t p = 0; p < kProbePoints; ++p) {
    const float* from = centroids.data() + random.Below(nlist) * dim;
    const uint32_t other = Least(SquaredDistances(from, centroids, norms, dim), 2)[1];
    for (uint32_t j = 0; j < dim; ++j)
      point[j] = 0.5f * (from[j] + centroids[size_t{other} * dim + j]);
    const auto order = Least(SquaredDistances(point.data(), centers, norms_, dim), count());
    for (size_t r = 0; r < order.size(); ++r) rank_of[order[r]] = r;
    const auto nearest = Least(SquaredDistances(point.data(), centroids, norms, dim), most);
    for (size_t i = 0; i <= kLargestProbe; ++i) {
      for (size_t n = 0; n < std::min(most, size_t{1} << i); ++n) {
        ranks[i].push_back(rank_of[group_of[nearest[n]]]);
      }
    }
  }
  needed_.clear();
  for (std::vector<size_t>& seen : ranks) {
    const size_t kept =
        seen.size() - 1 - static_cast<size_t>(kMissed * static_cast<double>(seen.size()));
    std::nth_element(seen.begin(), seen.begin() + static_cast<ptrdiff_t>(kept), seen.end());
    needed_.push_back(seen[kept] + 1);
  }
}

size_t CentroidGroups::GroupsFor(size_t nprobe) const {
  size_t i = 0;
  while (i < needed_.size() && (size_t{1} << i) < nprobe) ++i;
  // Half of the groups cost as much as all lists in one go.
  return i < needed_.size() && 2 * needed_[i] < count() ? needed_[i] : count();
}

size_t CentroidGroups::bytes() const {
  return centers_.bytes() + lists_.bytes() +
         (norms_.capacity() + list_norms_.capacity()) * sizeof(float) +
         list_at_.capacity() * sizeof(uint32_t) +
         (first_block_.capacity() + needed_.capacity()) * sizeof(size_t);
}

}  // namespace tessera::quant

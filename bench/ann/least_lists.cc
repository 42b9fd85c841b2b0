#include "bench/ann/least_lists.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace tessera::bench {
namespace {

constexpr size_t kFirstBlock = 500;
constexpr double kStandardErrors = 3;

bool IsFar(const Recall& recall, double target) {
  const double p = recall.at10();
  const auto n = static_cast<double>(recall.queries());
  return std::abs(p - target) > kStandardErrors * std::sqrt((p * (1 - p) + 1 / n) / n);
}

}  // namespace

std::vector<QuerySet> InBlocks(const QuerySet& queries) {
  std::vector<size_t> order(queries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  std::vector<QuerySet> blocks;
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    end = std::min(order.size(), std::max(kFirstBlock, 2 * begin));
    QuerySet block{queries.dim, {}, queries.truth_k, {}};
    for (size_t i = begin; i < end; ++i) {
      const float* row = queries.Rows(order[i], 1).row(0);
      block.vectors.insert(block.vectors.end(), row, row + queries.dim);
      const auto truth = queries.Truth(order[i]);
      block.truth.insert(block.truth.end(), truth.begin(), truth.end());
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

StatusOr<bool> LeastLists::Reaches(uint32_t nprobe, double target) {
  Known& known = known_[nprobe];
  while (known.blocks < blocks_.size()) {
    if (known.blocks > 0 && IsFar(known.recall, target)) break;
    Setting setting = setting_;
    setting.nprobe = nprobe;
    TESSERA_ASSIGN_OR_RETURN(const Recall more,
                             MeasureRecall(subject_, blocks_[known.blocks], setting));
    known.recall.Add(more);
    ++known.blocks;
  }
  return known.recall.at10() >= target;
}

StatusOr<Setting> LeastLists::Reaching(double target) {
  const uint32_t nlist = std::max(1u, subject_.collection().Stats().nlist);
  Setting found = setting_;
  found.nprobe = 0;
  TESSERA_ASSIGN_OR_RETURN(const bool reached, Reaches(nlist, target));
  if (!reached) return found;
  TESSERA_ASSIGN_OR_RETURN(
      found.nprobe, LeastReaching(nlist, [&](uint32_t nprobe) { return Reaches(nprobe, target); }));
  return found;
}

StatusOr<uint32_t> LeastReaching(uint32_t most,
                                 const std::function<StatusOr<bool>(uint32_t)>& reaches) {
  uint32_t below = 0;  // does not reach
  uint32_t above = 1;
  for (;; above = above > most / 2 ? most : above * 2) {
    TESSERA_ASSIGN_OR_RETURN(const bool yes, reaches(above));
    if (yes) break;
    if (above == most) return 0;
    below = above;
  }
  while (above - below > 1) {
    const uint32_t middle = below + (above - below) / 2;
    TESSERA_ASSIGN_OR_RETURN(const bool yes, reaches(middle));
    (yes ? above : below) = middle;
  }
  return above;
}

}  // namespace tessera::bench

// Two levels of centroids: many lists are gathered in groups of near ones, and a coarse search
// looks only into the nearest groups. What an inverted file does for rows, done for its lists.
#pragma once

#include <cstdint>
#include <vector>

#include "index/quant/byte_matrix.h"

namespace tessera::quant {

// Immutable after construction; thread-safe.
class CentroidGroups {
 public:
  static constexpr uint32_t kPadding = UINT32_MAX;

  // No groups: look at all lists.
  CentroidGroups() = default;
  // centroids: nlist x dim, finite, and their squared norms. About 2 sqrt(nlist) groups by k-means.
  // Measures with points between neighbouring centroids, where queries are hardest, how many groups
  // have to be looked into for a given number of lists. Takes about a second for 65,536 x 128.
  CentroidGroups(uint32_t dim, const std::vector<float>& centroids,
                 const std::vector<float>& norms);

  size_t count() const { return norms_.size(); }
  // How many groups hold all but one in four thousand of the nprobe nearest lists; count() if so
  // many would have to be looked into that all lists at once cost no more.
  size_t GroupsFor(size_t nprobe) const;

  const ByteMatrix& centers() const { return centers_; }
  const std::vector<float>& center_norms() const { return norms_; }
  // Slots of group g: whole blocks of 16, filled up with padding, whose norm is beyond every score.
  size_t first_block(size_t g) const { return first_block_[g]; }
  size_t blocks(size_t g) const { return first_block_[g + 1] - first_block_[g]; }
  const ByteMatrix& lists() const { return lists_; }  // a row a slot
  const std::vector<float>& list_norms() const { return list_norms_; }
  uint32_t list_at(size_t slot) const { return list_at_[slot]; }
  size_t bytes() const;

 private:
  void Arrange(uint32_t dim, const std::vector<float>& centroids, const std::vector<float>& norms,
               const std::vector<uint32_t>& group_of);
  void Measure(uint32_t dim, const std::vector<float>& centroids, const std::vector<float>& norms,
               const std::vector<float>& centers, const std::vector<uint32_t>& group_of);

  ByteMatrix centers_;
  std::vector<float> norms_;
  std::vector<size_t> first_block_;
  ByteMatrix lists_;
  std::vector<float> list_norms_;
  std::vector<uint32_t> list_at_;
  std::vector<size_t> needed_;  // groups for 2^i lists
};

}  // namespace tessera::quant

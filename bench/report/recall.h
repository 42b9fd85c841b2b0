// Recall of answers against the true neighbours, by ids, one definition for every engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tessera::bench {

// Sums over queries; merge the parts of several threads with Add. Divisions by zero give 0.
class Recall {
 public:
  // found: the answer's ids, best first. truth: ids of the true neighbours, nearest first, -1 where
  // there are no more. An id that stands twice in an answer counts once. A neighbour that ties with
  // the k-th true one but is not in the truth counts as missed: ties are not resolved.
  void AddQuery(std::span<const int64_t> found, std::span<const int32_t> truth);
  void Add(const Recall& other);

  // k-recall@k: of the true k nearest (fewer if the base has fewer), the share among the first k
  // found. k is 10 or 100. Means nothing for answers shorter than k.
  double at10() const { return Ratio(found_[0], expected_[0]); }
  double at100() const { return Ratio(found_[1], expected_[1]); }
  // 1-recall@k: the share of queries whose nearest is among the first k found.
  double first_at1() const { return Ratio(first_[0], queries_); }
  double first_at10() const { return Ratio(first_[1], queries_); }
  double first_at100() const { return Ratio(first_[2], queries_); }
  uint64_t queries() const { return queries_; }

 private:
  static double Ratio(uint64_t part, uint64_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  }

  uint64_t queries_ = 0;
  uint64_t found_[2] = {};  // k = 10, 100
  uint64_t expected_[2] = {};
  uint64_t first_[3] = {};  // k = 1, 10, 100
};

}  // namespace tessera::bench

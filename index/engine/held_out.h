// A sample split into base rows and queries that are not among them, with the true neighbours.
#pragma once

#include <cstdint>
#include <vector>

#include "index/engine/search_plan.h"
#include "index/executor.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::engine {

// All vectors of unit length under cosine. Row ids of `truth` are places in `base`.
struct HeldOut {
  Metric metric = Metric::kL2;
  uint32_t dim = 0;
  uint32_t k = 0;
  std::vector<float> base;     // rows x dim
  std::vector<float> queries;  // n x dim
  std::vector<std::vector<RankedRow>> truth;  // a query: its k nearest base rows, nearest first

  MatrixView<const float> base_rows() const { return {base.data(), base.size() / dim, dim}; }
  MatrixView<const float> query_rows() const { return {queries.data(), queries.size() / dim, dim}; }
};

// Takes `count` rows out of `sample` (rows x dim, normalised under cosine) as queries, drawn by
// `seed`; the others stay, in order, as base.
HeldOut HoldOut(std::vector<float> sample, uint32_t dim, Metric metric, uint32_t count,
                uint64_t seed);
// `queries` instead: rows x dim, normalised under cosine.
HeldOut HoldOut(std::vector<float> sample, uint32_t dim, Metric metric, std::vector<float> queries);

// `rows` base rows, at equal steps, and the first `queries` queries; at most what `of` has. Without truth.
HeldOut Thinned(const HeldOut& of, uint64_t rows, uint64_t queries);

// Fills k and truth by comparison with every base row, of which there must be at least k. Holds a
// copy of the base rows meanwhile.
Status FindTruth(uint32_t k, Executor& executor, const StopToken& stop, HeldOut& held);

}  // namespace tessera::engine

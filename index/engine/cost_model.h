// Processor time of a query as a function of its parameters, fitted to measured times.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/recall.h"

namespace tessera::engine {

// What decides the cost of a query.
struct CostPoint {
  double nprobe = 1;
  double rows = 0;  // in the probed lists
  RerankTier tier = RerankTier::kNone;
  double depth = 0;  // candidates: what is reranked, or k under kNone
};

// us = w0 + w1 nprobe + w2 rows + w3 depth + w4 sqrt(depth rows) + for each of the tiers that
// rerank a constant and a part by depth. The root stands for the candidates that pass a scan's
// threshold before it has settled. All weights are >= 0: more work is never cheaper.
struct CostModel {
  static constexpr size_t kWeights = 9;
  std::array<double, kWeights> weights{};

  double Micros(const CostPoint& point) const;
  friend bool operator==(const CostModel&, const CostModel&) = default;
};

struct MeasuredCost {
  CostPoint point;
  double us = 0;  // > 0
};
// Least squares of the relative error under weights >= 0, by coordinate descent. Deterministic.
CostModel FitCost(const std::vector<MeasuredCost>& measured);

}  // namespace tessera::engine

#include "index/engine/cost_model.h"

#include <algorithm>
#include <cmath>

namespace tessera::engine {
namespace {

using Features = std::array<double, CostModel::kWeights>;

Features FeaturesOf(const CostPoint& p) {
  const double refine = p.tier == RerankTier::kRefine ? 1 : 0;
  const double raw = p.tier == RerankTier::kRaw ? 1 : 0;
  return {1,      p.nprobe,         p.rows, p.depth,      std::sqrt(p.depth * p.rows),
          refine, refine * p.depth, raw,    raw * p.depth};
}

}  // namespace

double CostModel::Micros(const CostPoint& point) const {
  const Features features = FeaturesOf(point);
  double us = 0;
  for (size_t j = 0; j < kWeights; ++j) us += weights[j] * features[j];
  return us;
}

CostModel FitCost(const std::vector<MeasuredCost>& measured) {
  constexpr int kRounds = 20000;
  // Normal equations of rows f / us against 1.
  double gram[CostModel::kWeights][CostModel::kWeights] = {};
  double right[CostModel::kWeights] = {};
  for (const MeasuredCost& m : measured) {
    const Features f = FeaturesOf(m.point);
    for (size_t j = 0; j < CostModel::kWeights; ++j) {
      right[j] += f[j] / m.us;
      for (size_t i = 0; i < CostModel::kWeights; ++i) gram[i][j] += f[i] * f[j] / (m.us * m.us);
    }
  }
  CostModel model;
  for (int round = 0; round < kRounds; ++round) {
    double moved = 0;
    for (size_t j = 0; j < CostModel::kWeights; ++j) {
      if (gram[j][j] <= 0) continue;
      double gradient = right[j];
      for (size_t i = 0; i < CostModel::kWeights; ++i) gradient -= gram[i][j] * model.weights[i];
      const double next = std::max(0.0, model.weights[j] + gradient / gram[j][j]);
      moved = std::max(moved, std::abs(next - model.weights[j]) * std::sqrt(gram[j][j]));
      model.weights[j] = next;
    }
    if (moved < 1e-9) break;
  }
  return model;
}

}  // namespace tessera::engine

#include "index/engine/recall_interval.h"

#include <algorithm>
#include <cmath>

namespace tessera::engine {

RecallEstimate RecallInterval(double mean, double variance, uint64_t n, uint32_t k, double z) {
  if (n == 0) return {0, 0, 1};
  auto coins = static_cast<double>(n);
  const double of_coin = mean * (1 - mean);
  if (variance > 0 && of_coin > 0) {
    coins *= std::clamp(of_coin / variance, 1.0, static_cast<double>(k));
  }
  const double z2 = z * z / coins;
  const double center = (mean + z2 / 2) / (1 + z2);
  const double half = z / (1 + z2) * std::sqrt(of_coin / coins + z2 / (4 * coins));
  return {mean, std::clamp(center - half, 0.0, mean), std::clamp(center + half, mean, 1.0)};
}

}  // namespace tessera::engine

// The best that RaBitQ can do, by the enumeration of the extended paper (Gao et al., SIGMOD 2025, section 3.2).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {

// All scales at which a level changes, one after the other: the exact best (the extended paper's
// enumeration).
inline double BestCosine(const float* r, uint32_t dim, uint32_t bits) {
  const uint32_t levels = 1u << (bits - 1);  // of a magnitude
  std::vector<std::pair<double, uint32_t>> changes;
  for (uint32_t j = 0; j < dim; ++j) {
    for (uint32_t level = 1; level < levels; ++level) {
      changes.emplace_back(level / std::fabs(double{r[j]}), j);
    }
  }
  std::sort(changes.begin(), changes.end());
  std::vector<double> u(dim, 0.5);
  double product = 0, square = 0.25 * dim, best = 0;
  for (uint32_t j = 0; j < dim; ++j) product += 0.5 * std::fabs(double{r[j]});
  best = product / std::sqrt(square);
  for (const auto& [scale, j] : changes) {
    product += std::fabs(double{r[j]});
    square += (u[j] + 1) * (u[j] + 1) - u[j] * u[j];
    u[j] += 1;
    best = std::max(best, product / std::sqrt(square));
  }
  return best / std::sqrt(Product(r, r, dim));
}

}  // namespace tessera::quant

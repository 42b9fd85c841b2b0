#include "index/quant/rotated_bits.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr int kScales = 12;
constexpr int kRounds = 6;

// <u, r> and |u|^2.
struct Sums {
  double product = 0;
  double square = 0;

  // Squared cosine, times |r|^2.
  double Merit() const { return product > 0 && square > 0 ? product * product / square : 0; }
};

// Levels of r * inverse: half-integers within +-most.
void RoundLevels(const float* r, uint32_t dim, float inverse, float most, float* levels) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds
  for (uint32_t j = 0; j < dim; ++j) {
    const float clamped = std::min(std::max(r[j] * inverse, -most), most);
    levels[j] = ((clamped - 0.5f) + kMagic - kMagic) + 0.5f;
  }
}

Sums SumsOf(const float* r, const float* levels, uint32_t dim) {
  const auto dot = simd::ActiveKernels().dot;
  return {double{dot(r, levels, dim)}, double{dot(levels, levels, dim)}};
}

// Moves single levels while that brings u nearer to the direction of r.
void Descend(const float* r, uint32_t dim, float most, float* levels, Sums& sums) {
  for (int round = 0; round < kRounds; ++round) {
    bool moved = false;
    for (uint32_t j = 0; j < dim; ++j) {
      // Where u's length would fit r, this component's level would be r_j / scale.
      const double wanted = double{r[j]} * sums.square / sums.product;
      const float step = wanted > double{levels[j]} ? 1.0f : -1.0f;
      const float next = levels[j] + step;
      if (std::fabs(next) > most) continue;
      const Sums moved_sums = {
          sums.product + double{step} * double{r[j]},
          sums.square + double{next} * double{next} - double{levels[j]} * double{levels[j]}};
      if (moved_sums.Merit() <= sums.Merit() * (1 + 1e-12)) continue;
      levels[j] = next;
      sums = moved_sums;
      moved = true;
    }
    if (!moved) return;
  }
}

}  // namespace

RotatedFit FitRotatedBits(const float* r, uint32_t dim, uint32_t bits, uint8_t* codes) {
  thread_local std::vector<float> levels;
  thread_local std::vector<float> best;
  const float most = 0.5f * static_cast<float>((1u << bits) - 1);
  levels.resize(dim);
  best.resize(dim);
  float largest = 0;
  for (uint32_t j = 0; j < dim; ++j) largest = std::max(largest, std::fabs(r[j]));
  const double norm2 = double{simd::ActiveKernels().dot(r, r, dim)};
  Sums sums;
  if (bits == 1 || !(largest > 1e-30f)) {
    for (uint32_t j = 0; j < dim; ++j) best[j] = r[j] < 0 ? -0.5f : 0.5f;
    sums = SumsOf(r, best.data(), dim);
  } else {
    // From a grid that reaches the largest component to one that clips those beyond a fifth of it.
    for (int i = 0; i < kScales; ++i) {
      const float reach = largest * (1.0f - 0.8f * static_cast<float>(i) / kScales);
      RoundLevels(r, dim, (most + 0.5f) / reach, most, levels.data());
      const Sums tried = SumsOf(r, levels.data(), dim);
      if (i > 0 && tried.Merit() <= sums.Merit()) continue;
      sums = tried;
      best.swap(levels);
    }
    if (sums.product > 0) Descend(r, dim, most, best.data(), sums);
  }
  for (uint32_t j = 0; j < dim; ++j) codes[j] = static_cast<uint8_t>(best[j] + most);
  if (!(sums.product > 0) || !(norm2 > 0)) return {};
  const double cosine2 = std::min(1.0, sums.Merit() / norm2);
  const double variance =
      norm2 * (1.0 - cosine2) / (cosine2 * static_cast<double>(std::max(dim, 2u) - 1));
  const RotatedFit fit{static_cast<float>(norm2 / sums.product),
                       static_cast<float>(std::sqrt(variance))};
  return std::isfinite(fit.scale) && std::isfinite(fit.spread) ? fit : RotatedFit{};
}

}  // namespace tessera::quant

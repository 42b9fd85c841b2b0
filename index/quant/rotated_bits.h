// The integers of rotated-bit codes (RaBitQ, Gao and Long, SIGMOD 2024; more than one bit: Gao et
// al., SIGMOD 2025): of all grids scaled alike, the point whose direction is nearest to the
// vector's.
#pragma once

#include <cstdint>

namespace tessera::quant {

// Level of a code: u = code - (2^bits - 1) / 2, so 2^bits levels around zero without zero itself.
inline float RotatedLevel(uint8_t code, uint32_t bits) {
  return static_cast<float>(code) - 0.5f * static_cast<float>((1u << bits) - 1);
}

// What the estimator needs of a vector r and the levels u of its codes.
struct RotatedFit {
  float scale = 0;   // |r|^2 / <u, r>: <y, r> ~ scale * <y, u>, without bias; 0 for r = 0
  float spread = 0;  // the error's standard deviation over rotations, divided by |y|
};

// Codes (dim values below 2^bits) of a finite vector. 1 bit: signs. More: the best of several
// scales of the grid, then rounds of moving one level by one step while the angle gets smaller (as
// CAQ does: Gao et al., arXiv 2509.12086).
RotatedFit FitRotatedBits(const float* r, uint32_t dim, uint32_t bits, uint8_t* codes);

}  // namespace tessera::quant

#include "index/quant/byte_matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr size_t kGroupRows = 16;
constexpr size_t kQuad = 4;

float MaxAbs(const float* v, size_t n) {
  float result = 0;
  for (size_t i = 0; i < n; ++i) result = std::max(result, std::fabs(v[i]));
  return std::isfinite(result) ? result : std::numeric_limits<float>::max();
}

// The step that maps max |v| to `most`; 1 for a vector of zeros.
float StepFor(const float* v, size_t n, float most) {
  const float step = MaxAbs(v, n) / most;
  return step >= std::numeric_limits<float>::min() ? step : 1.0f;
}

// Rounds half to even; NaN gives 0. |v| below 2^22.
int32_t Round(float v, float most) {
  const float bounded = std::min(std::max(v, -most), most);
  return bounded == bounded ? static_cast<int32_t>(std::lrintf(bounded)) : 0;
}

}  // namespace

void QuantizeVector(const float* v, size_t dim, ByteVector& out) {
  constexpr float kMost = 127;
  out.bytes.assign((dim + kQuad - 1) / kQuad * kQuad, 0);
  out.step = StepFor(v, dim, kMost);
  const float inverse = 1.0f / out.step;
  out.sum = 0;
  for (size_t j = 0; j < dim; ++j) {
    const int32_t code = Round(v[j] * inverse, kMost);
    out.bytes[j] = static_cast<int8_t>(code);
    out.sum += code;
  }
}

void QuantizeLimbs(const float* v, size_t dim, LimbVector& out) {
  constexpr float kMost = 63 * 128;
  const size_t padded = (dim + kQuad - 1) / kQuad * kQuad;
  out.high.assign(padded, 0);
  out.low.assign(padded, 0);
  out.step = StepFor(v, dim, kMost);
  const float inverse = 1.0f / out.step;
  out.sum = 0;
  for (size_t j = 0; j < dim; ++j) {
    const int32_t code = Round(v[j] * inverse, kMost);
    const int32_t high = (code + 64) >> 7;  // low is in -64..63
    out.high[j] = static_cast<int8_t>(high);
    out.low[j] = static_cast<int8_t>(code - 128 * high);
    out.sum += code;
  }
}

ByteMatrix::ByteMatrix(const float* rows, size_t n, size_t dim)
    : rows_(n),
      groups_((n + kGroupRows - 1) / kGroupRows),
      quads_((dim + kQuad - 1) / kQuad),
      step_(StepFor(rows, n * dim, 127)),
      packed_(groups_ * quads_ * kGroupRows * kQuad) {
  const float inverse = 1.0f / step_;
  for (size_t r = 0; r < n; ++r) {
    uint8_t* group = packed_.data() + r / kGroupRows * quads_ * kGroupRows * kQuad;
    for (size_t j = 0; j < dim; ++j) {
      const int32_t code = Round(rows[r * dim + j] * inverse, 127) + 128;
      group[j / kQuad * kGroupRows * kQuad + r % kGroupRows * kQuad + j % kQuad] =
          static_cast<uint8_t>(code);
    }
  }
}

void ByteMatrix::Products(const int8_t* vectors, size_t n, size_t stride, int32_t* out,
                          size_t out_stride) const {
  simd::ActiveKernels().products_u8s8(packed_.data(), groups_, quads_, vectors, n, stride, out,
                                      out_stride);
}

}  // namespace tessera::quant

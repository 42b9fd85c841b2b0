#include "index/quant/byte_matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr size_t kGroupRows = 16;
constexpr size_t kQuad = 4;

float MaxAbs(const float* v, size_t n) {
  // As bits: those of a float without its sign are ordered like integers, whose maximum is
  // vectorised.
  int32_t most = 0;
  for (size_t i = 0; i < n; ++i) most = std::max(most, std::bit_cast<int32_t>(v[i]) & 0x7fffffff);
  const auto result = std::bit_cast<float>(most);
  return std::isfinite(result) ? result : std::numeric_limits<float>::max();
}

// The step that maps max |v| to `most`; 1 for a vector of zeros.
float StepFor(const float* v, size_t n, float most) {
  const float step = MaxAbs(v, n) / most;
  return step >= std::numeric_limits<float>::min() ? step : 1.0f;
}

// Rounds half to even into [-most, most], most < 2^22: 1.5 * 2^23 has no fraction bits, so that
// adding it rounds and its low bits are the integer. NaN gives -most.
int32_t Round(float v, float most) {
  constexpr float kMagic = 12582912.0f;
  const float bounded = std::min(std::max(-most, v), most);
  return std::bit_cast<int32_t>(bounded + kMagic) - std::bit_cast<int32_t>(kMagic);
}

// Byte (r, j) of the layout of products_u8s8.
size_t PackedAt(size_t r, size_t j, size_t quads) {
  return (r / kGroupRows * quads + j / kQuad) * kGroupRows * kQuad + r % kGroupRows * kQuad +
         j % kQuad;
}

}  // namespace

void QuantizeVector(const float* v, size_t dim, ByteVector& out) {
  constexpr float kMost = 127;
  out.bytes.assign((dim + kQuad - 1) / kQuad * kQuad, 0);
  out.step = StepFor(v, dim, kMost);
  const float inverse = 1.0f / out.step;
  int8_t* bytes = out.bytes.data();
  for (size_t j = 0; j < dim; ++j) {
    bytes[j] = static_cast<int8_t>(Round(v[j] * inverse, kMost));
  }
}

void QuantizeLimbs(const float* v, size_t dim, LimbVector& out) {
  constexpr float kMost = 63 * 128;
  const size_t padded = (dim + kQuad - 1) / kQuad * kQuad;
  out.bytes.assign(2 * padded, 0);
  out.step = StepFor(v, dim, kMost);
  const float inverse = 1.0f / out.step;
  int8_t* high_bytes = out.bytes.data();
  int8_t* low_bytes = high_bytes + padded;
  int32_t high_sum = 0;
  int32_t low_sum = 0;
  for (size_t j = 0; j < dim; ++j) {
    const int32_t code = Round(v[j] * inverse, kMost);
    const int32_t high = (code + 64) >> 7;  // low is in -64..63
    const int32_t low = code - 128 * high;
    high_bytes[j] = static_cast<int8_t>(high);
    low_bytes[j] = static_cast<int8_t>(low);
    high_sum += high;
    low_sum += low;
  }
  out.high_sum = high_sum;
  out.low_sum = low_sum;
}

ByteMatrix::ByteMatrix(const float* rows, size_t n, size_t dim)
    : rows_(n),
      groups_((n + kGroupRows - 1) / kGroupRows),
      quads_((dim + kQuad - 1) / kQuad),
      step_(StepFor(rows, n * dim, 127)),
      packed_(groups_ * quads_ * kGroupRows * kQuad) {
  const float inverse = 1.0f / step_;
  for (size_t r = 0; r < n; ++r) {
    for (size_t j = 0; j < dim; ++j) {
      const int32_t code = Round(rows[r * dim + j] * inverse, 127) + 128;
      packed_.data()[PackedAt(r, j, quads_)] = static_cast<uint8_t>(code);
    }
  }
}

void ByteMatrix::Products(const int8_t* vectors, size_t n, size_t stride, int32_t* out,
                          size_t out_stride) const {
  simd::ActiveKernels().products_u8s8(packed_.data(), groups_, quads_, vectors, n, stride, out,
                                      out_stride);
}

void ByteMatrix::BlockProducts(size_t first_block, size_t blocks, const int8_t* vector,
                               int32_t* out) const {
  simd::ActiveKernels().products_u8s8(packed_.data() + first_block * quads_ * kGroupRows * kQuad,
                                      blocks, quads_, vector, 1, padded_dim(), out,
                                      blocks * kGroupRows);
}

LimbMatrix::LimbMatrix(const float* rows, size_t n, size_t dim)
    : groups_((n + kGroupRows - 1) / kGroupRows),
      quads_((dim + kQuad - 1) / kQuad),
      high_(groups_ * quads_ * kGroupRows * kQuad),
      low_(high_.size()),
      steps_(n) {
  LimbVector row;
  for (size_t r = 0; r < n; ++r) {
    QuantizeLimbs(rows + r * dim, dim, row);
    steps_[r] = row.step;
    for (size_t j = 0; j < dim; ++j) {
      const size_t at = PackedAt(r, j, quads_);
      high_.data()[at] = static_cast<uint8_t>(row.high()[j] + 128);
      low_.data()[at] = static_cast<uint8_t>(row.low()[j] + 128);
    }
  }
}

void LimbMatrix::Multiply(std::span<const LimbVector* const> vs, Scratch& scratch,
                          std::span<float* const> outs) const {
  const size_t n = vs.size();
  const size_t padded = groups_ * kGroupRows;
  const size_t stride = quads_ * kQuad;
  // High limbs of all vectors, then the low ones.
  scratch.bytes.resize(2 * n * stride);
  for (size_t i = 0; i < n; ++i) {
    std::copy_n(vs[i]->high(), stride, scratch.bytes.data() + i * stride);
    std::copy_n(vs[i]->low(), stride, scratch.bytes.data() + (n + i) * stride);
  }
  scratch.products.resize(3 * n * padded);
  int32_t* high_products = scratch.products.data();
  int32_t* low_products = high_products + 2 * n * padded;
  const auto multiply = simd::ActiveKernels().products_u8s8;
  multiply(high_.data(), groups_, quads_, scratch.bytes.data(), 2 * n, stride, high_products,
           padded);
  multiply(low_.data(), groups_, quads_, scratch.bytes.data(), n, stride, low_products, padded);
  for (size_t i = 0; i < n; ++i) {
    const LimbVector& v = *vs[i];
    const int32_t* high_high = high_products + i * padded;
    const int32_t* high_low = high_products + (n + i) * padded;
    const int32_t* low_high = low_products + i * padded;
    // Low times low is below the rounding of the limbs themselves. The 128s of the unsigned bytes
    // come off here.
    const int32_t large_offset = 128 * v.high_sum;
    const int32_t small_offset = 128 * (v.high_sum + v.low_sum);
    for (size_t r = 0; r < steps_.size(); ++r) {
      const auto large = static_cast<float>(high_high[r] - large_offset);
      const auto small = static_cast<float>(high_low[r] + low_high[r] - small_offset);
      outs[i][r] = (steps_[r] * v.step) * (128.0f * (128.0f * large + small));
    }
  }
}

}  // namespace tessera::quant

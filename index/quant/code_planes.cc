#include "index/quant/code_planes.h"

#include <algorithm>

#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kHalf = 4;  // bits of the plane of two components a byte

size_t HalfBytes(size_t dim, uint32_t bits) { return bits >= kHalf ? (dim + 1) / 2 : 0; }
uint32_t BitPlanes(uint32_t bits) { return bits >= kHalf ? bits - kHalf : bits; }
size_t BitBytes(size_t dim) { return (dim + 7) / 8; }

int64_t Joined(const int32_t* sums) { return 128 * int64_t{sums[0]} + sums[1]; }

}  // namespace

size_t PlaneBytes(size_t dim, uint32_t bits) {
  if (bits == 8) return dim;
  return HalfBytes(dim, bits) + BitPlanes(bits) * BitBytes(dim);
}

void PackPlanes(const uint8_t* codes, size_t dim, uint32_t bits, uint8_t* out) {
  if (bits == 8) {
    for (size_t j = 0; j < dim; ++j) out[j] = codes[j] ^ 0x80;
    return;
  }
  uint32_t below = bits;  // bits that are yet to be written
  if (bits >= kHalf) {
    below -= kHalf;
    const size_t n = HalfBytes(dim, bits);
    for (size_t j = 0; j < n; ++j) {
      const int second = n + j < dim ? codes[n + j] >> below : 0;
      out[j] = static_cast<uint8_t>(codes[j] >> below | second << 4);
    }
    out += n;
  }
  while (below-- > 0) {
    std::fill_n(out, BitBytes(dim), uint8_t{0});
    for (size_t j = 0; j < dim; ++j) {
      out[j / 8] = static_cast<uint8_t>(out[j / 8] | (codes[j] >> below & 1) << (j % 8));
    }
    out += BitBytes(dim);
  }
}

void UnpackPlanes(const uint8_t* planes, size_t dim, uint32_t bits, uint8_t* codes) {
  if (bits == 8) {
    for (size_t j = 0; j < dim; ++j) codes[j] = planes[j] ^ 0x80;
    return;
  }
  std::fill_n(codes, dim, uint8_t{0});
  uint32_t below = bits;
  if (bits >= kHalf) {
    below -= kHalf;
    const size_t n = HalfBytes(dim, bits);
    for (size_t j = 0; j < n; ++j) codes[j] = static_cast<uint8_t>((planes[j] & 15) << below);
    for (size_t j = n; j < dim; ++j) codes[j] = static_cast<uint8_t>(planes[j - n] >> 4 << below);
    planes += n;
  }
  while (below-- > 0) {
    for (size_t j = 0; j < dim; ++j) {
      codes[j] = static_cast<uint8_t>(codes[j] | (planes[j / 8] >> (j % 8) & 1) << below);
    }
    planes += BitBytes(dim);
  }
}

int64_t PlaneProduct(const uint8_t* planes, size_t dim, uint32_t bits, const LimbVector& weights) {
  const simd::Kernels& kernels = simd::ActiveKernels();
  int32_t sums[2];
  if (bits == 8) {
    kernels.dot_limbs(planes, weights.high(), weights.low(), dim, sums);
    return Joined(sums);
  }
  int64_t product = 0;
  if (bits >= kHalf) {
    kernels.dot_nibbles(planes, weights.high(), weights.low(), dim, sums);
    product = Joined(sums);
    planes += HalfBytes(dim, bits);
  }
  for (uint32_t plane = 0; plane < BitPlanes(bits); ++plane) {
    kernels.dot_bits(planes, weights.high(), weights.low(), dim, sums);
    product = 2 * product + Joined(sums);
    planes += BitBytes(dim);
  }
  return product;
}

}  // namespace tessera::quant

// The two 16-bit floats of records: IEEE half precision, and bfloat16, the upper half of a float. Inline, since a scan
// reads them a row, and what is beyond their range becomes their largest, unlike in index/elements.h: a record is finite.
#pragma once

#include <bit>
#include <cstdint>

namespace tessera {

inline float FromHalf(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t rest = half & 0x7fffu;
  if (rest >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  // The bits as those of a float are 2^-112 of the value; subnormal ones come out right as well.
  const float magnitude = std::bit_cast<float>(rest << 13) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
}

// Rounds to nearest, halves to even. Beyond the range: the largest finite value; NaN stays NaN.
inline uint16_t ToFiniteHalf(float value) {
  constexpr float kLargest = 65504.0f;
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  float magnitude = std::bit_cast<float>(bits & 0x7fffffffu);
  if (magnitude != magnitude) return sign | 0x7e00u;
  if (magnitude > kLargest) magnitude = kLargest;
  if (magnitude < 0x1p-14f) {
    // A unit of the last place is 2^-24: adding 1/2 leaves exactly those units as low bits.
    const float shifted = magnitude + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t m = std::bit_cast<uint32_t>(magnitude);
  const uint32_t rounded = m + 0xfffu + (m >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded >> 13) - (112u << 10)));
}

inline float FromBrain(uint16_t brain) { return std::bit_cast<float>(uint32_t{brain} << 16); }

// As ToFiniteHalf.
inline uint16_t ToFiniteBrain(float value) {
  constexpr uint32_t kLargest = 0x7f7fu;
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7fc0u;
  const uint32_t rounded = (magnitude + 0x7fffu + (magnitude >> 16 & 1)) >> 16;
  return static_cast<uint16_t>(sign | (rounded < kLargest ? rounded : kLargest));
}
// The least bfloat16 that is not below a value >= 0; the largest finite one beyond the range.
inline uint16_t BrainNotBelow(float value) {
  const uint16_t nearest = ToFiniteBrain(value);
  return FromBrain(nearest) < value && nearest < 0x7f7fu ? nearest + 1 : nearest;
}

}  // namespace tessera

#include "index/elements.h"

#include <bit>
#include <cstring>

namespace tessera {
namespace {

static_assert(std::endian::native == std::endian::little, "components are stored little-endian");

template <typename Convert>
void HalvesToFloats(const void* bytes, size_t n, float* out, const Convert& convert) {
  for (size_t i = 0; i < n; ++i) {
    uint16_t half;
    std::memcpy(&half, static_cast<const char*>(bytes) + i * sizeof(half), sizeof(half));
    out[i] = convert(half);
  }
}

template <typename Convert>
void FloatsToHalves(const float* in, size_t n, void* bytes, const Convert& convert) {
  for (size_t i = 0; i < n; ++i) {
    const uint16_t half = convert(in[i]);
    std::memcpy(static_cast<char*>(bytes) + i * sizeof(half), &half, sizeof(half));
  }
}

template <typename Integer>
void IntegersToFloats(const void* bytes, size_t n, const ScalarParams& params, float* out) {
  const auto* integers = static_cast<const Integer*>(bytes);
  for (size_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(integers[i] - params.zero_point) * params.scale;
  }
}

}  // namespace

float HalfToFloat(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // zero or subnormal
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 0x1f ? 0xffu : exponent + 112;  // bias 127 - 15
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

uint16_t FloatToHalf(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u | static_cast<uint16_t>((magnitude >> 13) & 0x3ffu);
  if (magnitude >= 0x47800000u) return sign | 0x7c00u;  // 65,536 and more
  if (magnitude < 0x38800000u) {
    // Below 2^-14: adding 0.5 leaves the multiple of 2^-24 in the float's lowest bits, rounded.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(shifted) - 0x3f000000u);
  }
  // A carry moves into the exponent, from 65,520 on into infinity.
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return sign | static_cast<uint16_t>((rounded >> 13) - (112u << 10));
}

float Bfloat16ToFloat(uint16_t bfloat) { return std::bit_cast<float>(uint32_t{bfloat} << 16); }

uint16_t FloatToBfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

Status CheckQuantization(ElementType type, const ScalarParams& params) {
  if (type == ElementType::kI8 || type == ElementType::kU8) {
    return CheckParams(params, {8, type == ElementType::kI8});
  }
  if (params == ScalarParams()) return OkStatus();
  return InvalidArgument(std::string("scale and zero_point are of i8 and u8, not of ") +
                         ElementTypeName(type));
}

void ToFloats(ElementType type, const ScalarParams& params, const void* bytes, size_t n, float* out) {
  switch (type) {
    case ElementType::kF32:
      if (n > 0) std::memcpy(out, bytes, n * sizeof(float));
      return;
    case ElementType::kF16: return HalvesToFloats(bytes, n, out, HalfToFloat);
    case ElementType::kBf16: return HalvesToFloats(bytes, n, out, Bfloat16ToFloat);
    case ElementType::kI8: return IntegersToFloats<int8_t>(bytes, n, params, out);
    case ElementType::kU8: return IntegersToFloats<uint8_t>(bytes, n, params, out);
  }
}

void FromFloats(ElementType type, const float* in, size_t n, void* bytes) {
  if (type == ElementType::kF32 && n > 0) std::memcpy(bytes, in, n * sizeof(float));
  if (type == ElementType::kF16) FloatsToHalves(in, n, bytes, FloatToHalf);
  if (type == ElementType::kBf16) FloatsToHalves(in, n, bytes, FloatToBfloat16);
}

}  // namespace tessera

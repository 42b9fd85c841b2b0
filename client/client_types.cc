#include "client/client_types.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace tessera::client {
namespace {

// IEEE 754 half precision, exactly.
float HalfToFloat(uint16_t half) {
  const int exponent = half >> 10 & 0x1F;
  const auto mantissa = static_cast<float>(half & 0x3FF);
  const float sign = half & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  if (exponent == 31) return mantissa == 0 ? sign * INFINITY : NAN;
  return sign * std::ldexp(mantissa + 1024, exponent - 25);
}

}  // namespace

const char* CollectionStateName(CollectionState state) {
  switch (state) {
    case CollectionState::kUnknown: return "unknown";
    case CollectionState::kUntrained: return "untrained";
    case CollectionState::kServing: return "serving";
    case CollectionState::kTraining: return "training";
    case CollectionState::kReadOnly: return "read-only";
  }
  return "unknown";
}

const char* RerankTierName(RerankTier tier) {
  switch (tier) {
    case RerankTier::kAuto: return "auto";
    case RerankTier::kNone: return "none";
    case RerankTier::kRefine: return "refine";
    case RerankTier::kRaw: return "raw";
  }
  return "unknown";
}

std::vector<float> ToFloats(const StoredVector& vector) {
  const size_t size = ElementSize(vector.type);
  std::vector<float> out(vector.bytes.size() / size);
  const char* data = vector.bytes.data();
  for (size_t i = 0; i < out.size(); ++i) {
    switch (vector.type) {
      case ElementType::kF32: std::memcpy(&out[i], data + i * size, size); break;
      case ElementType::kF16: {
        uint16_t half;
        std::memcpy(&half, data + i * size, size);
        out[i] = HalfToFloat(half);
        break;
      }
      case ElementType::kI8: out[i] = static_cast<int8_t>(data[i]); break;
      case ElementType::kU8: out[i] = static_cast<uint8_t>(data[i]); break;
    }
  }
  return out;
}

}  // namespace tessera::client

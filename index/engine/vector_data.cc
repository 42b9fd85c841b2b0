#include "index/engine/vector_data.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>

namespace tessera::engine {
namespace {

float HalfToFloat(uint16_t h) {
  const uint32_t sign = uint32_t{h & 0x8000u} << 16;
  const uint32_t exponent = (h >> 10) & 0x1f;
  const uint32_t mantissa = h & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);  // subnormal or zero
  return sign ? -magnitude : magnitude;
}

}  // namespace

void ToFloats(ElementType type, const char* bytes, size_t n, float* out) {
  switch (type) {
    case ElementType::kF32:
      if (n > 0) std::memcpy(out, bytes, n * sizeof(float));
      return;
    case ElementType::kF16:
      for (size_t i = 0; i < n; ++i) {
        uint16_t h;
        std::memcpy(&h, bytes + 2 * i, sizeof(h));
        out[i] = HalfToFloat(h);
      }
      return;
    case ElementType::kI8:
      for (size_t i = 0; i < n; ++i) out[i] = static_cast<int8_t>(bytes[i]);
      return;
    case ElementType::kU8:
      for (size_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(bytes[i]);
      return;
  }
}

StatusOr<double> CheckVector(const float* v, size_t dim, Metric metric, const std::string& name) {
  double sum = 0;
  for (size_t i = 0; i < dim; ++i) sum += static_cast<double>(v[i]) * v[i];
  if (!std::isfinite(sum)) {
    for (size_t i = 0; i < dim; ++i) {
      if (std::isfinite(v[i])) continue;
      return InvalidArgument(name + "[" + std::to_string(i) + "] is " +
                             (std::isnan(v[i]) ? "NaN" : v[i] > 0 ? "infinity" : "-infinity"));
    }
  }
  if (sum > FLT_MAX) return InvalidArgument(name + " is too long: its squared norm overflows a float");
  const double norm = std::sqrt(sum);
  if (metric == Metric::kCosine && norm < FLT_MIN) {
    return InvalidArgument(name + " is zero (or nearly), which has no direction under cosine");
  }
  return norm;
}

void Normalize(float* v, size_t dim, double norm) {
  for (size_t i = 0; i < dim; ++i) v[i] = static_cast<float>(v[i] / norm);
}

Status CheckId(const PointId& id, const std::string& name) {
  if (id.is_number()) return OkStatus();
  if (id.key().empty()) return InvalidArgument(name + " is an empty string");
  if (id.key().size() > kMaxPointKeyBytes) {
    return InvalidArgument(name + " is " + std::to_string(id.key().size()) + " bytes long, the limit is " +
                           std::to_string(kMaxPointKeyBytes));
  }
  return OkStatus();
}

}  // namespace tessera::engine

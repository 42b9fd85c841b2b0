#include "index/types.h"

namespace tessera {

std::string PointId::ToString() const {
  return is_number() ? std::to_string(number()) : '"' + key() + '"';
}

const char* MetricName(Metric metric) {
  switch (metric) {
    case Metric::kL2: return "l2";
    case Metric::kInnerProduct: return "ip";
    case Metric::kCosine: return "cosine";
  }
  return "unknown";
}

size_t ElementSize(ElementType type) {
  switch (type) {
    case ElementType::kF32: return 4;
    case ElementType::kF16:
    case ElementType::kBf16: return 2;
    case ElementType::kI8:
    case ElementType::kU8: return 1;
  }
  return 0;
}

const char* ElementTypeName(ElementType type) {
  switch (type) {
    case ElementType::kF32: return "f32";
    case ElementType::kF16: return "f16";
    case ElementType::kI8: return "i8";
    case ElementType::kU8: return "u8";
    case ElementType::kBf16: return "bf16";
  }
  return "unknown";
}

}  // namespace tessera

size_t std::hash<tessera::PointId>::operator()(const tessera::PointId& id) const noexcept {
  if (!id.is_number()) return std::hash<std::string>()(id.key());
  // The finalizer of splitmix64 (Vigna): dense ids must not fill neighbouring buckets only.
  uint64_t x = id.number() + 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<size_t>(x ^ (x >> 31));
}

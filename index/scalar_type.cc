#include "index/scalar_type.h"

#include <cmath>

namespace tessera {

Status ScalarType::Validate() const {
  if (bits == 8 || bits == 6 || bits == 4) return OkStatus();
  return InvalidArgument("type.bits is " + std::to_string(int{bits}) + ", expected 8, 6 or 4");
}

Status CheckParams(const ScalarParams& params, ScalarType type) {
  if (!(params.scale > 0) || !std::isfinite(params.scale)) {
    return InvalidArgument("scale is " + std::to_string(params.scale) +
                           ", expected a finite number above 0");
  }
  if (params.zero_point >= type.lowest() && params.zero_point <= type.highest()) return OkStatus();
  return InvalidArgument("zero_point is " + std::to_string(params.zero_point) + ", expected " +
                         std::to_string(type.lowest()) + " to " + std::to_string(type.highest()) +
                         " (" + type.Name() + ")");
}

}  // namespace tessera

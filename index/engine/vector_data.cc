#include "index/engine/vector_data.h"

#include <cfloat>
#include <cmath>

namespace tessera::engine {
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

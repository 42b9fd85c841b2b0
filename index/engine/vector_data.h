// The checks of vectors and ids at every entry point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "index/status.h"
#include "index/types.h"

namespace tessera::engine {

// Refuses NaN, infinity, a squared norm beyond float's range and, under cosine, a norm below FLT_MIN.
// `name` is what the message calls the vector, e.g. "points[17].vector". Norm in double.
StatusOr<double> CheckVector(const float* v, size_t dim, Metric metric, const std::string& name);

// v / |v| in place; the norm as CheckVector returned it.
void Normalize(float* v, size_t dim, double norm);

// Refuses empty and over-long string ids.
Status CheckId(const PointId& id, const std::string& name);

}  // namespace tessera::engine

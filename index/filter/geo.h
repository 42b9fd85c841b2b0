// Distances and boxes on the sphere.
#pragma once

#include <span>
#include <vector>

#include "index/filter.h"

namespace tessera::filter {

inline constexpr double kEarthRadiusMetres = 6371008.8;  // the mean radius of IUGG

bool IsGeoPoint(double lat, double lon);
// Haversine formula (R. W. Sinnott, Virtues of the Haversine, Sky and Telescope 68, 1984).
double DistanceMetres(const GeoPoint& a, const GeoPoint& b);
bool Contains(const GeoBox& box, const GeoPoint& point);
// One or two boxes, none across the date line, that hold every point within `radius` metres of
// `center`.
std::vector<GeoBox> BoxesAround(const GeoPoint& center, double radius);
// The box as one or two that are not across the date line.
std::vector<GeoBox> SplitAtDateLine(const GeoBox& box);

}  // namespace tessera::filter

#include "index/filter/geo.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera::filter {
namespace {

constexpr double kRadians = std::numbers::pi / 180;

}  // namespace

bool IsGeoPoint(double lat, double lon) {
  return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180;
}

double DistanceMetres(const GeoPoint& a, const GeoPoint& b) {
  const double lat = std::sin((b.lat - a.lat) * kRadians / 2);
  const double lon = std::sin((b.lon - a.lon) * kRadians / 2);
  const double h = lat * lat + std::cos(a.lat * kRadians) * std::cos(b.lat * kRadians) * lon * lon;
  return 2 * kEarthRadiusMetres * std::asin(std::min(1.0, std::sqrt(h)));
}

bool Contains(const GeoBox& box, const GeoPoint& point) {
  if (point.lat < box.south || point.lat > box.north) return false;
  if (box.west <= box.east) return point.lon >= box.west && point.lon <= box.east;
  return point.lon >= box.west || point.lon <= box.east;
}

std::vector<GeoBox> SplitAtDateLine(const GeoBox& box) {
  if (box.west <= box.east) return {box};
  return {{box.south, box.west, box.north, 180}, {box.south, -180, box.north, box.east}};
}

std::vector<GeoBox> BoxesAround(const GeoPoint& center, double radius) {
  // A little more than the formula gives, for what rounding takes away.
  const double angle = radius / kEarthRadiusMetres * (1 + 1e-9) + 1e-9;
  GeoBox box{std::max(-90.0, center.lat - angle / kRadians), -180,
             std::min(90.0, center.lat + angle / kRadians), 180};
  // Around a pole, or the whole earth, every longitude is near. Else the widest longitude lies
  // where the circle touches its meridian: sin(dlon) = sin(angle) / cos(lat).
  const double cosine = std::cos(center.lat * kRadians);
  if (box.south <= -90 || box.north >= 90 || std::sin(angle) >= cosine) return {box};
  const double dlon = std::asin(std::sin(angle) / cosine) / kRadians + 1e-9;
  box.west = center.lon - dlon;
  box.east = center.lon + dlon;
  if (box.west < -180) box.west += 360;
  if (box.east > 180) box.east -= 360;
  return SplitAtDateLine(box);
}

}  // namespace tessera::filter

#include "index/filter/geo_column.h"

#include <algorithm>
#include <utility>

#include "index/filter/geo.h"

namespace tessera::filter {
namespace {

constexpr double kCells = 65536;

uint32_t Part(double degrees, double from, double range) {
  return static_cast<uint32_t>(std::clamp((degrees - from) / range * kCells, 0.0, kCells - 1));
}
uint32_t LatPart(double lat) { return Part(lat, -90, 180); }
uint32_t LonPart(double lon) { return Part(lon, -180, 360); }
uint32_t CellOf(const GeoPoint& place) { return LatPart(place.lat) << 16 | LonPart(place.lon); }

}  // namespace

GeoColumn::GeoColumn(std::vector<Point> points) {
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    const uint32_t left = CellOf(a.place), right = CellOf(b.place);
    return left != right ? left < right : a.row < b.row;
  });
  places_.reserve(points.size());
  rows_.reserve(points.size());
  for (const Point& point : points) {
    places_.push_back(point.place);
    rows_.push_back(point.row);
  }
}

GeoColumn::GeoColumn(std::span<const GeoColumn* const> columns, const Roaring& dead) {
  std::vector<Point> points;
  for (const GeoColumn* column : columns) {
    for (size_t i = 0; i < column->size(); ++i) {
      if (!dead.contains(column->rows_[i]))
        points.push_back({column->places_[i], column->rows_[i]});
    }
  }
  *this = GeoColumn(std::move(points));
}

uint32_t GeoColumn::CellAt(size_t i) const { return CellOf(places_[i]); }

size_t GeoColumn::LowerBound(uint32_t cell, size_t from) const {
  size_t end = size();
  while (from < end) {
    const size_t middle = (from + end) / 2;
    if (CellAt(middle) < cell) {
      from = middle + 1;
    } else {
      end = middle;
    }
  }
  return from;
}

void GeoColumn::CollectBox(const GeoBox& box, const ResolvedCondition& test,
                           RowCollector& out) const {
  const uint32_t north = LatPart(box.north), west = LonPart(box.west), east = LonPart(box.east);
  uint32_t lat = LatPart(box.south);
  size_t i = 0;
  while (lat <= north) {
    i = LowerBound(lat << 16 | west, i);
    for (; i < size() && CellAt(i) <= (lat << 16 | east); ++i) {
      FieldValue value;
      value.kind = ValueKind::kGeo;
      value.geo = places_[i];
      if (Satisfies(test, value)) out.Add(rows_[i]);
    }
    if (i == size()) return;
    lat = std::max(lat + 1, CellAt(i) >> 16);  // rows of cells without points are passed over
  }
}

void GeoColumn::Collect(const ResolvedCondition& test, RowCollector& out) const {
  const Condition& condition = *test.condition;
  const std::vector<GeoBox> boxes = condition.kind == Condition::Kind::kGeoRadius
                                        ? BoxesAround(condition.center, condition.radius)
                                        : SplitAtDateLine(condition.box);
  for (const GeoBox& box : boxes) CollectBox(box, test, out);
}

size_t GeoColumn::bytes() const {
  return places_.capacity() * sizeof(GeoPoint) + rows_.capacity() * sizeof(uint32_t);
}

}  // namespace tessera::filter

#include "index/filter/geo_column.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tessera::filter {
namespace {

std::vector<uint32_t> Collected(const GeoColumn& column, const Filter& filter) {
  const ResolvedCondition test = ResolveCondition(filter.condition, {}).value();
  RowCollector rows;
  column.Collect(test, rows);
  const Roaring set = rows.Finish();
  return {set.begin(), set.end()};
}

TEST(GeoColumn, AgreesWithEachPoint) {
  std::mt19937_64 random(21);
  std::uniform_real_distribution<double> lat(-90, 90), lon(-180, 180), near(-0.05, 0.05);
  std::vector<GeoColumn::Point> points;
  for (uint32_t row = 0; row < 4000; ++row) {
    GeoPoint place{lat(random), lon(random)};
    if (row % 2 == 0) place = {52.5 + near(random), 13.4 + near(random)};
    if (row % 100 == 1) place = {row % 200 == 1 ? 90.0 : -90.0, lon(random)};
    if (row % 100 == 3) place.lon = row % 200 == 3 ? 180 : -180;
    points.push_back({place, row});
  }
  const std::vector<GeoColumn::Point> first(points.begin(), points.begin() + 1500),
      second(points.begin() + 1500, points.end());
  const GeoColumn a(first), b(second);
  const std::vector<const GeoColumn*> parts{&a, &b};
  Roaring dead;
  for (uint32_t row = 0; row < 4000; row += 7) dead.add(row);
  const GeoColumn column(parts, dead);
  EXPECT_EQ(column.size(), 4000u - dead.cardinality());
  EXPECT_EQ(column.bytes(), column.size() * 20);

  for (int trial = 0; trial < 400; ++trial) {
    Filter filter;
    Condition& c = filter.condition;
    c.field = "place";
    c.kind = trial % 2 == 0 ? Condition::Kind::kGeoRadius : Condition::Kind::kGeoBox;
    c.center = points[random() % points.size()].place;
    c.radius = std::pow(10.0, static_cast<double>(random() % 8));
    c.box = {lat(random), lon(random), lat(random), lon(random)};
    if (trial % 3 == 0) c.box = {52.48, 13.38, 52.51, 13.41};
    if (c.box.south > c.box.north) std::swap(c.box.south, c.box.north);
    const ResolvedCondition test = ResolveCondition(c, {}).value();
    std::vector<uint32_t> expected;
    for (const GeoColumn::Point& point : points) {
      FieldValue value;
      value.kind = ValueKind::kGeo;
      value.geo = point.place;
      if (!dead.contains(point.row) && Satisfies(test, value)) expected.push_back(point.row);
    }
    EXPECT_EQ(Collected(column, filter), expected) << ToString(filter);
  }
}

}  // namespace
}  // namespace tessera::filter

#include "index/filter/geo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

namespace tessera::filter {
namespace {

TEST(Geo, Distances) {
  const double quarter = kEarthRadiusMetres * std::numbers::pi / 2;
  EXPECT_NEAR(DistanceMetres({0, 0}, {0, 90}), quarter, 1e-3);
  EXPECT_NEAR(DistanceMetres({0, 0}, {90, 17}), quarter, 1e-3);
  EXPECT_NEAR(DistanceMetres({0, 0}, {0, 180}), 2 * quarter, 1e-3);
  EXPECT_NEAR(DistanceMetres({10, 179.5}, {10, -179.5}), DistanceMetres({10, 0}, {10, 1}), 1e-3);
  EXPECT_EQ(DistanceMetres({52.5, 13.4}, {52.5, 13.4}), 0);
  // Berlin to Paris, about 878 km.
  EXPECT_NEAR(DistanceMetres({52.5200, 13.4050}, {48.8566, 2.3522}), 877463, 500);
}

TEST(Geo, BoxesMayCrossTheDateLine) {
  const GeoBox box{-10, 170, 10, -170};
  EXPECT_TRUE(Contains(box, {0, 175}));
  EXPECT_TRUE(Contains(box, {0, -175}));
  EXPECT_TRUE(Contains(box, {10, 170}));
  EXPECT_FALSE(Contains(box, {0, 0}));
  EXPECT_FALSE(Contains(box, {11, 180}));
  EXPECT_TRUE(Contains({0, 0, 1, 1}, {0.5, 1}));
  EXPECT_FALSE(Contains({0, 0, 1, 1}, {0.5, 1.1}));
  EXPECT_EQ(SplitAtDateLine(box).size(), 2u);
  EXPECT_EQ(SplitAtDateLine({0, 0, 1, 1}).size(), 1u);
}

TEST(Geo, BoxesAroundHoldEveryPointWithin) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> lat(-90, 90), lon(-180, 180), share(0, 1);
  size_t within = 0;
  for (int i = 0; i < 200000; ++i) {
    GeoPoint center{lat(random), lon(random)};
    if (i % 10 == 0) center.lat = i % 20 == 0 ? 90 : -89.99;
    if (i % 10 == 1) center.lon = i % 20 == 1 ? 180 : -180;
    const double size = std::pow(10, -6 + 8 * share(random));  // degrees
    GeoPoint point{std::clamp(center.lat + size * (share(random) - 0.5), -90.0, 90.0),
                   center.lon + size * (share(random) - 0.5)};
    if (i % 3 == 0) point.lon = lon(random);
    point.lon = std::remainder(point.lon, 360);
    const double radius = size * 60000;
    if (DistanceMetres(center, point) > radius) continue;
    ++within;
    const std::vector<GeoBox> boxes = BoxesAround(center, radius);
    EXPECT_TRUE(std::any_of(boxes.begin(), boxes.end(),
                            [&](const GeoBox& box) { return Contains(box, point); }))
        << center.lat << " " << center.lon << " " << point.lat << " " << point.lon << " " << radius;
    for (const GeoBox& box : boxes) EXPECT_LE(box.west, box.east);
  }
  EXPECT_GT(within, 50000u);
}

}  // namespace
}  // namespace tessera::filter

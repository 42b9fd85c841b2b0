// The places of one field in a segment, in the order of a grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/filter/resolved_condition.h"
#include "index/filter/row_bits.h"

namespace tessera::filter {

// Immutable. Points stand sorted by cells of 180/65536 by 360/65536 degrees (about 300 by 600 m at
// the equator), row by row of the grid: a box is a run of points in each row of cells that it
// touches, each then compared exactly. 20 bytes a point.
class GeoColumn {
 public:
  struct Point {
    GeoPoint place;
    uint32_t row = 0;
  };

  GeoColumn() = default;
  explicit GeoColumn(std::vector<Point> points);  // any order
  // As ValueColumn's.
  GeoColumn(std::span<const GeoColumn* const> columns, const Roaring& dead);

  size_t size() const { return rows_.size(); }
  // The rows that a test of kGeoRadius or kGeoBox lets through.
  void Collect(const ResolvedCondition& test, RowCollector& out) const;
  size_t bytes() const;  // heap

 private:
  void CollectBox(const GeoBox& box, const ResolvedCondition& test, RowCollector& out) const;
  uint32_t CellAt(size_t i) const;
  size_t LowerBound(uint32_t cell, size_t from) const;

  std::vector<GeoPoint> places_;
  std::vector<uint32_t> rows_;
};

}  // namespace tessera::filter

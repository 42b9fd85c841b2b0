// Lines with markers over two axes, as an SVG text.
#pragma once

#include <string>
#include <vector>

#include "bench/plot/axis.h"

namespace tessera::bench {

struct Point {
  double x = 0;
  double y = 0;
  std::string note;  // shown when the pointer rests on the marker
};

struct Series {
  std::string name;
  std::vector<Point> line;   // in the order to be joined
  std::vector<Point> faint;  // markers alone
};

struct Chart {
  std::string title;
  std::string subtitle;
  std::string x_label;
  std::string y_label;
  Axis x_axis;
  Axis y_axis;
  std::vector<Series> series;  // colours and markers by position
};

// Texts are escaped. Bytes depend on the chart alone.
std::string ToSvg(const Chart& chart);

}  // namespace tessera::bench

// Scales of a chart: values to places, and round numbers to write beside them.
#pragma once

#include <string>
#include <vector>

namespace tessera::bench {

// A value. Covers at least the values it was made from.
class Axis {
 public:
  // Linear, from a round number at or below the least to one at or above the greatest, at most
  // `ticks` steps or few more. Equal or no values give a range around them.
  static Axis Linear(const std::vector<double>& values, int ticks);
  // Logarithmic, from and to 1, 2 or 5 times a power of ten. Precondition: all values above 0.
  static Axis Log(const std::vector<double>& values);
  // The same as Linear, but never beyond `greatest`.
  static Axis LinearUpTo(const std::vector<double>& values, double greatest, int ticks);

  // 0 at the low end, 1 at the high end.
  double Place(double value) const;
  // Round numbers inside, ascending. Logarithmic: 1, 2 and 5 of each decade.
  std::vector<double> Ticks() const;
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  Axis(double low, double high, double step, bool log)
      : low_(low), high_(high), step_(step), log_(log) {}

  double low_;
  double high_;
  double step_;  // linear only
  bool log_;
};

// 0.95, 1, 20, 500, 5k, 20k, 3M: as short as the number allows.
std::string TickText(double value);

}  // namespace tessera::bench

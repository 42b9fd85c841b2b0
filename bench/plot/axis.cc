#include "bench/plot/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tessera::bench {
namespace {

constexpr double kSteps[] = {1, 2, 5, 10};
constexpr double kSlack = 1e-9;  // of a step, against rounding

// The least of 1, 2, 5 x 10^n that is at least `value`.
double RoundUp(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double step : kSteps) {
    if (step * power >= value * (1 - kSlack)) return step * power;
  }
  return 10 * power;
}

// The greatest of them that is at most `value`.
double RoundDown(double value) {
  const double up = RoundUp(value);
  if (up <= value * (1 + kSlack)) return up;
  const double power = std::pow(10, std::floor(std::log10(up) + kSlack));
  const double digit = std::round(up / power);
  return digit == 1 ? power / 2 : digit == 2 ? power : 2 * power;
}

struct Range {
  double low = 0;
  double high = 1;
};

Range RangeOf(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*low < *high) return {*low, *high};
  const double around = *low == 0 ? 1 : std::abs(*low) / 10;
  return {*low - around, *low + around};
}

}  // namespace

Axis Axis::Linear(const std::vector<double>& values, int ticks) {
  const Range range = RangeOf(values);
  const double step = RoundUp((range.high - range.low) / ticks);
  return {step * std::floor(range.low / step + kSlack),
          step * std::ceil(range.high / step - kSlack), step, false};
}

Axis Axis::LinearUpTo(const std::vector<double>& values, double greatest, int ticks) {
  Axis axis = Linear(values, ticks);
  axis.high_ = std::min(axis.high_, greatest);
  return axis;
}

Axis Axis::Log(const std::vector<double>& values) {
  if (values.empty()) return {1, 10, 0, true};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  double from = RoundDown(*low), to = RoundUp(*high);
  if (from == to) {
    from = RoundDown(from * 0.9);
    to = RoundUp(to * 1.1);
  }
  return {from, to, 0, true};
}

double Axis::Place(double value) const {
  if (log_) return std::log(value / low_) / std::log(high_ / low_);
  return (value - low_) / (high_ - low_);
}

std::vector<double> Axis::Ticks() const {
  std::vector<double> ticks;
  if (!log_) {
    for (int i = 0; low_ + i * step_ <= high_ + step_ * kSlack; ++i)
      ticks.push_back(low_ + i * step_);
    return ticks;
  }
  for (double value = low_; value <= high_ * (1 + kSlack); value = RoundUp(value * 1.01)) {
    ticks.push_back(value);
  }
  return ticks;
}

std::string TickText(double value) {
  char text[32];
  const double size = std::abs(value);
  const char* unit = size >= 999500 ? "M" : size >= 999.5 ? "k" : "";
  const double scaled = *unit == 'M' ? value / 1e6 : *unit == 'k' ? value / 1e3 : value;
  std::snprintf(text, sizeof(text), "%.4g%s", scaled, unit);
  // Sums of steps that should be 0.
  return size < 1e-12 ? "0" : text;
}

}  // namespace tessera::bench

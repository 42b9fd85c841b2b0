#include "index/scalar_calibration.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <string>

#include "index/scalar_quantizer.h"

namespace tessera {
namespace {

constexpr size_t kSearchValues = 8192;
constexpr int kSharedSteps = 32;  // of the first look: both ends drawn in alike
constexpr double kFinestStep = 1.0 / 256;

// Up to `most` of `count` values, evenly taken.
template <typename Value>
std::vector<float> Thinned(size_t count, size_t most, const Value& value) {
  std::vector<float> out(std::min(count, most));
  for (size_t i = 0; i < out.size(); ++i) out[i] = value(i * count / out.size());
  return out;
}

ValueRange MinMax(const std::vector<float>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high};
}

// `values` loses its order.
ValueRange Percentile(std::vector<float>& values, double percentile, bool symmetric) {
  const double outside = 1 - percentile / 100;
  const auto nth = [&values](size_t i) {
    const auto at = values.begin() + static_cast<ptrdiff_t>(i);
    std::nth_element(values.begin(), at, values.end());
    return *at;
  };
  const size_t last = values.size() - 1;
  if (symmetric) {
    for (float& v : values) v = std::abs(v);
    const float most = nth(last - static_cast<size_t>(outside * static_cast<double>(last)));
    return {-most, most};
  }
  const auto cut = static_cast<size_t>(outside / 2 * static_cast<double>(last));
  const float low = nth(cut);
  return {low, nth(last - cut)};
}

// The range with the least error(range), between `middle` and the ends of `widest`: both ends drawn
// in by the same share first, then each by itself in ever smaller steps.
template <typename Error>
ValueRange Search(const ValueRange& widest, float middle, bool symmetric, const Error& error) {
  const auto range = [&](const std::array<double, 2>& share) -> ValueRange {
    const double m = middle;
    return {static_cast<float>(m + (widest.low - m) * share[0]),
            static_cast<float>(m + (widest.high - m) * share[1])};
  };
  std::array<double, 2> best = {1, 1};
  double least = error(range(best));
  const auto improve = [&](const std::array<double, 2>& share) {
    if (share[0] < 0 || share[0] > 1 || share[1] < 0 || share[1] > 1) return false;
    const double found = error(range(share));
    if (!(found < least)) return false;
    least = found;
    best = share;
    return true;
  };
  for (int i = 1; i < kSharedSteps; ++i) {
    const double share = static_cast<double>(i) / kSharedSteps;
    improve({share, share});
  }
  for (double step = 0.5 / kSharedSteps; step >= kFinestStep;) {
    bool better = false;
    for (const double by : {-step, step}) {
      if (symmetric) {
        better |= improve({best[0] + by, best[1] + by});
      } else {
        better |= improve({best[0] + by, best[1]});
        better |= improve({best[0], best[1] + by});
      }
    }
    if (!better) step /= 2;
  }
  return range(best);
}

// Mean squared error is compared only, so sums do.
double LevelError(const std::vector<float>& values, const ValueRange& range, int32_t levels) {
  const double low = range.low;
  const double step = (range.high - low) / (levels - 1);
  double sum = 0;
  for (const float v : values) {
    const double level = step > 0 ? std::nearbyint((v - low) / step) : 0;
    const double e = low + step * std::clamp(level, 0.0, levels - 1.0) - v;
    sum += e * e;
  }
  return sum;
}

float Median(std::vector<float> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// `error(values, range)` is asked by kMse alone.
template <typename Value, typename Error>
ValueRange FindRange(size_t count, const Value& value, const CalibrationOptions& options,
                     const Error& error) {
  std::vector<float> values = Thinned(count, count, value);
  if (options.kind == CalibrationKind::kPercentile) {
    return Percentile(values, options.percentile, options.symmetric);
  }
  ValueRange range = MinMax(values);
  if (options.symmetric) {
    const float most = std::max(std::abs(range.low), std::abs(range.high));
    range = {-most, most};
  }
  if (options.kind == CalibrationKind::kMinMax || !(range.low < range.high)) return range;
  if (count > kSearchValues) values = Thinned(count, kSearchValues, value);
  const float middle = options.symmetric ? 0.0f : Median(values);
  return Search(range, middle, options.symmetric,
                [&](const ValueRange& r) { return error(values, r); });
}

template <typename Value>
StatusOr<ScalarParams> CalibrateValues(size_t count, const Value& value, ScalarType type,
                                       const CalibrationOptions& options) {
  std::vector<uint8_t> integers;
  std::vector<float> back;
  const auto error = [&](const std::vector<float>& values, const ValueRange& range) -> double {
    const StatusOr<ScalarParams> params = ParamsOfRange(range, type, options.symmetric);
    if (!params.ok()) return INFINITY;
    integers.resize(values.size());
    back.resize(values.size());
    QuantizeLinear(values.data(), values.size(), *params, type, integers.data());
    DequantizeLinear(integers.data(), values.size(), *params, type, back.data());
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double e = static_cast<double>(back[i]) - values[i];
      sum += e * e;
    }
    return sum;
  };
  return ParamsOfRange(FindRange(count, value, options, error), type, options.symmetric);
}

}  // namespace

Status CalibrationOptions::Validate() const {
  if (kind != CalibrationKind::kPercentile || (percentile > 0 && percentile <= 100))
    return OkStatus();
  return InvalidArgument("calibration.percentile is " + std::to_string(percentile) +
                         ", expected above 0 to 100");
}

ValueRange CalibrateRange(const SampleColumn& values, int32_t levels,
                          const CalibrationOptions& options) {
  return FindRange(
      values.count, [&](size_t i) { return values.data[i * values.stride]; }, options,
      [levels](const std::vector<float>& v, const ValueRange& r) {
        return LevelError(v, r, levels);
      });
}

StatusOr<ScalarParams> ParamsOfRange(const ValueRange& range, ScalarType type, bool symmetric) {
  ScalarParams params;
  if (symmetric) {
    params.zero_point = type.is_signed ? 0 : type.levels() / 2;
    const float most = std::max({-range.low, range.high, 0.0f});
    params.scale = most > 0 ? most / static_cast<float>(type.highest() - params.zero_point) : 1.0f;
  } else {
    const float ends[2] = {range.low, range.high};
    params = DynamicParams(ends, 2, type);
  }
  if (!std::isfinite(params.scale)) {
    return InvalidArgument("a range from " + std::to_string(range.low) + " to " +
                           std::to_string(range.high) + " overflows a float");
  }
  if (params.scale < FLT_MIN) {
    params.zero_point = type.is_signed ? 0 : type.levels() / 2;
    params.scale = FLT_MIN;
  }
  return params;
}

StatusOr<ScalarParams> Calibrate(MatrixView<const float> rows, ScalarType type,
                                 const CalibrationOptions& options) {
  return CalibrateValues(
      rows.rows() * rows.dim(),
      [&rows](size_t i) { return rows.row(i / rows.dim())[i % rows.dim()]; }, type, options);
}

StatusOr<std::vector<ScalarParams>> CalibrateDimensions(MatrixView<const float> rows,
                                                        ScalarType type,
                                                        const CalibrationOptions& options) {
  std::vector<ScalarParams> params(rows.dim());
  for (size_t j = 0; j < rows.dim(); ++j) {
    StatusOr<ScalarParams> found = CalibrateValues(
        rows.rows(), [&rows, j](size_t i) { return rows.row(i)[j]; }, type, options);
    if (!found.ok()) return Annotate(found.status(), "dimension " + std::to_string(j) + ": ");
    params[j] = *found;
  }
  return params;
}

}  // namespace tessera

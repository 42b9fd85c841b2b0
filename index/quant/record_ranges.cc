#include "index/quant/record_ranges.h"

#include "index/scalar_calibration.h"

namespace tessera::quant {
namespace {

constexpr float kMargin = 0.02f;

CalibrationOptions OptionsFor(const RecordSpec& spec) {
  CalibrationOptions options;
  options.symmetric = spec.symmetric;
  if (spec.range == ScalarRange::kPercentile) {
    options.kind = CalibrationKind::kPercentile;
    // A symmetric range cuts those of largest magnitude only, an affine one as many at either end.
    options.percentile = 99.8;
  } else if (spec.range == ScalarRange::kLeastError) {
    options.kind = CalibrationKind::kMse;
  }
  return options;
}

ValueRange RangeOf(const RecordSpec& spec, const SampleColumn& values) {
  ValueRange range = CalibrateRange(values, 1 << spec.bits, OptionsFor(spec));
  if (spec.range != ScalarRange::kMinMax) return range;
  const float margin = kMargin * (range.high - range.low);
  return {range.low - margin, range.high + margin};
}

}  // namespace

RecordRanges CalibrateRanges(const RecordSpec& spec, MatrixView<const float> residuals,
                             Executor& executor) {
  RecordRanges out;
  if (!spec.is_static()) return out;
  const size_t dim = residuals.dim();
  out.low.resize(dim);
  out.step.resize(dim);
  const auto last = static_cast<float>((1 << spec.bits) - 1);
  const auto set = [&](size_t j, const ValueRange& range) {
    out.low[j] = range.low;
    out.step[j] = (range.high - range.low) / last;
  };
  if (spec.per_tensor) {
    // Residuals are dense: all values in one column.
    const ValueRange range = RangeOf(spec, {residuals.data(), residuals.rows() * dim, 1});
    for (size_t j = 0; j < dim; ++j) set(j, range);
    return out;
  }
  ParallelFor(executor, dim, 8, [&](size_t begin, size_t end) {
    for (size_t j = begin; j < end; ++j) {
      set(j, RangeOf(spec, {residuals.data() + j, residuals.rows(), residuals.stride()}));
    }
  });
  return out;
}

}  // namespace tessera::quant

// Calibration: the range of values that a scalar code should cover, found on a sample. Pure
// functions, thread-safe; the same values give the same range whatever else runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/scalar_type.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera {

enum class CalibrationKind : uint8_t {
  kMinMax = 0,      // smallest to largest value
  kPercentile = 1,  // so that a share of the values lies inside
  kMse = 2,  // the least mean squared error on the sample, found by search over clipped ranges
};

struct CalibrationOptions {
  CalibrationKind kind = CalibrationKind::kMinMax;
  // Of kPercentile: the values to keep in percent, above 0 to 100. Affine: as many are cut at
  // either end; symmetric: those of largest magnitude.
  double percentile = 99.9;
  // Zero point in the middle (0 of signed types, 2^(bits - 1) of unsigned ones) and a range of [-a,
  // a] instead of scale and zero point for [low, high]. The lowest integer is then left unused.
  bool symmetric = false;

  // InvalidArgument names the field.
  Status Validate() const;
};

struct ValueRange {
  float low = 0;
  float high = 0;
};

// Values at data[0], data[stride], ...; finite, count >= 1.
struct SampleColumn {
  const float* data = nullptr;
  size_t count = 0;
  size_t stride = 1;
};

// The range that evenly spaced levels low + i (high - low) / (levels - 1), i = 0 .. levels - 1,
// should cover; values outside will be clipped to it. levels >= 2. options.symmetric gives low =
// -high. kMse looks at up to 8,192 of the values, evenly taken.
ValueRange CalibrateRange(const SampleColumn& values, int32_t levels,
                          const CalibrationOptions& options);

// The parameters for a range, as DynamicParams (index/scalar_quantizer.h) computes them: an affine
// range is widened to hold zero, and zero is an integer exactly. Symmetric: scale = max(-low, high)
// / (highest - middle). Where the scale would be 0 it is FLT_MIN. InvalidArgument if high - low
// overflows.
StatusOr<ScalarParams> ParamsOfRange(const ValueRange& range, ScalarType type, bool symmetric);

// One pair for all values of `rows` (finite, at least one). kMse searches the ranges by the error
// of the integers themselves, zero point rounded. InvalidArgument as ParamsOfRange.
StatusOr<ScalarParams> Calibrate(MatrixView<const float> rows, ScalarType type,
                                 const CalibrationOptions& options);
// One pair a dimension.
StatusOr<std::vector<ScalarParams>> CalibrateDimensions(MatrixView<const float> rows,
                                                        ScalarType type,
                                                        const CalibrationOptions& options);

}  // namespace tessera

// The ranges of static scalar records, calibrated on the sample.
#pragma once

#include <vector>

#include "index/executor.h"
#include "index/quantizer_spec.h"
#include "index/types.h"

namespace tessera::quant {

// Component j = low[j] + step[j] * u, u in 0 .. 2^bits - 1. Empty for records that are not static.
struct RecordRanges {
  std::vector<float> low;
  std::vector<float> step;  // >= 0

  bool empty() const { return low.empty(); }
};

// Of residuals (n x dim, n >= 1, finite) in the way of spec.range: least and largest with a margin
// of 2 % of the range on either side, for rows outside the sample; 0.1 % to 99.9 %; least squared
// error. One range for each dimension, or the same for all. Empty unless spec.is_static(). The same
// at any thread count.
RecordRanges CalibrateRanges(const RecordSpec& spec, MatrixView<const float> residuals,
                             Executor& executor);

}  // namespace tessera::quant

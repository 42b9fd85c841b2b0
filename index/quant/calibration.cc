#include "index/quant/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "index/quant/estimator.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr size_t kGrain = 1024;

std::vector<CorrectionTerms> AllTerms(const CalibrationInput& input, const Model& model) {
  std::vector<CorrectionTerms> terms(input.labels.size());
  const uint32_t dim = model.code_dim();
  ParallelFor(input.executor, terms.size(), kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const ResidualRow row = {input.residuals.data() + i * dim,
                               input.decoded.data() + i * dim,
                               input.lists.centroid(ListId(input.labels[i])),
                               input.norms.empty() ? 0.0f : input.norms[i],
                               input.tails.empty() ? RowTail{} : input.tails[i]};
      terms[i] = ComputeCorrectionTerms(model.metric, row, dim);
    }
  });
  return terms;
}

struct Range {
  float low;
  float high;
  float width() const { return high - low; }
};

// The least and the greatest of `values` when one in `tail` is left out at either end. Reorders them.
Range RangeWithin(std::vector<float>& values, size_t tail) {
  const auto out = static_cast<ptrdiff_t>(values.size() / tail);
  std::nth_element(values.begin(), values.begin() + out, values.end());
  const float low = values[static_cast<size_t>(out)];
  std::nth_element(values.begin(), values.end() - 1 - out, values.end());
  return {low, *(values.end() - 1 - out)};
}

// A list keeps its corrections in a byte: a step of 1/200 of the spread around
// the list's mean lets nearly every row have one, and is far below the noise of the
// estimate. The spread is that of all but two rows in a thousand, but no more than twice that of
// all but one in twenty: rows far from all others, drawn in as they are, must not make it coarse.
float ChooseStep(const CalibrationInput& input, const std::vector<float>& corrections) {
  const size_t n = corrections.size();
  std::vector<double> sums(input.lists.nlist());
  std::vector<size_t> counts(input.lists.nlist());
  float largest = 0;
  for (size_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::fabs(corrections[i]));
    sums[input.labels[i]] += double{corrections[i]};
    ++counts[input.labels[i]];
  }
  std::vector<float> spread(n);
  for (size_t i = 0; i < n; ++i) {
    const uint32_t list = input.labels[i];
    spread[i] = static_cast<float>(double{corrections[i]} - sums[list] / static_cast<double>(counts[list]));
  }
  const float range = std::min(RangeWithin(spread, 1000).width(), 2 * RangeWithin(spread, 40).width());
  // Equal corrections leave no spread: any step does then that keeps them in the range of an
  // integer.
  const float floor = std::max(largest * 1e-6f, std::numeric_limits<float>::min());
  const float step = std::max(range / 200.0f, floor);
  return std::isfinite(step) ? step : 1.0f;
}

// Where the bytes of a list's corrections begin. Over the list's scale s a correction is s times that of a residual of
// scale 1, whose mean is the slope; the middle of what is left, but for one row in a thousand at either end, goes to the
// middle of the byte. So a list that comes later has its place, too, without a row of it being known.
void ChooseOrigin(const CalibrationInput& input, const std::vector<float>& corrections, Model& model) {
  double sum = 0;
  for (size_t i = 0; i < corrections.size(); ++i) {
    sum += double{corrections[i]} / double{model.list_scale(ListId(input.labels[i]))};
  }
  const auto slope = static_cast<float>(sum / static_cast<double>(corrections.size()));
  std::vector<float> rest(corrections.size());
  for (size_t i = 0; i < rest.size(); ++i) {
    rest[i] = corrections[i] - slope * model.list_scale(ListId(input.labels[i]));
  }
  const Range range = RangeWithin(rest, 1000);
  const float low = (range.low + range.high) / 2 - 127.5f * model.correction_step;
  if (!std::isfinite(slope) || !std::isfinite(low)) return;
  model.correction_slope = slope;
  model.correction_low = low;
}

double TrainingError(const CalibrationInput& input, uint32_t dim) {
  double sum = 0;
  for (size_t i = 0; i < input.labels.size(); ++i) {
    sum += double{simd::ActiveKernels().l2sqr(input.residuals.data() + i * dim,
                                              input.decoded.data() + i * dim, dim)};
    if (!input.tails.empty()) sum += double{input.tails[i].energy};
  }
  return sum / static_cast<double>(input.labels.size());
}

// How far to trust that a query looks like its results: fully where all norms are equal. Where they
// vary, the results are long vectors rather than similar ones, and the correction would favour long
// ones once more. The line and its end were measured: README.md.
float ChooseWeight(const std::vector<float>& norms) {
  const auto n = static_cast<double>(norms.size());
  const double mean = std::accumulate(norms.begin(), norms.end(), 0.0) / n;
  double variance = 0;
  for (const float norm : norms) variance += (double{norm} - mean) * (double{norm} - mean) / n;
  const double variation = mean > 0 ? std::sqrt(variance) / mean : 0;
  return static_cast<float>(std::clamp(1.0 - 1.25 * variation, 0.25, 1.0));
}

}  // namespace

void Calibrate(const CalibrationInput& input, Model& model) {
  if (model.spec.has_table_code()) {
    const std::vector<CorrectionTerms> terms = AllTerms(input, model);
    if (model.metric == Metric::kInnerProduct) model.ip_weight = ChooseWeight(input.norms);
    std::vector<float> corrections(terms.size());
    for (size_t i = 0; i < terms.size(); ++i) {
      corrections[i] =
          CombineCorrection(model.metric, terms[i], model.mu) / model.list_scale(ListId(input.labels[i]));
    }
    model.correction_step = ChooseStep(input, corrections);
    ChooseOrigin(input, corrections, model);
  }
  model.training_error = TrainingError(input, model.code_dim());
}

}  // namespace tessera::quant

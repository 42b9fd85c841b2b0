#include "index/quant/list_scale.h"

#include <algorithm>
#include <cmath>

#include "index/quant/rows.h"

namespace tessera::quant {
namespace {

constexpr double kPriorRows = 10;
// Lists of equal rows, and overflow: codes and corrections stay within what floats hold.
constexpr double kLeast = 1.0 / 1024;
constexpr double kMost = 1024;

}  // namespace

std::vector<float> MeasureListScales(MatrixView<const float> residuals,
                                     const std::vector<uint32_t>& labels, uint32_t nlist) {
  std::vector<double> sums(nlist);
  std::vector<double> counts(nlist);
  double all = 0;
  for (size_t i = 0; i < residuals.rows(); ++i) {
    const double norm = SquaredNorm(residuals.row(i), residuals.dim());
    sums[labels[i]] += norm;
    counts[labels[i]] += 1;
    all += norm;
  }
  all /= static_cast<double>(residuals.rows());
  std::vector<float> scales(nlist, 1.0f);
  if (!(all > 0) || !std::isfinite(all)) return scales;
  for (uint32_t l = 0; l < nlist; ++l) {
    scales[l] = ListScale(sums[l] / all, counts[l]);
  }
  return scales;
}

float ListScale(double squares, double count) {
  const double square = (squares + kPriorRows) / (count + kPriorRows);
  return static_cast<float>(std::clamp(std::sqrt(square), kLeast, kMost));
}

std::vector<float> DivideByScales(MatrixView<const float> rows, const std::vector<uint32_t>& labels,
                                  const std::vector<float>& scales) {
  const size_t dim = rows.dim();
  std::vector<float> out(rows.rows() * dim);
  for (size_t i = 0; i < rows.rows(); ++i) {
    const float scale = scales[labels[i]];
    for (size_t j = 0; j < dim; ++j) out[i * dim + j] = rows.row(i)[j] / scale;
  }
  return out;
}

}  // namespace tessera::quant

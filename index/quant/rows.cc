#include "index/quant/rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tessera::quant {

Status CheckFinite(MatrixView<const float> rows, const std::string& name) {
  for (size_t i = 0; i < rows.rows(); ++i) {
    const float* row = rows.row(i);
    // x - x is 0 for finite x and NaN otherwise: one sum tells of the whole row, without branches.
    float lanes[8] = {};
    size_t j = 0;
    for (; j + 8 <= rows.dim(); j += 8) {
      for (size_t l = 0; l < 8; ++l) lanes[l] += row[j + l] - row[j + l];
    }
    for (; j < rows.dim(); ++j) lanes[0] += row[j] - row[j];
    const float sum = std::accumulate(lanes, lanes + 8, 0.0f);
    if (sum == 0.0f) continue;
    const float* bad =
        std::find_if(row, row + rows.dim(), [](float v) { return !std::isfinite(v); });
    return InvalidArgument(name + "[" + std::to_string(i) + "][" + std::to_string(bad - row) +
                           "] is " + (std::isnan(*bad) ? "NaN" : "infinite"));
  }
  return OkStatus();
}

std::vector<float> CopyRows(MatrixView<const float> rows) {
  return CopyColumns(rows, 0, rows.dim());
}

std::vector<float> GatherRows(MatrixView<const float> rows, const std::vector<uint32_t>& indices) {
  std::vector<float> out(indices.size() * rows.dim());
  for (size_t i = 0; i < indices.size(); ++i) {
    std::copy_n(rows.row(indices[i]), rows.dim(), out.data() + i * rows.dim());
  }
  return out;
}

std::vector<float> CopyColumns(MatrixView<const float> rows, size_t begin, size_t end) {
  const size_t width = end - begin;
  std::vector<float> out(rows.rows() * width);
  for (size_t i = 0; i < rows.rows(); ++i) {
    std::copy_n(rows.row(i) + begin, width, out.data() + i * width);
  }
  return out;
}

double SquaredNorm(const float* x, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; ++j) sum += double{x[j]} * double{x[j]};
  return sum;
}

}  // namespace tessera::quant

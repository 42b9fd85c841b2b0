#include "index/engine/code_error.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tessera::engine {

double ErrorSums::margin() const {
  if (rows < 2) return 0;
  const auto n = static_cast<double>(rows);
  const double variance = std::max(0.0, (squares - sum * sum / n) / (n - 1));
  return 1.96 * std::sqrt(variance / n);
}

ErrorSums MeasureEncoded(const quant::Model& model, const quant::ListTable& lists,
                         MatrixView<const float> rows, const quant::EncodedRows& encoded, size_t first,
                         size_t step) {
  ErrorSums sums;
  std::vector<float> decoded(model.dim);
  for (size_t i = first; i < rows.rows(); i += step) {
    quant::DecodeRow(model, lists, encoded.lists[i], encoded.codes.data() + i * model.code_bytes(),
                     decoded.data());
    double error = 0;
    for (uint32_t j = 0; j < model.dim; ++j) {
      const double difference = double{rows.row(i)[j]} - double{decoded[j]};
      error += difference * difference;
    }
    // A row far from all others, which the code only has the direction of, would outweigh a thousand.
    const auto most = double{model.residual_limit};
    sums.Add(most > 0 ? std::min(error, most) : error);
  }
  return sums;
}

ErrorSums MeasureRows(const quant::Model& model, const quant::ListTable& lists, MatrixView<const float> rows,
                      Executor& executor) {
  quant::EncodedRows encoded;
  quant::EncodeRows(model, lists, rows, executor, encoded);
  return MeasureEncoded(model, lists, rows, encoded, 0, 1);
}

}  // namespace tessera::engine

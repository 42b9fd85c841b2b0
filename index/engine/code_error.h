// The quantization error of rows: their squared distance to what their codes decode to.
#pragma once

#include <cstdint>

#include "index/quant/encoder.h"
#include "index/quant/model.h"
#include "index/types.h"

namespace tessera::engine {

// Errors summed up: a mean with its uncertainty. Plain data.
struct ErrorSums {
  uint64_t rows = 0;
  double sum = 0;
  double squares = 0;

  void Add(double error) {
    ++rows;
    sum += error;
    squares += error * error;
  }
  void Add(const ErrorSums& other) {
    rows += other.rows;
    sum += other.sum;
    squares += other.squares;
  }
  double mean() const { return rows > 0 ? sum / static_cast<double>(rows) : 0; }
  // Half of the 95 % confidence interval of the mean (normal approximation); 0 for fewer than two rows.
  double margin() const;
};

// Every `step`-th of the encoded rows (n x dim, normalised under cosine), from `first` on.
ErrorSums MeasureEncoded(const quant::Model& model, const quant::ListTable& lists,
                         MatrixView<const float> rows, const quant::EncodedRows& encoded, size_t first,
                         size_t step);
// All of `rows`, which are encoded for it.
ErrorSums MeasureRows(const quant::Model& model, const quant::ListTable& lists, MatrixView<const float> rows,
                      Executor& executor);

// Rows written since a codebook is in force, and the errors of some of them.
struct WrittenRows {
  uint64_t rows = 0;
  ErrorSums errors;
};

// One row of so many is measured when rows are written: decoding costs dim^2 multiplications with a rotation, so
// that a row bears 4 dim of them, much less than encoding it takes.
inline size_t WrittenStep(uint32_t dim) { return dim < 64 ? 16 : dim / 4; }

}  // namespace tessera::engine

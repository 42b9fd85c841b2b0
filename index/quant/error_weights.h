// What an error of a code costs in ranking, and codes that cost least.
//
// An estimate is off by 2 <v, e>, where e is the error of the row's code and v depends on the query: v = y - c -
// mu r (README). Over the queries that a row matters to, its square is e^T W e on average, W = E[v v^T]. Nearest
// codewords minimise e^T e instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/quant/table_code.h"
#include "index/types.h"

namespace tessera::quant {

// Immutable after construction, so safe to share between threads.
class ErrorWeights {
 public:
  // All errors cost the same: codes stay as they are.
  ErrorWeights() = default;
  // matrix: W, dim x dim row-major, symmetric. code: the table code whose errors it weighs.
  ErrorWeights(std::vector<float> matrix, const TableCode& code);

  bool empty() const { return matrix_.empty(); }
  const std::vector<float>& matrix() const { return matrix_; }
  size_t bytes() const { return (matrix_.size() + norms_.size()) * sizeof(float); }

  // Lowers e^T W e of each row by coordinate descent (as iterated conditional modes: Besag 1986): part by
  // part, twice, the codeword that is best beside the others. rows: n x dim that `codes` (n x
  // code.code_bytes()) encode by `code`, the one given to the constructor.
  void Improve(const TableCode& code, MatrixView<const float> rows, uint8_t* codes) const;

  // Sum of e^T W e over n dense errors, in double, in order.
  double Cost(const float* errors, size_t n) const;

 private:
  void ImproveBlock(const TableCode& code, MatrixView<const float> rows, uint8_t* codes) const;
  void ImprovePart(const TableCode& code, size_t p, size_t n, uint8_t* scan_codes) const;

  size_t dim_ = 0;
  std::vector<float> matrix_;
  std::vector<float> norms_;  // C^T W_pp C of all codewords C, part by part
};

// e_i += sign * the codeword of part p in the scan codes of row i. errors: n x dim, dense.
void AddCodewords(const TableCode& code, size_t p, const uint8_t* scan_codes, size_t n, float sign,
                  float* errors);

}  // namespace tessera::quant

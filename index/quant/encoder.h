// Vectors + model -> (list, code, correction, refine record) per row.
#pragma once

#include <cstdint>
#include <vector>

#include "index/executor.h"
#include "index/quant/estimator.h"
#include "index/quant/model.h"

namespace tessera::quant {

// Codes of n rows; arrays are parallel.
struct EncodedRows {
  std::vector<ListId> lists;       // n
  std::vector<uint8_t> codes;      // n x model.code_bytes()
  std::vector<float> corrections;  // n, the b_i of the estimator over the list's scale, in full precision
  std::vector<uint8_t> refine;     // n x model.refine_bytes()
};

// Normalises each row to unit length in place, norms computed in double. Precondition: no zero
// norm.
void NormalizeRows(MatrixView<float> rows);

// R (x - m0) for each row by GEMM. out: rows x model.code_dim(), dense; without a truncation it may be
// rows.data() if dense.
void TransformRows(const Model& model, MatrixView<const float> rows, float* out);

// Encodes rows (normalised under cosine): nearest centroid by L2, code of the residual over the list's scale,
// correction
//   L2, cosine: b = |r|^2 - 2 mu (|r|^2 - <r, r^>) + 2 <c, r^>
//   inner product: b = (-<c, r - r^> - mu (|r|^2 - <r, r^>)) / |x|   (0 for x = 0)
// with a truncation of c + r and tail together (estimator.h), and the refine record of r (record_code.h), with a
// truncation of x - m0 - R^T c in all dimensions. Where the code is a record, the correction is 0.
// Work is cut into blocks of fixed size over `executor`; the result does not depend on its threads.
// `out` is overwritten; its capacity is reused. terms, if asked for: what each row's correction was
// combined from (of a record the error of its tail); refine records, whose ranges calibration has yet to set, are
// left out then.
void EncodeRows(const Model& model, const ListTable& lists, MatrixView<const float> rows,
                Executor& executor, EncodedRows& out,
                std::vector<CorrectionTerms>* terms = nullptr);

// r^ of a row of that list: out[model.code_dim()], rotated.
void DecodeResidual(const Model& model, ListId list, const uint8_t* code, float* out);

// x~ = m0 + R^T (c_l + r^): out[dim], in the normalised space under cosine.
void DecodeRow(const Model& model, const ListTable& lists, ListId list, const uint8_t* code,
               float* out);

}  // namespace tessera::quant

// The part of the estimator that a row carries: its correction (encoder.h
// has the formulas; records: record_code.h). Pure functions of one row, shared by training and
// encoding.
#pragma once

#include <cstdint>

#include "index/quant/model.h"

namespace tessera::quant {

// A row's residual r, its decoded code r^ and its list's centroid c; dim floats each, borrowed.
struct ResidualRow {
  const float* residual;
  const float* decoded;
  const float* centroid;
  float norm;  // |x| before centring; read under inner product only
};

// Two scalars that make up every correction, whatever mu.
struct CorrectionTerms {
  float fixed;  // L2, cosine: |r|^2 + 2 <c, r^>;  inner product: -<c, r - r^> / |x|
  float error;  // |r|^2 - <r, r^>;                inner product: that / |x|
};
CorrectionTerms ComputeCorrectionTerms(Metric metric, const ResidualRow& row, uint32_t dim);

// b = fixed - 2 mu error (L2, cosine), fixed - mu error (inner product).
float CombineCorrection(Metric metric, const CorrectionTerms& terms, float mu);

}  // namespace tessera::quant

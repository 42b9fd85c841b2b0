// The part of the estimator that a row carries: its correction (encoder.h
// has the formulas; records: record_code.h). Pure functions of one row, shared by training and
// encoding.
#pragma once

#include <cstdint>

#include "index/quant/model.h"

namespace tessera::quant {

// What a row has in the dimensions that a truncation leaves out: t of model.h. 0 without one.
struct RowTail {
  float energy = 0;        // |t|^2
  float mean_product = 0;  // <m0, t>; inner product only
};

// A row's residual r, its decoded code r^ and its list's centroid c; dim floats each, borrowed.
struct ResidualRow {
  const float* residual;
  const float* decoded;
  const float* centroid;
  float norm;  // |x| before centring; read under inner product only
  RowTail tail = {};
};

// Two scalars that make up every correction, whatever mu. The tail is an error like any other: |r|^2 is that
// of c + r and t together.
struct CorrectionTerms {
  float fixed;  // L2, cosine: |r|^2 + |t|^2 + 2 <c, r^>;  inner product: -(<c, r - r^> + <m0, t>) / |x|
  float error;  // |r|^2 + |t|^2 - <r, r^>;                inner product: that / |x|
};
CorrectionTerms ComputeCorrectionTerms(Metric metric, const ResidualRow& row, uint32_t dim);

// b = fixed - 2 mu error (L2, cosine), fixed - mu error (inner product).
float CombineCorrection(Metric metric, const CorrectionTerms& terms, float mu);

// What a record keeps of the tail (record_code.h), of which mu is expected in near queries, too. L2, cosine:
// (1 - 2 mu) |t|^2; inner product: records have no room for it, 0.
float TailCorrection(Metric metric, const RowTail& tail, float mu);

}  // namespace tessera::quant

// Per query: transformed vector, integer lookup tables (nearest lists: coarse.h; scores of records:
// record_code.h).
//
// All estimates D are "smaller is better":
//   L2, cosine:     D_i = |y - c_l|^2 + tail + b_i - 2 <y, r^_i>
//   inner product: -S_i = -<q, m0> - <y, c_l> + s_q b_i - <y, r^_i>
// The part without i is the list's base; sum over tables gives the last term; b_i is the
// correction. One fixed order of operations and no BLAS here: every processor gives the same ids.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "index/base/aligned_buffer.h"
#include "index/quant/model.h"

namespace tessera::quant {

// A query after rotation. q is normalised under cosine before.
struct TransformedQuery {
  std::vector<float> y;         // L2, cosine: R (q - m0); inner product: R q
  // With a truncation q - m0 (inner product: q) in all dimensions; else empty.
  std::vector<float> full;
  float y_norm2 = 0;            // |y|^2
  // What |q - m0|^2 has more than |y|^2: 0 without a truncation, and under inner product.
  float tail = 0;
  float bias = 0;               // inner product: -<q, m0>; else 0
  float correction_weight = 1;  // s_q
  LimbVector limbs;             // scratch

  // What refine records are scored with.
  const float* for_refine() const { return full.empty() ? y.data() : full.data(); }
};
// q: model.dim finite floats. `out` is overwritten, its capacity reused.
void TransformQuery(const Model& model, const float* q, TransformedQuery& out);
// The same for several queries, for which the rotation is read once for some of them. Uses
// thread-local scratch.
void TransformQueries(const Model& model, MatrixView<const float> queries,
                      std::span<TransformedQuery* const> out);

// A list that a query looks into (coarse.h finds them).
struct ProbedList {
  ListId list;
  float base;  // |y - c_l|^2 + tail (>= 0) or -<q, m0> - <y, c_l>; finite
  float scale = 1;     // of the model's list_scales
  int32_t origin = 0;  // of corrections, in steps (Model::correction_origin)
};

// 7-bit tables: T_s[k] ~ offset_s + scale * U_s[k]; D = base + list's scale * (offset + scale * (sum U + correction
// part)).
struct QueryTables {
  // code.scan_tables() x code.scan_entries() bytes, those after code.scan_codes() zero.
  AlignedBuffer tables;
  float scale = 1;       // a > 0
  float offset = 0;      // sum of the tables' minima
  // Correction in units of scale for a correction step d: factor = round(256 * s_q * d / scale).
  float correction_weight = 1;
  std::vector<float> scratch;  // first the products that the tables are made of
};
// correction_step: model.correction_step; scale is raised so that 256 * s_q * step / scale <=
// 65535.
void BuildQueryTables(const Model& model, const TransformedQuery& query, QueryTables& out);

// Overflow must not make an estimate NaN, which has no order, or infinite. NaN gives the largest
// float.
inline float FiniteEstimate(float v) {
  constexpr float kMax = std::numeric_limits<float>::max();
  return v < kMax ? (v > -kMax ? v : -kMax) : kMax;
}

// D of one row from the tables in float, free of their 7 bits: `tables` as BuildQueryTables left them,
// the row's list, its correction (over the list's scale), its code. Finite.
float TableScore(const Model& model, const QueryTables& tables, const ProbedList& list, float correction,
                 const uint8_t* code);

// D -> the score that users see: L2: max(D, 0); inner product: -D; cosine: 1 - D / 2.
float ScoreFromEstimate(Metric metric, float estimate);
// Inverse, for thresholds.
float EstimateFromScore(Metric metric, float score);

// Exact scores by direct difference / product, accumulated in fixed order: L2 |q - x|^2, inner
// product <q, x>, cosine <q, x> (both normalised by the caller).
float ExactScore(Metric metric, const float* q, const float* x, size_t dim);

}  // namespace tessera::quant

#include "index/quant/query.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "index/quant/extremes.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// D holds the products <y, .> times this.
float ProductWeight(Metric metric) { return metric == Metric::kInnerProduct ? -1.0f : -2.0f; }

// Queries that are rotated together: their products stay in the L2 cache.
constexpr size_t kRotatedTogether = 8;

// Everything but the rotation and the tail.
void Center(const Model& model, const float* q, TransformedQuery& out) {
  const auto& kernels = simd::ActiveKernels();
  const bool centered = model.metric != Metric::kInnerProduct;
  std::vector<float>& to = model.truncated() ? out.full : out.y;
  to.resize(model.dim);
  out.bias = 0;
  out.tail = 0;
  out.correction_weight = 1;
  if (!centered) {
    out.bias = -kernels.dot(q, model.mean.data(), model.dim);
    out.correction_weight = model.ip_weight * std::sqrt(kernels.dot(q, q, model.dim));
  }
  for (uint32_t j = 0; j < model.dim; ++j) to[j] = centered ? q[j] - model.mean[j] : q[j];
  if (model.truncated()) {
    out.y.assign(to.begin(), to.begin() + static_cast<ptrdiff_t>(model.code_dim()));
  } else {
    out.full.clear();
  }
}

void AddNorms(const Model& model, TransformedQuery& out) {
  const auto dot = simd::ActiveKernels().dot;
  out.y_norm2 = dot(out.y.data(), out.y.data(), out.y.size());
  if (!model.truncated() || model.metric == Metric::kInnerProduct) return;
  const float tail = dot(out.full.data(), out.full.data(), model.dim) - out.y_norm2;
  out.tail = tail > 0 ? tail : 0;  // NaN, from what overflows, is no tail
}

// y = R y of up to kRotatedTogether queries.
void Rotate(const Model& model, std::span<TransformedQuery* const> queries) {
  const size_t read = model.rotated_dim();
#if defined(TESSERA_FLOAT_QUERIES)
  for (TransformedQuery* query : queries) {
    const std::vector<float> centered(query->for_refine(), query->for_refine() + read);
    simd::ActiveKernels().dot_rows(centered.data(), model.rotation.data(), model.code_dim(), read,
                                   read, query->y.data());
  }
#else
  thread_local LimbMatrix::Scratch scratch;
  const LimbVector* limbs[kRotatedTogether];
  float* outs[kRotatedTogether];
  for (size_t i = 0; i < queries.size(); ++i) {
    QuantizeLimbs(queries[i]->for_refine(), read, queries[i]->limbs);
    limbs[i] = &queries[i]->limbs;
    outs[i] = queries[i]->y.data();
  }
  model.query_rotation->Multiply({limbs, queries.size()}, scratch, {outs, queries.size()});
#endif
}

// The scale a: as fine as 7 bits allow, but coarse enough that the correction factor fits 16 bits.
float ChooseScale(float widest, float correction_weight, float correction_step) {
  const double correction = 256.0 * double{correction_weight} * double{correction_step};
  // 65534.5 would round to 65535 only if divisions were exact.
  const double scale = std::max(double{widest} / 127.0, correction / 65534.0);
  const auto result = static_cast<float>(scale);
  return result >= std::numeric_limits<float>::min() && std::isfinite(result) ? result : 1.0f;
}

}  // namespace

void TransformQueries(const Model& model, MatrixView<const float> queries,
                      std::span<TransformedQuery* const> out) {
  for (size_t begin = 0; begin < out.size(); begin += kRotatedTogether) {
    const size_t n = std::min(kRotatedTogether, out.size() - begin);
    for (size_t i = begin; i < begin + n; ++i) Center(model, queries.row(i), *out[i]);
    if (!model.rotation.empty()) Rotate(model, out.subspan(begin, n));
    for (size_t i = begin; i < begin + n; ++i) AddNorms(model, *out[i]);
  }
}

void TransformQuery(const Model& model, const float* q, TransformedQuery& out) {
  TransformedQuery* outs[] = {&out};
  TransformQueries(model, {q, 1, model.dim}, outs);
}

void BuildQueryTables(const Model& model, const TransformedQuery& query, QueryTables& out) {
  const TableCode& code = model.code;
  const size_t entries = code.scan_entries();
  const size_t count = code.scan_codes();
  const float weight = ProductWeight(model.metric);
  out.tables.Resize(code.scan_tables() * entries);
  out.scratch.resize(count * (entries + 1));
  float* products = out.scratch.data();
  float* highest = products + count * entries;  // of each table of products; its own minimum is there
  code.FillTables(query.y.data(), products);
  float widest = 0;
  double offset = 0;
  for (size_t s = 0; s < count; ++s) {
    const Range range = FindRange(products + s * entries, entries);
    highest[s] = range.high;
    widest = std::max(widest, -weight * (range.high - range.low));
    offset += double{weight} * double{range.high};
  }
  out.correction_weight = query.correction_weight;
  out.scale = ChooseScale(widest, query.correction_weight, model.correction_step);
  out.offset = static_cast<float>(offset);
  const float inverse = weight / out.scale;
  for (size_t s = 0; s < count; ++s) {
    simd::ActiveKernels().quantize_table(products + s * entries, entries, highest[s], inverse,
                                         out.tables.data() + s * entries);
  }
}

float TableScore(const Model& model, const QueryTables& tables, const ProbedList& list, float correction,
                 const uint8_t* code) {
  thread_local std::vector<uint8_t> entries;
  const size_t count = model.code.scan_codes();
  entries.resize(count);
  model.code.ReadScanCodes(code, entries.data());
  const float* products = tables.scratch.data();
  float sum = 0;
  for (size_t s = 0; s < count; ++s) {
    sum += products[entries[s]];
    products += model.code.scan_entries();
  }
  return FiniteEstimate(list.base + list.scale * (tables.correction_weight * correction) +
                        list.scale * ProductWeight(model.metric) * sum);
}

float ScoreFromEstimate(Metric metric, float estimate) {
  if (metric == Metric::kInnerProduct) return -estimate;
  if (metric == Metric::kCosine) return 1.0f - estimate / 2.0f;
  return std::max(estimate, 0.0f);
}

float EstimateFromScore(Metric metric, float score) {
  if (metric == Metric::kInnerProduct) return -score;
  if (metric == Metric::kCosine) return 2.0f - 2.0f * score;
  return score;
}

float ExactScore(Metric metric, const float* q, const float* x, size_t dim) {
  const auto& kernels = simd::ActiveKernels();
  return metric == Metric::kL2 ? kernels.l2sqr(q, x, dim) : kernels.dot(q, x, dim);
}

}  // namespace tessera::quant

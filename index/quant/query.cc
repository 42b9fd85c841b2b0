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

// Overflow must not make an estimate NaN, which has no order, or infinite.
float Finite(float v) {
  constexpr float kMax = std::numeric_limits<float>::max();
  return v < kMax ? (v > -kMax ? v : -kMax) : kMax;  // NaN: kMax
}

bool NearerList(const ProbedList& a, const ProbedList& b) {
  return a.base != b.base ? a.base < b.base : a.list < b.list;
}

// Turns the products <y, c_l> into bases, in place.
void ComputeBases(const Model& model, const ListTable& lists, const TransformedQuery& query,
                  std::vector<float>& bases) {
  const size_t nlist = lists.nlist();
  if (model.metric == Metric::kInnerProduct) {
    for (size_t l = 0; l < nlist; ++l) bases[l] = Finite(query.bias - bases[l]);
    return;
  }
  const float* norms = lists.norms().data();
  for (size_t l = 0; l < nlist; ++l) {
    bases[l] = std::max(Finite(query.y_norm2 + norms[l] - 2.0f * bases[l]), 0.0f);
  }
}

// The `count` first of bases by NearerList, unordered among themselves.
void SelectLists(const std::vector<float>& bases, size_t count, std::vector<ProbedList>& out) {
  // Room for as many again before the worse half is thrown away: a list costs O(1) on average.
  const size_t limit = 2 * count + 64;
  float threshold = std::numeric_limits<float>::infinity();
  out.clear();
  out.reserve(std::min(limit, bases.size()));
  const auto keep = [&] {
    if (out.size() <= count) return;
    std::nth_element(out.begin(), out.begin() + static_cast<ptrdiff_t>(count), out.end(),
                     NearerList);
    out.resize(count);
  };
  for (size_t l = 0; l < bases.size(); ++l) {
    // Of equal bases the smaller list wins, and it came first.
    if (!(bases[l] < threshold)) continue;
    out.push_back({ListId(static_cast<uint32_t>(l)), bases[l]});
    if (out.size() < limit) continue;
    keep();
    threshold = std::max_element(out.begin(), out.end(), NearerList)->base;
  }
  keep();
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

void TransformQuery(const Model& model, const float* q, TransformedQuery& out) {
  const auto& kernels = simd::ActiveKernels();
  const bool centered = model.metric != Metric::kInnerProduct;
  out.y.resize(model.dim);
  out.bias = 0;
  out.correction_weight = 1;
  if (!centered) {
    out.bias = -kernels.dot(q, model.mean.data(), model.dim);
    out.correction_weight = model.ip_weight * std::sqrt(kernels.dot(q, q, model.dim));
  }
  thread_local std::vector<float> moved;
  std::vector<float>& target = model.rotation.empty() ? out.y : moved;
  target.resize(model.dim);
  for (uint32_t j = 0; j < model.dim; ++j) target[j] = centered ? q[j] - model.mean[j] : q[j];
  if (!model.rotation.empty()) {
    kernels.dot_rows(moved.data(), model.rotation.data(), model.dim, model.dim, model.dim,
                     out.y.data());
  }
  out.y_norm2 = kernels.dot(out.y.data(), out.y.data(), model.dim);
}

void CoarseSearch(const Model& model, const ListTable& lists, const TransformedQuery& query,
                  size_t nprobe, std::vector<float>& scratch, std::vector<ProbedList>& out) {
  scratch.resize(lists.nlist());
  simd::ActiveKernels().dot_rows(query.y.data(), lists.centroids().data(), lists.nlist(),
                                 lists.dim(), lists.dim(), scratch.data());
  ComputeBases(model, lists, query, scratch);
  SelectLists(scratch, std::min<size_t>(nprobe, lists.nlist()), out);
  std::sort(out.begin(), out.end(), NearerList);
}

void BuildQueryTables(const Model& model, const TransformedQuery& query, QueryTables& out) {
  const auto& kernels = simd::ActiveKernels();
  const ProductQuantizer& pq = model.pq;
  const size_t ksub = pq.ksub();
  const size_t tables = pq.bits() == 4 ? 2 * size_t{pq.code_bytes()} : pq.m();
  const float weight = ProductWeight(model.metric);
  out.tables.Resize(tables * ksub);
  out.scratch.resize(pq.m() * (ksub + 1));
  float* products = out.scratch.data();
  float* highest = products + pq.m() * ksub;  // of each sub-space; there the table has its minimum
  float widest = 0;
  double offset = 0;
  for (uint32_t s = 0; s < pq.m(); ++s) {
    float* table = products + s * ksub;
    kernels.table(query.y.data() + pq.bound(s), pq.codebook(s), pq.bound(s + 1) - pq.bound(s), ksub,
                  table);
    const Range range = FindRange(table, ksub);
    highest[s] = range.high;
    widest = std::max(widest, -weight * (range.high - range.low));
    offset += double{weight} * double{range.high};
  }
  out.correction_weight = query.correction_weight;
  out.scale = ChooseScale(widest, query.correction_weight, model.correction_step);
  out.offset = static_cast<float>(offset);
  const float inverse = weight / out.scale;
  for (uint32_t s = 0; s < pq.m(); ++s) {
    kernels.quantize_table(products + s * ksub, ksub, highest[s], inverse,
                           out.tables.data() + s * ksub);
  }
}

void PrepareRefine(const Model& model, const TransformedQuery& query, RefineQuery& out) {
  out.weights.assign(query.y.begin(), query.y.end());
  out.bias = 0;
  if (model.spec.refine != RefineKind::kStatic8) return;
  double bias = 0;
  for (uint32_t j = 0; j < model.dim; ++j) {
    bias +=
        double{query.y[j]} * (double{model.refine_low[j]} + 128.0 * double{model.refine_step[j]});
    out.weights[j] *= model.refine_step[j];
  }
  out.bias = static_cast<float>(bias);
}

float RefineScore(const Model& model, const RefineQuery& query, float base, const uint8_t* record) {
  float scale;
  float g;
  std::memcpy(&scale, record + model.dim, sizeof scale);
  std::memcpy(&g, record + model.dim + sizeof scale, sizeof g);
  const float codes = simd::ActiveKernels().dot_i8(
      query.weights.data(), reinterpret_cast<const int8_t*>(record), model.dim);
  return Finite(base + g + ProductWeight(model.metric) * (scale * codes + query.bias));
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

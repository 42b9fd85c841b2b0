#include "index/quant/encoder.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "index/quant/blas.h"
#include "index/quant/estimator.h"
#include "index/quant/nearest.h"
#include "index/quant/outliers.h"
#include "index/quant/rows.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// Rows of a task. Large enough for matrix products, small enough that a block's work stays in the
// L2 cache.
constexpr size_t kBlockRows = 256;

void Center(const Model& model, MatrixView<const float> rows, float* out) {
  for (size_t i = 0; i < rows.rows(); ++i) {
    const float* row = rows.row(i);
    float* to = out + i * model.dim;
    for (uint32_t j = 0; j < model.dim; ++j) to[j] = row[j] - model.mean[j];
  }
}

// |x| where the correction wants it.
float RowNorm(const Model& model, const float* row) {
  if (model.metric != Metric::kInnerProduct) return 0;
  return std::sqrt(simd::ActiveKernels().dot(row, row, model.dim));
}

// Those records of row `to` of `out` whose ranges are static, or are not.
void WriteRecords(const Model& model, bool are_static, const float* residual,
                  const float* centroid, float* scratch, size_t to, EncodedRows& out) {
  if (!model.record.empty() && model.record.spec().is_static() == are_static) {
    model.record.Write(residual, centroid, scratch, out.codes.data() + to * model.code_bytes());
  }
  if (!out.refine.empty() && model.refine.spec().is_static() == are_static) {
    model.refine.Write(residual, centroid, scratch, out.refine.data() + to * model.refine_bytes());
  }
}

// Encodes rows [begin, begin + rows.rows()) of the whole into `out`, whose arrays have their size.
void EncodeBlock(const Model& model, const ListTable& lists, const NearestCentroid& nearest,
                 MatrixView<const float> rows, size_t begin, EncodedRows& out,
                 std::vector<CorrectionTerms>* all_terms) {
  const uint32_t dim = model.dim;
  const size_t n = rows.rows();
  // Kept by the thread, since blocks are many and short.
  thread_local std::vector<float> residuals;
  thread_local std::vector<float> decoded;
  residuals.resize(n * dim);
  decoded.resize(n * dim);
  uint32_t labels[kBlockRows];
  TransformRows(model, rows, residuals.data());
  nearest.Assign({residuals.data(), n, dim}, labels);
  for (size_t i = 0; i < n; ++i) {
    const ListId list(labels[i]);
    const float* centroid = lists.centroid(list);
    float* residual = residuals.data() + i * dim;
    for (uint32_t j = 0; j < dim; ++j) residual[j] -= centroid[j];
    out.lists[begin + i] = list;
    // The place of the decoded residual is free yet.
    float* scratch = decoded.data() + i * dim;
    WriteRecords(model, false, residual, centroid, scratch, begin + i, out);
    DrawIn(model.residual_limit, residual, dim);
    WriteRecords(model, true, residual, centroid, scratch, begin + i, out);
  }
  if (!model.record.empty()) {
    std::fill_n(out.corrections.data() + begin, n, 0.0f);
    return;
  }
  uint8_t* codes = out.codes.data() + begin * model.code_bytes();
  model.code.Encode({residuals.data(), n, dim}, codes);
  model.error_weights.Improve(model.code, {residuals.data(), n, dim}, codes);
  model.code.Decode(codes, n, decoded.data());
  for (size_t i = 0; i < n; ++i) {
    const ResidualRow row = {residuals.data() + i * dim, decoded.data() + i * dim,
                             lists.centroid(out.lists[begin + i]), RowNorm(model, rows.row(i))};
    const CorrectionTerms terms = ComputeCorrectionTerms(model.metric, row, dim);
    if (all_terms) (*all_terms)[begin + i] = terms;
    out.corrections[begin + i] = CombineCorrection(model.metric, terms, model.mu);
  }
}

}  // namespace

void NormalizeRows(MatrixView<float> rows) {
  for (size_t i = 0; i < rows.rows(); ++i) {
    float* row = rows.row(i);
    const double inverse = 1.0 / std::sqrt(SquaredNorm(row, rows.dim()));
    for (size_t j = 0; j < rows.dim(); ++j) row[j] = static_cast<float>(row[j] * inverse);
  }
}

void TransformRows(const Model& model, MatrixView<const float> rows, float* out) {
  if (model.rotation.empty()) return Center(model, rows, out);
  thread_local std::vector<float> centered;
  centered.resize(std::min(rows.rows(), kBlockRows) * model.dim);
  for (size_t begin = 0; begin < rows.rows(); begin += kBlockRows) {
    const size_t n = std::min(kBlockRows, rows.rows() - begin);
    Center(model, rows.Slice(begin, n), centered.data());
    MultiplyTransposed(n, model.dim, model.dim, centered.data(), model.dim, model.rotation.data(),
                       model.dim, out + begin * model.dim, model.dim);
  }
}

void EncodeRows(const Model& model, const ListTable& lists, MatrixView<const float> rows,
                Executor& executor, EncodedRows& out, std::vector<CorrectionTerms>* terms) {
  const size_t n = rows.rows();
  out.lists.resize(n);
  out.codes.resize(n * model.code_bytes());
  out.corrections.resize(n);
  out.refine.resize(terms ? 0 : n * model.refine_bytes());
  if (terms) terms->resize(n);
  const NearestCentroid nearest(model.dim, lists.nlist(), lists.centroids().data(),
                                lists.norms().data(), n);
  ParallelFor(executor, n, kBlockRows, [&](size_t begin, size_t end) {
    EncodeBlock(model, lists, nearest, rows.Slice(begin, end - begin), begin, out, terms);
  });
}

void DecodeResidual(const Model& model, const uint8_t* code, float* out) {
  if (model.record.empty()) {
    model.code.Decode(code, 1, out);
  } else {
    model.record.Decode(code, out);
  }
}

void DecodeRow(const Model& model, const ListTable& lists, ListId list, const uint8_t* code,
               float* out) {
  const uint32_t dim = model.dim;
  std::vector<float> rotated(dim);
  DecodeResidual(model, code, rotated.data());
  const float* centroid = lists.centroid(list);
  for (uint32_t j = 0; j < dim; ++j) rotated[j] += centroid[j];
  if (model.rotation.empty()) {
    for (uint32_t j = 0; j < dim; ++j) out[j] = model.mean[j] + rotated[j];
    return;
  }
  std::copy(model.mean.begin(), model.mean.end(), out);
  for (uint32_t i = 0; i < dim; ++i) {  // R^T v = sum of the rows of R, each times v_i
    const float* row = model.rotation.data() + size_t{i} * dim;
    for (uint32_t j = 0; j < dim; ++j) out[j] += rotated[i] * row[j];
  }
}

}  // namespace tessera::quant

#include "index/quant/encoder.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "index/quant/blas.h"
#include "index/quant/estimator.h"
#include "index/quant/nearest.h"
#include "index/quant/outliers.h"
#include "index/quant/rows.h"
#include "index/quant/truncation.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// Rows of a task. Large enough for matrix products, small enough that a block's work stays in the
// L2 cache.
constexpr size_t kBlockRows = 256;

// The first `columns` components of the rows, centred. out: dense.
void Center(const Model& model, MatrixView<const float> rows, size_t columns, float* out) {
  for (size_t i = 0; i < rows.rows(); ++i) {
    const float* row = rows.row(i);
    float* to = out + i * columns;
    for (size_t j = 0; j < columns; ++j) to[j] = row[j] - model.mean[j];
  }
}

// |x| where the correction wants it.
float RowNorm(const Model& model, const float* row) {
  if (model.metric != Metric::kInnerProduct) return 0;
  return std::sqrt(simd::ActiveKernels().dot(row, row, model.dim));
}

// Encodes a block of rows of a whole.
class BlockEncoder {
 public:
  // rows: [begin, begin + rows.rows()) of the whole. The arrays of `out` have their size.
  BlockEncoder(const Model& model, const ListTable& lists, MatrixView<const float> rows, size_t begin,
               EncodedRows& out)
      : model_(model), lists_(lists), rows_(rows), begin_(begin), out_(out) {}

  // Records that scale with their row are made of residuals as they are, all else of what DrawIn leaves.
  void Run(const NearestCentroid& nearest, std::vector<CorrectionTerms>* all_terms) {
    Scratch& s = ThreadScratch();
    FindResiduals(nearest, s);
    if (model_.truncated() && !out_.refine.empty()) RefineAllDimensions(s);
    const uint32_t dim = model_.code_dim();
    CorrectionTerms* terms = all_terms ? all_terms->data() + begin_ : nullptr;
    for (size_t i = 0; i < rows_.rows(); ++i) {
      float* residual = s.residuals.data() + i * dim;
      WriteRecords(false, i, s);
      DrawIn(model_.residual_limit, residual, dim, s.tails[i].energy);
      WriteRecords(true, i, s);
      if (model_.record.empty()) continue;
      out_.corrections[begin_ + i] = 0;
      if (terms) terms[i] = {0, s.tails[i].energy};
    }
    if (model_.record.empty()) WriteTableCodes(s, terms);
  }

 private:
  // Kept by the thread, since blocks are many and short.
  struct Scratch {
    std::vector<float> residuals;
    std::vector<float> decoded;
    std::vector<RowTail> tails;
    std::vector<float> centroids;  // of the rows' lists, with a truncation
    std::vector<float> lifted;     // those in all dimensions
    std::vector<float> whole;      // a row's residual in all dimensions
    std::vector<float> scaled;     // residuals over their lists' scales, where there are some
  };
  static Scratch& ThreadScratch() {
    thread_local Scratch scratch;
    return scratch;
  }

  const float* CentroidOf(size_t i) const { return lists_.centroid(out_.lists[begin_ + i]); }
  uint8_t* Code(size_t i) const { return out_.codes.data() + (begin_ + i) * model_.code_bytes(); }
  uint8_t* RefineRecord(size_t i) const { return out_.refine.data() + (begin_ + i) * model_.refine_bytes(); }

  // Lists, residuals in the space of codes, and tails.
  void FindResiduals(const NearestCentroid& nearest, Scratch& s) const {
    const size_t n = rows_.rows();
    const uint32_t dim = model_.code_dim();
    s.residuals.resize(n * dim);
    s.decoded.resize(std::max<size_t>(n * dim, model_.dim));
    TransformRows(model_, rows_, s.residuals.data());
    s.tails.assign(n, {});
    if (model_.truncated()) ComputeTails(model_, rows_, s.residuals.data(), s.tails.data());
    uint32_t labels[kBlockRows];
    nearest.Assign({s.residuals.data(), n, dim}, labels);
    for (size_t i = 0; i < n; ++i) {
      out_.lists[begin_ + i] = ListId(labels[i]);
      const float* centroid = CentroidOf(i);
      float* residual = s.residuals.data() + i * dim;
      for (uint32_t j = 0; j < dim; ++j) residual[j] -= centroid[j];
    }
  }

  // Those records of a row's residual whose ranges are static, or are not. The place of the decoded residuals
  // is free yet.
  void WriteRecords(bool are_static, size_t i, Scratch& s) const {
    const float* residual = s.residuals.data() + i * model_.code_dim();
    if (!model_.record.empty() && model_.record.spec().is_static() == are_static) {
      const float tail = TailCorrection(model_.metric, s.tails[i], model_.mu);
      model_.record.Write(residual, CentroidOf(i), tail, s.decoded.data(), Code(i));
    }
    if (model_.truncated() || out_.refine.empty()) return;
    if (model_.refine.spec().is_static() == are_static) {
      model_.refine.Write(residual, CentroidOf(i), 0, s.decoded.data(), RefineRecord(i));
    }
  }

  void WriteTableCodes(Scratch& s, CorrectionTerms* all_terms) const {
    const size_t n = rows_.rows();
    const uint32_t dim = model_.code_dim();
    const bool scaled = !model_.list_scales.empty();
    if (scaled) DivideByScales(s);
    const MatrixView<const float> coded((scaled ? s.scaled : s.residuals).data(), n, dim);
    model_.code.Encode(coded, Code(0));
    model_.error_weights.Improve(model_.code, coded, Code(0));
    model_.code.Decode(Code(0), n, s.decoded.data());
    for (size_t i = 0; i < n; ++i) {
      const float scale = model_.list_scale(out_.lists[begin_ + i]);
      float* decoded = s.decoded.data() + i * dim;
      for (uint32_t j = 0; scaled && j < dim; ++j) decoded[j] *= scale;
      const ResidualRow row = {s.residuals.data() + i * dim, decoded, CentroidOf(i),
                               RowNorm(model_, rows_.row(i)), s.tails[i]};
      const CorrectionTerms terms = ComputeCorrectionTerms(model_.metric, row, dim);
      if (all_terms) all_terms[i] = terms;
      out_.corrections[begin_ + i] = CombineCorrection(model_.metric, terms, model_.mu) / scale;
    }
  }

  void DivideByScales(Scratch& s) const {
    const uint32_t dim = model_.code_dim();
    s.scaled = s.residuals;
    for (size_t i = 0; i < rows_.rows(); ++i) {
      const float scale = model_.list_scale(out_.lists[begin_ + i]);
      for (uint32_t j = 0; j < dim; ++j) s.scaled[i * dim + j] /= scale;
    }
  }

  // Of x - m0 - R^T c, whose square is that of residual and tail together: one limit is for both.
  void RefineAllDimensions(Scratch& s) const {
    const size_t n = rows_.rows();
    const size_t kept = model_.code_dim();
    s.centroids.resize(n * kept);
    s.lifted.resize(n * model_.dim);
    for (size_t i = 0; i < n; ++i) std::copy_n(CentroidOf(i), kept, s.centroids.data() + i * kept);
    LiftRows(model_, s.centroids.data(), n, s.lifted.data());
    s.whole.resize(model_.dim);
    float* residual = s.whole.data();
    for (size_t i = 0; i < n; ++i) {
      const float* row = rows_.row(i);
      const float* centroid = s.lifted.data() + i * model_.dim;
      for (uint32_t j = 0; j < model_.dim; ++j) residual[j] = row[j] - model_.mean[j] - centroid[j];
      if (model_.refine.spec().is_static()) DrawIn(model_.residual_limit, residual, model_.dim);
      model_.refine.Write(residual, centroid, 0, s.decoded.data(), RefineRecord(i));
    }
  }

  const Model& model_;
  const ListTable& lists_;
  const MatrixView<const float> rows_;
  const size_t begin_;
  EncodedRows& out_;
};

}  // namespace

void NormalizeRows(MatrixView<float> rows) {
  for (size_t i = 0; i < rows.rows(); ++i) {
    float* row = rows.row(i);
    const double inverse = 1.0 / std::sqrt(SquaredNorm(row, rows.dim()));
    for (size_t j = 0; j < rows.dim(); ++j) row[j] = static_cast<float>(row[j] * inverse);
  }
}

void TransformRows(const Model& model, MatrixView<const float> rows, float* out) {
  const size_t kept = model.code_dim();
  const size_t read = model.rotated_dim();
  if (model.rotation.empty()) return Center(model, rows, kept, out);
  thread_local std::vector<float> centered;
  centered.resize(std::min(rows.rows(), kBlockRows) * read);
  for (size_t begin = 0; begin < rows.rows(); begin += kBlockRows) {
    const size_t n = std::min(kBlockRows, rows.rows() - begin);
    Center(model, rows.Slice(begin, n), read, centered.data());
    MultiplyTransposed(n, kept, read, centered.data(), read, model.rotation.data(), read,
                       out + begin * kept, kept);
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
  const NearestCentroid nearest(model.code_dim(), lists.nlist(), lists.centroids().data(),
                                lists.norms().data(), n);
  ParallelFor(executor, n, kBlockRows, [&](size_t begin, size_t end) {
    BlockEncoder(model, lists, rows.Slice(begin, end - begin), begin, out).Run(nearest, terms);
  });
}

void DecodeResidual(const Model& model, ListId list, const uint8_t* code, float* out) {
  if (!model.record.empty()) return model.record.Decode(code, out);
  model.code.Decode(code, 1, out);
  if (model.list_scales.empty()) return;
  for (uint32_t j = 0; j < model.code_dim(); ++j) out[j] *= model.list_scale(list);
}

void DecodeRow(const Model& model, const ListTable& lists, ListId list, const uint8_t* code,
               float* out) {
  const uint32_t kept = model.code_dim();
  const uint32_t read = model.rotated_dim();
  std::vector<float> rotated(kept);
  DecodeResidual(model, list, code, rotated.data());
  const float* centroid = lists.centroid(list);
  for (uint32_t j = 0; j < kept; ++j) rotated[j] += centroid[j];
  std::copy(model.mean.begin(), model.mean.end(), out);
  if (model.rotation.empty()) {
    for (uint32_t j = 0; j < kept; ++j) out[j] += rotated[j];
    return;
  }
  for (uint32_t i = 0; i < kept; ++i) {  // R^T v = sum of the rows of R, each times v_i
    const float* row = model.rotation.data() + size_t{i} * read;
    for (uint32_t j = 0; j < read; ++j) out[j] += rotated[i] * row[j];
  }
}

}  // namespace tessera::quant

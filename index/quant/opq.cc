#include "index/quant/opq.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "index/quant/blas.h"
#include "index/quant/clusters.h"
#include "index/quant/codebooks.h"
#include "index/quant/nearest.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kAlternations = 12;
// Iterations of the codebooks that the alternations start from.
constexpr uint32_t kStartIterations = 4;
constexpr size_t kBlockRows = 1024;
// Columns of the matrix of products that one task computes, all rows in one go: sums in one order
// whatever the number of threads.
constexpr size_t kColumns = 64;

class RotationTrainer {
 public:
  RotationTrainer(MatrixView<const float> rows, uint32_t m, uint32_t bits,
                  const TrainingContext& context)
      : rows_(rows),
        m_(m),
        bits_(bits),
        context_(context),
        executor_(context.executor ? *context.executor : inline_),
        bounds_(SubSpaceBounds(static_cast<uint32_t>(rows.dim()), m)) {}

  StatusOr<std::vector<float>> Principal() {
    const size_t dim = rows_.dim();
    std::vector<float> directions;
    std::vector<float> variances;
    TESSERA_RETURN_IF_ERROR(FindDirections(directions, variances));
    std::vector<float> rotation;
    for (size_t j = dim; j-- > 0;) {
      const auto row = directions.begin() + static_cast<ptrdiff_t>(j * dim);
      rotation.insert(rotation.end(), row, row + static_cast<ptrdiff_t>(dim));
    }
    return rotation;
  }

  StatusOr<std::vector<float>> Run() {
    Report(0);
    TESSERA_RETURN_IF_ERROR(Start());
    for (uint32_t i = 0; i < kAlternations; ++i) {
      Report(i + 1);
      TESSERA_RETURN_IF_ERROR(StepCodebooks());
      TESSERA_RETURN_IF_ERROR(Align());
    }
    Report(kAlternations + 1);
    return std::move(rotation_);
  }

 private:
  void Report(uint32_t done) const {
    if (context_.progress) context_.progress(done / (kAlternations + 1.0), "rotation");
  }

  // Principal directions, one a row, variances ascending.
  Status FindDirections(std::vector<float>& directions, std::vector<float>& variances) {
    TESSERA_RETURN_IF_ERROR(MultiplyByRows(rows_.data(), rows_.stride(), directions));
    variances.resize(rows_.dim());
    if (!EigenvectorRows(directions.data(), rows_.dim(), variances.data())) {
      return Internal("rotation: eigenvalues did not converge");
    }
    return OkStatus();
  }

  // The principal directions as first rotation, and codebooks under it.
  Status Start() {
    const size_t dim = rows_.dim();
    std::vector<float> directions;
    std::vector<float> variances;
    TESSERA_RETURN_IF_ERROR(FindDirections(directions, variances));
    rotation_.resize(dim * dim);
    const std::vector<uint32_t> order = DealToSubspaces(variances, m_);
    for (size_t p = 0; p < dim; ++p) {
      std::copy_n(directions.data() + order[p] * dim, dim, rotation_.data() + p * dim);
    }
    Rotate();
    TrainingContext quiet = context_;
    quiet.progress = nullptr;
    std::vector<TablePart> parts;
    for (uint32_t s = 0; s < m_; ++s) parts.push_back({bounds_[s], bounds_[s + 1], bits_});
    TESSERA_ASSIGN_OR_RETURN(
        const std::vector<float> codebooks,
        TrainCodebooks({rotated_.data(), rows_.rows(), dim}, parts, kStartIterations, quiet));
    const float* codebook = codebooks.data();
    for (const TablePart& part : parts) {
      codebooks_.push_back(Transpose(codebook, part.dims(), part.entries()));
      codebook += part.floats();
    }
    return OkStatus();
  }

  // rotated_ = rows R^T.
  void Rotate() {
    const size_t dim = rows_.dim();
    rotated_.resize(rows_.rows() * dim);
    ParallelFor(executor_, rows_.rows(), kBlockRows, [&](size_t begin, size_t end) {
      MultiplyTransposed(end - begin, dim, dim, rows_.row(begin), rows_.stride(), rotation_.data(),
                         dim, rotated_.data() + begin * dim, dim);
    });
  }

  // out = rows^T other, dim x dim; other has as many rows of dim floats at `stride`.
  Status MultiplyByRows(const float* other, size_t stride, std::vector<float>& out) {
    const size_t dim = rows_.dim();
    out.resize(dim * dim);
    ParallelFor(executor_, dim, kColumns, [&](size_t begin, size_t end) {
      if (!context_.stop.Check().ok()) return;
      MultiplyColumns(dim, end - begin, rows_.rows(), rows_.data(), rows_.stride(), other + begin,
                      stride, out.data() + begin, dim);
    });
    return context_.stop.Check();
  }

  // One k-means step in every sub-space; the rotated rows become what they decode to.
  Status StepCodebooks() {
    ParallelFor(executor_, m_, 1, [&](size_t s, size_t) {
      if (context_.stop.Check().ok()) StepCodebook(s);
    });
    return context_.stop.Check();
  }

  void StepCodebook(size_t s) {
    const size_t dim = rows_.dim();
    const size_t n = rows_.rows();
    const size_t k = size_t{1} << bits_;
    const size_t dsub = bounds_[s + 1] - bounds_[s];
    const MatrixView<float> columns(rotated_.data() + bounds_[s], n, dsub, dim);
    std::vector<float>& codebook = codebooks_[s];
    const std::vector<float> norms = SquaredNorms(codebook.data(), k, dsub);
    std::vector<uint32_t> labels(n);
    NearestCentroid(dsub, k, codebook.data(), norms.data(), n).Assign(columns, labels.data());
    Clusters clusters(columns, labels, k);
    clusters.ComputeMeans(inline_, codebook.data());
    clusters.FillEmpty(codebook.data());
    for (size_t i = 0; i < n; ++i) {
      std::copy_n(codebook.data() + labels[i] * dsub, dsub, columns.row(i));
    }
  }

  Status Align() {
    TESSERA_RETURN_IF_ERROR(MultiplyByRows(rotated_.data(), rows_.dim(), rotation_));
    if (!AligningRotation(rotation_.data(), rows_.dim())) {
      return Internal("rotation: singular values did not converge");
    }
    Rotate();
    return context_.stop.Check();
  }

  MatrixView<const float> rows_;
  const uint32_t m_;
  const uint32_t bits_;
  const TrainingContext& context_;
  InlineExecutor inline_;
  Executor& executor_;
  const std::vector<uint32_t> bounds_;  // of the sub-spaces
  std::vector<float> rotation_;
  std::vector<float> rotated_;  // rows, dense
  std::vector<std::vector<float>> codebooks_;  // of each sub-space [2^bits][dsub]
};

}  // namespace

std::vector<uint32_t> DealToSubspaces(const std::vector<float>& values, uint32_t m) {
  const auto dim = static_cast<uint32_t>(values.size());
  std::vector<uint32_t> by_value(dim);
  std::iota(by_value.begin(), by_value.end(), 0u);
  std::stable_sort(by_value.begin(), by_value.end(),
                   [&](uint32_t a, uint32_t b) { return values[a] > values[b]; });
  // Logarithms above that of the least, so that an empty sub-space has the least product; what is
  // a millionth of the greatest is noise.
  const float greatest = std::max(values[by_value.front()], 1e-30f);
  const auto logarithm = [&](uint32_t index) {
    return std::log(std::max(double{values[index]} / double{greatest}, 1e-6) * 1e6);
  };
  const std::vector<uint32_t> bounds = SubSpaceBounds(dim, m);
  std::vector<double> products(m);
  std::vector<uint32_t> next(m);
  for (uint32_t s = 0; s < m; ++s) next[s] = bounds[s];
  std::vector<uint32_t> order(dim);
  for (const uint32_t index : by_value) {
    uint32_t to = m;
    for (uint32_t s = 0; s < m; ++s) {
      if (next[s] < bounds[s + 1] && (to == m || products[s] < products[to])) to = s;
    }
    order[next[to]++] = index;
    products[to] += logarithm(index);
  }
  return order;
}

StatusOr<std::vector<float>> TrainRotation(MatrixView<const float> rows, uint32_t m, uint32_t bits,
                                           const TrainingContext& context) {
  return RotationTrainer(rows, m, bits, context).Run();
}

StatusOr<std::vector<float>> PrincipalRotation(MatrixView<const float> rows,
                                               const TrainingContext& context) {
  return RotationTrainer(rows, 1, 8, context).Principal();
}

}  // namespace tessera::quant

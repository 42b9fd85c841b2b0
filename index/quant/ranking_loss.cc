#include "index/quant/ranking_loss.h"

#include <algorithm>
#include <string>
#include <utility>

#include "index/quant/blas.h"
#include "index/quant/nearest.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"

namespace tessera::quant {
namespace {

constexpr uint64_t kStream = 106;  // of random numbers, beside the trainer's and mu's
constexpr size_t kQueries = 1024;
constexpr size_t kMaxRows = 32768;
constexpr size_t kNeighbours = 16;
constexpr size_t kTileQueries = 16;  // of which one task holds the scores of all rows
constexpr size_t kColumns = 64;      // of W that one task computes
constexpr float kIdentity = 0.3f;
constexpr uint32_t kNone = UINT32_MAX;

class RankingLoss {
 public:
  RankingLoss(const RankingSample& sample, const TrainingContext& context)
      : sample_(sample),
        context_(context),
        executor_(context.executor ? *context.executor : inline_),
        dim_(sample.residuals.dim()) {}

  StatusOr<std::vector<float>> Measure() {
    Draw();
    directions_.resize(Queries() * kNeighbours * dim_);
    ParallelFor(executor_, Queries(), kTileQueries, [&](size_t begin, size_t end) {
      if (context_.stop.Check().ok()) FindDirections(begin, end);
    });
    TESSERA_RETURN_IF_ERROR(context_.stop.Check());
    return SecondMoment();
  }

 private:
  size_t Queries() const { return queries_.size() / dim_; }

  // The rows whose neighbours are looked for, and the queries that look for them.
  void Draw() {
    Random random(context_.seed, kStream);
    const size_t all = sample_.residuals.rows();
    indices_ = SampleIndices(all, std::min(all, kMaxRows), random);
    rows_ = GatherRows(sample_.residuals, indices_);
    for (size_t i = 0; i < indices_.size(); ++i) {
      const float* centroid = sample_.lists.centroid(ListId(sample_.labels[indices_[i]]));
      for (size_t j = 0; j < dim_; ++j) rows_[i * dim_ + j] += centroid[j];
    }
    norms_ = SquaredNorms(rows_.data(), indices_.size(), dim_);
    const MatrixView<const float> rows(rows_.data(), indices_.size(), dim_);
    const bool given = sample_.queries.rows() > 0;
    const MatrixView<const float> from = given ? sample_.queries : rows;
    const auto chosen = SampleIndices(from.rows(), std::min(from.rows(), kQueries), random);
    queries_ = GatherRows(from, chosen);
    own_rows_ = given ? std::vector<uint32_t>(chosen.size(), kNone) : chosen;
  }

  // v of the nearest rows of queries [begin, end).
  void FindDirections(size_t begin, size_t end) {
    const size_t n = indices_.size();
    std::vector<float> products((end - begin) * n);
    MultiplyTransposed(end - begin, n, dim_, queries_.data() + begin * dim_, dim_, rows_.data(),
                       dim_, products.data(), n);
    std::vector<std::pair<float, uint32_t>> scored(n);
    for (size_t q = begin; q < end; ++q) {
      scored.clear();
      for (uint32_t i = 0; i < n; ++i) {
        if (i == own_rows_[q]) continue;
        scored.emplace_back(norms_[i] - 2.0f * products[(q - begin) * n + i], i);
      }
      std::partial_sort(scored.begin(), scored.begin() + kNeighbours, scored.end());
      for (size_t k = 0; k < kNeighbours; ++k) Direction(q, k, scored[k].second);
    }
  }

  // y - c - mu r = (y - x) + (1 - mu) r, over the scale of the row's list.
  void Direction(size_t query, size_t place, uint32_t row) {
    const float* y = queries_.data() + query * dim_;
    const float* x = rows_.data() + size_t{row} * dim_;
    const float* residual = sample_.residuals.row(indices_[row]);
    float* out = directions_.data() + (query * kNeighbours + place) * dim_;
    const float scale = sample_.scales.empty() ? 1.0f : sample_.scales[sample_.labels[indices_[row]]];
    for (size_t j = 0; j < dim_; ++j) {
      out[j] = (y[j] - x[j] + (1.0f - sample_.mu) * residual[j]) / scale;
    }
  }

  StatusOr<std::vector<float>> SecondMoment() const {
    const size_t count = Queries() * kNeighbours;
    std::vector<float> matrix(dim_ * dim_);
    ParallelFor(executor_, dim_, kColumns, [&](size_t begin, size_t end) {
      if (!context_.stop.Check().ok()) return;
      MultiplyColumns(dim_, end - begin, count, directions_.data(), dim_,
                      directions_.data() + begin, dim_, matrix.data() + begin, dim_);
    });
    TESSERA_RETURN_IF_ERROR(context_.stop.Check());
    double trace = 0;
    for (size_t j = 0; j < dim_; ++j) trace += double{matrix[j * dim_ + j]};
    // Rows that are all equal have no directions.
    const double scale = trace > 0 ? (1.0 - double{kIdentity}) * static_cast<double>(dim_) / trace : 0;
    for (float& value : matrix) value = static_cast<float>(double{value} * scale);
    for (size_t j = 0; j < dim_; ++j) matrix[j * dim_ + j] += kIdentity;
    return matrix;
  }

  const RankingSample& sample_;
  const TrainingContext& context_;
  InlineExecutor inline_;
  Executor& executor_;
  const size_t dim_;
  std::vector<uint32_t> indices_;  // of the rows in the sample
  std::vector<float> rows_;        // c + r
  std::vector<float> norms_;       // squared
  std::vector<float> queries_;
  std::vector<uint32_t> own_rows_;  // of queries that are rows
  std::vector<float> directions_;   // v, kNeighbours a query
};

}  // namespace

StatusOr<std::vector<float>> MeasureRankingLoss(const RankingSample& sample,
                                                const TrainingContext& context) {
  if (sample.residuals.rows() < kMinRankingRows) {
    return InvalidArgument("fine-tuning needs at least " + std::to_string(kMinRankingRows) +
                           " rows, got " + std::to_string(sample.residuals.rows()));
  }
  return RankingLoss(sample, context).Measure();
}

}  // namespace tessera::quant

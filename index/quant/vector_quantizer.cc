#include "index/vector_quantizer.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "index/quant/kmeans.h"
#include "index/quant/nearest.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"
#include "index/simd/kernels.h"

namespace tessera {
namespace {
constexpr size_t kBlockRows = 1024;

// k-means of the rows of one coarse cell on this thread; out: k2 x dim.
Status TrainCell(MatrixView<const float> rows, const std::vector<uint32_t>& members,
                 const float* centroid, const KMeansOptions& options, uint32_t k2,
                 const TrainingContext& context, uint64_t seed, float* out) {
  const size_t dim = rows.dim();
  const auto k = static_cast<uint32_t>(std::min<size_t>(k2, members.size()));
  if (k > 0) {
    TrainingContext quiet;
    quiet.seed = seed;
    quiet.stop = context.stop;
    KMeansOptions cell_options = options;
    cell_options.k = k;
    const std::vector<float> cell = quant::GatherRows(rows, members);
    TESSERA_ASSIGN_OR_RETURN(
        const quant::KMeansResult trained,
        quant::TrainKMeans({cell.data(), members.size(), dim}, cell_options, quiet));
    std::copy(trained.centroids.begin(), trained.centroids.end(), out);
  }
  const float* last = k > 0 ? out + (k - 1) * dim : centroid;
  for (size_t i = k; i < k2; ++i) std::copy_n(last, dim, out + i * dim);
  return OkStatus();
}

}  // namespace

VectorQuantizer::VectorQuantizer(uint32_t dim, std::vector<float> centroids)
    : dim_(dim),
      centroids_(std::move(centroids)),
      norms_(quant::SquaredNorms(centroids_.data(), dim == 0 ? 0 : centroids_.size() / dim, dim)) {}

StatusOr<VectorQuantizer> VectorQuantizer::Train(MatrixView<const float> rows,
                                                 const KMeansOptions& options,
                                                 const TrainingContext& context) {
  TESSERA_ASSIGN_OR_RETURN(quant::KMeansResult result, quant::TrainKMeans(rows, options, context));
  VectorQuantizer quantizer(static_cast<uint32_t>(rows.dim()), std::move(result.centroids));
  quantizer.training_error_ = result.error;
  return quantizer;
}

VectorQuantizer::VectorQuantizer(uint32_t dim, std::vector<float> coarse,
                                 std::vector<float> centroids)
    : VectorQuantizer(dim, std::move(centroids)) {
  coarse_ = std::move(coarse);
  coarse_norms_ = quant::SquaredNorms(coarse_.data(), coarse_.size() / dim, dim);
}

StatusOr<VectorQuantizer> VectorQuantizer::TrainTwoLevels(MatrixView<const float> rows,
                                                          const KMeansOptions& options, uint32_t k2,
                                                          const TrainingContext& context) {
  const uint64_t needed = uint64_t{options.k} * k2;
  if (k2 == 0) return InvalidArgument("k2 must be at least 1");
  if (rows.rows() < needed) {
    return InvalidArgument("two levels of " + std::to_string(options.k) + " x " + std::to_string(k2) +
                           " centroids need at least " + std::to_string(needed) + " rows, got " +
                           std::to_string(rows.rows()));
  }
  KMeansOptions coarse_options = options;
  const uint64_t wanted = uint64_t{options.max_rows_per_centroid} * k2;
  coarse_options.max_rows_per_centroid =
      static_cast<uint32_t>(std::min<uint64_t>(wanted, std::numeric_limits<uint32_t>::max()));
  TESSERA_ASSIGN_OR_RETURN(const VectorQuantizer coarse, Train(rows, coarse_options, context));
  std::vector<uint32_t> labels(rows.rows());
  coarse.Encode(rows, labels.data(), nullptr, context.executor);
  std::vector<std::vector<uint32_t>> members(options.k);
  for (size_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(static_cast<uint32_t>(i));

  const size_t dim = rows.dim();
  std::vector<float> centroids(needed * dim);
  std::vector<Status> statuses(options.k);
  InlineExecutor inline_executor;
  ParallelFor(context.executor ? *context.executor : inline_executor, options.k, 1,
              [&](size_t c, size_t) {
                statuses[c] = TrainCell(rows, members[c], coarse.centroids().row(c), options, k2,
                                        context, quant::Random(context.seed, c + 1).Next(),
                                        centroids.data() + c * k2 * dim);
              });
  for (const Status& status : statuses) TESSERA_RETURN_IF_ERROR(status);
  VectorQuantizer quantizer(coarse.dim(), coarse.centroids_, std::move(centroids));
  quantizer.training_error_ = quantizer.QuantizationError(rows, context.executor);
  return quantizer;
}

void VectorQuantizer::EncodeFine(MatrixView<const float> rows, uint32_t* labels) const {
  const size_t k2 = norms_.size() / coarse_norms_.size();
  thread_local std::vector<float> products;
  products.resize(k2);
  for (size_t i = 0; i < rows.rows(); ++i) {
    const size_t first = labels[i] * k2;
    simd::ActiveKernels().dot_rows(rows.row(i), centroids_.data() + first * dim_, k2, dim_, dim_,
                                   products.data());
    size_t best = 0;
    float least = std::numeric_limits<float>::infinity();
    for (size_t k = 0; k < k2; ++k) {
      const float score = norms_[first + k] - 2.0f * products[k];
      if (score < least) {
        least = score;
        best = k;
      }
    }
    labels[i] = static_cast<uint32_t>(first + best);
  }
}

void VectorQuantizer::Encode(MatrixView<const float> rows, uint32_t* codes, float* distances,
                             Executor* executor) const {
  const bool two_levels = !coarse_.empty();
  const std::vector<float>& first_level = two_levels ? coarse_ : centroids_;
  const std::vector<float>& first_norms = two_levels ? coarse_norms_ : norms_;
  const quant::NearestCentroid nearest(dim_, first_norms.size(), first_level.data(),
                                       first_norms.data(), rows.rows());
  InlineExecutor inline_executor;
  ParallelFor(executor ? *executor : inline_executor, rows.rows(), kBlockRows,
              [&](size_t begin, size_t end) {
                nearest.Assign(rows.Slice(begin, end - begin), codes + begin);
                if (two_levels) EncodeFine(rows.Slice(begin, end - begin), codes + begin);
                if (!distances) return;
                for (size_t i = begin; i < end; ++i) {
                  const float* centroid = centroids_.data() + size_t{codes[i]} * dim_;
                  distances[i] = simd::ActiveKernels().l2sqr(rows.row(i), centroid, dim_);
                }
              });
}

Status VectorQuantizer::Decode(const uint32_t* codes, size_t n, float* out) const {
  for (size_t i = 0; i < n; ++i) {
    if (codes[i] >= size()) {
      return InvalidArgument("codes[" + std::to_string(i) + "] is " + std::to_string(codes[i]) +
                             ", the codebook has " + std::to_string(size()) + " centroids");
    }
    std::copy_n(centroids_.data() + size_t{codes[i]} * dim_, dim_, out + i * dim_);
  }
  return OkStatus();
}

double VectorQuantizer::QuantizationError(MatrixView<const float> rows, Executor* executor) const {
  if (rows.rows() == 0) return 0;
  std::vector<uint32_t> codes(rows.rows());
  std::vector<float> distances(rows.rows());
  Encode(rows, codes.data(), distances.data(), executor);
  return std::accumulate(distances.begin(), distances.end(), 0.0) /
         static_cast<double>(rows.rows());
}

}  // namespace tessera

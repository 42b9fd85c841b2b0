#include "index/vector_quantizer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "index/quant/kmeans.h"
#include "index/quant/nearest.h"
#include "index/simd/kernels.h"

namespace tessera {
namespace {
constexpr size_t kBlockRows = 1024;
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

void VectorQuantizer::Encode(MatrixView<const float> rows, uint32_t* codes, float* distances,
                             Executor* executor) const {
  const quant::NearestCentroid nearest(dim_, size(), centroids_.data(), norms_.data(), rows.rows());
  InlineExecutor inline_executor;
  ParallelFor(executor ? *executor : inline_executor, rows.rows(), kBlockRows,
              [&](size_t begin, size_t end) {
                nearest.Assign(rows.Slice(begin, end - begin), codes + begin);
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

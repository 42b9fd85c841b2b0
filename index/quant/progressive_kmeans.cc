#include "index/quant/progressive_kmeans.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "index/quant/blas.h"
#include "index/quant/kmeans.h"
#include "index/quant/nearest.h"
#include "index/quant/opq.h"
#include "index/quant/rows.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kSteps = 6;
constexpr uint32_t kStepIterations = 6;
constexpr size_t kBlockRows = 1024;

// dim^(1 / kSteps), .. dim: growing by about the same factor.
std::vector<size_t> StepDims(size_t dim) {
  std::vector<size_t> dims;
  for (uint32_t i = 1; i < kSteps; ++i) {
    const double power = std::pow(static_cast<double>(dim), static_cast<double>(i) / kSteps);
    const auto kept = static_cast<size_t>(power);
    if (kept < dim && (dims.empty() || kept > dims.back())) dims.push_back(kept);
  }
  dims.push_back(dim);
  return dims;
}

// Rows of `dim` become rows of `wider`, zeros behind. None: none.
std::vector<float> Widen(const std::vector<float>& rows, size_t dim, size_t wider) {
  if (rows.empty()) return {};
  std::vector<float> out(rows.size() / dim * wider);
  for (size_t i = 0; i * dim < rows.size(); ++i) {
    std::copy_n(rows.data() + i * dim, dim, out.data() + i * wider);
  }
  return out;
}

}  // namespace

StatusOr<std::vector<float>> ProgressiveKMeans(MatrixView<const float> rows,
                                               const KMeansOptions& options,
                                               const TrainingContext& context) {
  const size_t dim = rows.dim();
  InlineExecutor inline_executor;
  Executor& executor = context.executor ? *context.executor : inline_executor;
  TESSERA_ASSIGN_OR_RETURN(const auto directions, PrincipalRotation(rows, context));
  std::vector<float> turned(rows.rows() * dim);
  ParallelFor(executor, rows.rows(), kBlockRows, [&](size_t begin, size_t end) {
    MultiplyTransposed(end - begin, dim, dim, rows.row(begin), rows.stride(), directions.data(),
                       dim, turned.data() + begin * dim, dim);
  });
  std::vector<float> centroids;
  size_t before = 0;
  for (const size_t kept : StepDims(dim)) {
    const MatrixView<const float> part(turned.data(), rows.rows(), kept, dim);
    KMeansOptions step = options;
    if (kept < dim) step.iterations = std::min(kStepIterations, options.iterations);
    TESSERA_ASSIGN_OR_RETURN(KMeansResult trained,
                             TrainKMeans(part, step, context, Widen(centroids, before, kept)));
    centroids = std::move(trained.centroids);
    before = kept;
  }
  // Back from the principal directions: rows times a matrix whose columns are the directions.
  const std::vector<float> back = Transpose(directions.data(), dim, dim);
  std::vector<float> out(centroids.size());
  MultiplyTransposed(options.k, dim, dim, centroids.data(), dim, back.data(), dim, out.data(), dim);
  return out;
}

}  // namespace tessera::quant

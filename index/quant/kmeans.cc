#include "index/quant/kmeans.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "index/quant/clusters.h"
#include "index/quant/nearest.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// Rows a task assigns between two looks at the stop token.
constexpr size_t kBlockRows = 1024;

class Lloyd {
 public:
  Lloyd(MatrixView<const float> rows, const KMeansOptions& options, const TrainingContext& context,
        Executor& executor)
      : rows_(rows),
        options_(options),
        context_(context),
        executor_(executor),
        labels_(rows.rows()) {}

  StatusOr<KMeansResult> Run(std::vector<float> start, Random& random) {
    centroids_ = std::move(start);
    if (centroids_.empty()) TESSERA_RETURN_IF_ERROR(Seed(random));
    for (uint32_t iteration = 0; iteration < options_.iterations; ++iteration) {
      Report(iteration);
      TESSERA_ASSIGN_OR_RETURN(const bool changed, Assign());
      if (iteration > 0 && !changed) break;  // the means would be the same again
      Clusters clusters(rows_, labels_, options_.k);
      clusters.ComputeMeans(executor_, centroids_.data());
      clusters.FillEmpty(centroids_.data());
    }
    Report(options_.iterations);
    TESSERA_RETURN_IF_ERROR(Settle());
    Report(options_.iterations + 1);
    const double error = MeanError();
    return KMeansResult{std::move(centroids_), error};
  }

 private:
  void Report(uint32_t iteration) const {
    if (!context_.progress) return;
    context_.progress(static_cast<double>(iteration) / (options_.iterations + 1.0), "k-means");
  }

  Status Seed(Random& random) {
    if (options_.seeding == Seeding::kPlusPlus) return SeedPlusPlus(random);
    centroids_ = GatherRows(rows_, SampleIndices(rows_.rows(), options_.k, random));
    return OkStatus();
  }
  Status SeedPlusPlus(Random& random);
  size_t DrawByDistance(const std::vector<float>& distances, Random& random) const;

  // Labels every row with its nearest centroid. Returns whether a label changed.
  StatusOr<bool> Assign();
  // The last means may have left a centroid without rows: repairs that, and labels the rows for the
  // error.
  Status Settle();
  double MeanError() const;

  MatrixView<const float> rows_;
  const KMeansOptions& options_;
  const TrainingContext& context_;
  Executor& executor_;
  std::vector<float> centroids_;
  std::vector<uint32_t> labels_;
};

// k-means++ (Arthur, Vassilvitskii 2007): each next centroid is a row drawn with probability in
// proportion to its squared distance from the nearest centroid so far.
Status Lloyd::SeedPlusPlus(Random& random) {
  const auto distance = simd::ActiveKernels().l2sqr;
  const size_t dim = rows_.dim();
  std::vector<float> distances(rows_.rows(), std::numeric_limits<float>::max());
  centroids_.reserve(size_t{options_.k} * dim);
  size_t chosen = random.Below(rows_.rows());
  for (uint32_t c = 0; c < options_.k; ++c) {
    TESSERA_RETURN_IF_ERROR(context_.stop.Check());
    if (c > 0) chosen = DrawByDistance(distances, random);
    centroids_.insert(centroids_.end(), rows_.row(chosen), rows_.row(chosen) + dim);
    const float* centroid = centroids_.data() + size_t{c} * dim;
    ParallelFor(executor_, rows_.rows(), kBlockRows, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        distances[i] = std::min(distances[i], distance(rows_.row(i), centroid, dim));
      }
    });
  }
  return OkStatus();
}

size_t Lloyd::DrawByDistance(const std::vector<float>& distances, Random& random) const {
  const double total = std::accumulate(distances.begin(), distances.end(), 0.0);
  double left = random.Uniform() * total;
  for (size_t i = 0; i < distances.size(); ++i) {
    left -= distances[i];
    if (left < 0) return i;
  }
  return random.Below(distances.size());  // all distances 0: fewer than k distinct rows
}

StatusOr<bool> Lloyd::Assign() {
  const std::vector<float> norms = SquaredNorms(centroids_.data(), options_.k, rows_.dim());
  const NearestCentroid nearest(rows_.dim(), options_.k, centroids_.data(), norms.data(),
                                rows_.rows());
  std::atomic<bool> stopped = false;
  std::atomic<bool> changed = false;
  ParallelFor(executor_, rows_.rows(), kBlockRows, [&](size_t begin, size_t end) {
    if (stopped || !context_.stop.Check().ok()) {
      stopped = true;
      return;
    }
    uint32_t labels[kBlockRows];
    nearest.Assign(rows_.Slice(begin, end - begin), labels);
    if (std::equal(labels, labels + (end - begin), labels_.data() + begin)) return;
    changed = true;
    std::copy(labels, labels + (end - begin), labels_.data() + begin);
  });
  TESSERA_RETURN_IF_ERROR(context_.stop.Check());
  return changed.load();
}

Status Lloyd::Settle() {
  TESSERA_RETURN_IF_ERROR(Assign().status());
  Clusters clusters(rows_, labels_, options_.k);
  if (clusters.FillEmpty(centroids_.data()) == 0) return OkStatus();
  return Assign().status();
}

double Lloyd::MeanError() const {
  const auto distance = simd::ActiveKernels().l2sqr;
  const size_t dim = rows_.dim();
  const size_t blocks = (rows_.rows() + kBlockRows - 1) / kBlockRows;
  std::vector<double> partial(blocks);
  ParallelFor(executor_, rows_.rows(), kBlockRows, [&](size_t begin, size_t end) {
    double sum = 0;
    for (size_t i = begin; i < end; ++i) {
      sum += double{distance(rows_.row(i), centroids_.data() + size_t{labels_[i]} * dim, dim)};
    }
    partial[begin / kBlockRows] = sum;
  });
  return std::accumulate(partial.begin(), partial.end(), 0.0) / static_cast<double>(rows_.rows());
}

Status CheckArguments(MatrixView<const float> rows, const KMeansOptions& options) {
  if (options.k == 0) return InvalidArgument("k must be at least 1");
  if (rows.dim() == 0) return InvalidArgument("rows have no dimensions");
  if (rows.rows() < options.k) {
    return InvalidArgument("k-means of k = " + std::to_string(options.k) + " needs at least " +
                           std::to_string(options.k) + " rows, got " + std::to_string(rows.rows()));
  }
  if (rows.rows() > std::numeric_limits<uint32_t>::max()) {
    return InvalidArgument("k-means takes at most 2^32 - 1 rows, got " +
                           std::to_string(rows.rows()));
  }
  return CheckFinite(rows, "rows");
}

}  // namespace

StatusOr<KMeansResult> TrainKMeans(MatrixView<const float> rows, const KMeansOptions& options,
                                   const TrainingContext& context, std::vector<float> start) {
  TESSERA_RETURN_IF_ERROR(CheckArguments(rows, options));
  InlineExecutor inline_executor;
  Executor& executor = context.executor ? *context.executor : inline_executor;
  Random random(context.seed);
  const uint64_t limit = uint64_t{options.k} * std::max(options.max_rows_per_centroid, 1u);
  std::vector<float> sample;
  if (rows.rows() > limit) {
    sample = GatherRows(rows, SampleIndices(rows.rows(), limit, random));
    rows = MatrixView<const float>(sample.data(), limit, rows.dim());
  }
  return Lloyd(rows, options, context, executor).Run(std::move(start), random);
}

}  // namespace tessera::quant

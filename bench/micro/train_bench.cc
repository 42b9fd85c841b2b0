// Training on one thread: k-means and nearest centroids beside the same with BLAS products in the
// same run, product codebooks and codes. Run with OPENBLAS_NUM_THREADS=1.
#include <benchmark/benchmark.h>

#include <vector>

#include "index/product_quantizer.h"
#include "index/quant/clusters.h"
#include "index/quant/kmeans.h"
#include "index/quant/nearest.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"

namespace tessera::bench {
namespace {

constexpr size_t kDim = 128;
constexpr size_t kRows = 262144;
constexpr uint32_t kIterations = 10;

// 4,096 overlapping clusters; made at first use.
MatrixView<const float> Rows() {
  static const std::vector<float> rows = [] {
    constexpr size_t kClusters = 4096;
    quant::Random random(7);
    std::vector<float> centers(kClusters * kDim);
    for (float& v : centers) v = static_cast<float>(random.Gaussian());
    std::vector<float> made(kRows * kDim);
    for (size_t i = 0; i < kRows; ++i) {
      const float* center = centers.data() + random.Below(kClusters) * kDim;
      for (size_t j = 0; j < kDim; ++j) {
        made[i * kDim + j] = center[j] + 0.8f * static_cast<float>(random.Gaussian());
      }
    }
    return made;
  }();
  return {rows.data(), kRows, kDim};
}

std::vector<float> DrawCentroids(size_t k) {
  quant::Random random(1234);
  return quant::GatherRows(Rows(), quant::SampleIndices(kRows, k, random));
}

// Labels of `rows`, by BLAS or as training and bulk encoding choose.
void Assign(MatrixView<const float> rows, const std::vector<float>& centroids, bool blas,
            std::vector<uint32_t>& labels) {
  const size_t k = centroids.size() / kDim;
  const std::vector<float> norms = quant::SquaredNorms(centroids.data(), k, kDim);
  const size_t prepared_for = blas ? 1 : rows.rows();
  quant::NearestCentroid(kDim, k, centroids.data(), norms.data(), prepared_for)
      .Assign(rows, labels.data());
}

// An item is a row. Arguments: centroids, BLAS or not.
void NearestCentroids(benchmark::State& state) {
  constexpr size_t kAssigned = 16384;
  const std::vector<float> centroids = DrawCentroids(static_cast<size_t>(state.range(0)));
  std::vector<uint32_t> labels(kAssigned);
  for (auto _ : state) {
    Assign(Rows().Slice(0, kAssigned), centroids, state.range(1) != 0, labels);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kAssigned));
}
BENCHMARK(NearestCentroids)
    ->ArgsProduct({{64, 256, 1024, 4096, 16384}, {0, 1}})
    ->ArgNames({"k", "blas"})
    ->Unit(benchmark::kMillisecond);

void KMeans(benchmark::State& state) {
  const KMeansOptions options{.k = static_cast<uint32_t>(state.range(0)),
                              .iterations = kIterations,
                              .max_rows_per_centroid = kRows};
  double error = 0;
  for (auto _ : state) error = quant::TrainKMeans(Rows(), options, {}).value().error;
  state.counters["error"] = error;
}
BENCHMARK(KMeans)->Arg(1024)->Arg(4096)->Iterations(1)->Unit(benchmark::kMillisecond);

// The same iterations from the same start, assigned by BLAS.
void KMeansByBlas(benchmark::State& state) {
  const auto k = static_cast<size_t>(state.range(0));
  InlineExecutor executor;
  double error = 0;
  for (auto _ : state) {
    std::vector<float> centroids = DrawCentroids(k);
    std::vector<uint32_t> labels(kRows);
    for (uint32_t i = 0; i < kIterations; ++i) {
      Assign(Rows(), centroids, true, labels);
      quant::Clusters clusters(Rows(), labels, k);
      clusters.ComputeMeans(executor, centroids.data());
      clusters.FillEmpty(centroids.data());
    }
    Assign(Rows(), centroids, true, labels);
    error = 0;
    for (size_t i = 0; i < kRows; ++i) {
      for (size_t j = 0; j < kDim; ++j) {
        const float difference = Rows().row(i)[j] - centroids[labels[i] * kDim + j];
        error += double{difference} * double{difference} / kRows;
      }
    }
  }
  state.counters["error"] = error;
}
BENCHMARK(KMeansByBlas)->Arg(1024)->Arg(4096)->Iterations(1)->Unit(benchmark::kMillisecond);

void TrainProductQuantizer(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        ProductQuantizer::Train(Rows().Slice(0, 65536), 16, 8, 25, {}).value());
  }
}
BENCHMARK(TrainProductQuantizer)->Iterations(1)->Unit(benchmark::kMillisecond);

// An item is a row.
void EncodeProduct(benchmark::State& state) {
  constexpr size_t kEncoded = 16384;
  const auto pq = ProductQuantizer::Train(Rows().Slice(0, 16384), 16, 8, 4, {}).value();
  std::vector<uint8_t> codes(kEncoded * pq.code_bytes());
  for (auto _ : state) pq.Encode(Rows().Slice(0, kEncoded), codes.data());
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kEncoded));
}
BENCHMARK(EncodeProduct)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tessera::bench

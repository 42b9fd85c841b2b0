// Encoding rows on one trained model, one thread: what bounds a bulk load. BLAS threads: run with
// OPENBLAS_NUM_THREADS=1.
#include <benchmark/benchmark.h>

#include <vector>

#include "index/quant/encoder.h"
#include "index/quant/random.h"

namespace tessera::bench {
namespace {

constexpr size_t kDim = 128;
constexpr size_t kRows = 65536;

// Clustered rows and IVF1024,PQ32x8,Refine(SQ8) trained on them; made at first use.
struct Trained {
  std::vector<float> rows;
  quant::TrainedModel model;

  MatrixView<const float> view() const { return {rows.data(), kRows, kDim}; }

  static const Trained& Get() {
    static const Trained trained = Make();
    return trained;
  }

 private:
  static Trained Make() {
    constexpr size_t kClusters = 1024;
    quant::Random random(7);
    std::vector<float> centers(kClusters * kDim);
    for (float& v : centers) v = static_cast<float>(random.Gaussian());
    Trained trained;
    trained.rows.resize(kRows * kDim);
    for (size_t i = 0; i < kRows; ++i) {
      const size_t center = random.Below(kClusters) * kDim;
      for (size_t j = 0; j < kDim; ++j) {
        trained.rows[i * kDim + j] =
            centers[center + j] + 0.3f * static_cast<float>(random.Gaussian());
      }
    }
    const auto spec = QuantizerSpec::Parse("IVF1024,PQ32x8,Refine(SQ8)").value();
    trained.model =
        quant::TrainModel(spec, Metric::kL2, trained.view(), kRows, TrainingContext()).value();
    return trained;
  }
};

// An item is a row.
void EncodeRows(benchmark::State& state) {
  const Trained& trained = Trained::Get();
  const size_t n = static_cast<size_t>(state.range(0));
  InlineExecutor executor;
  quant::EncodedRows out;
  for (auto _ : state) {
    quant::EncodeRows(*trained.model.model, *trained.model.lists, trained.view().Slice(0, n),
                      executor, out);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * n));
}
BENCHMARK(EncodeRows)->Arg(1)->Arg(64)->Arg(1024)->Arg(16384)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tessera::bench

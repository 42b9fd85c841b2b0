// The integer kernels: products of unsigned with signed bytes as coarse search, k-means and the
// rotation of queries call them; keys, bounds and selection; exact products with limbs.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>

#include "bench/micro/arrays.h"
#include "bench/micro/clock.h"
#include "index/simd/kernels.h"

namespace tessera::bench {
namespace {

using simd::Kernels;

// Seconds an item, and bytes a cycle of what the kernel reads.
void CountItems(benchmark::State& state, size_t items, size_t bytes_per_item) {
  const double done = static_cast<double>(state.iterations() * items);
  state.counters["s/item"] =
      benchmark::Counter(done, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  if (CoreHertz() > 0) {
    state.counters["B/cycle"] = benchmark::Counter(
        done * static_cast<double>(bytes_per_item) / CoreHertz(), benchmark::Counter::kIsRate);
  }
}

// An item is the product of a row with a vector.
void RunProducts(benchmark::State& state, const Kernels* kernels) {
  const size_t rows = static_cast<size_t>(state.range(0));
  const size_t dim = static_cast<size_t>(state.range(1));
  const size_t n = static_cast<size_t>(state.range(2));
  Array<uint8_t> packed = RandomBytes(rows * dim, 255, 1), vectors = RandomBytes(n * dim, 255, 2);
  Array<int32_t> out(n * rows);
  for (auto _ : state) {
    kernels->products_u8s8(packed.data(), rows / 16, dim / 4,
                           reinterpret_cast<const int8_t*>(vectors.data()), n, dim, out.data(),
                           rows);
    benchmark::DoNotOptimize(out[0]);
  }
  CountItems(state, rows * n, dim);
}

struct Scores {
  explicit Scores(size_t n) : products(n), add(RandomFloats(n, 3)), keys(n), indices(n + 16) {
    Array<float> spread = RandomFloats(n, 4);
    for (size_t i = 0; i < n; ++i) products[i] = static_cast<int32_t>(100000.0f * spread[i]);
  }
  static constexpr float kWeight = -1e-4f;
  Array<int32_t> products;
  Array<float> add;
  Array<uint32_t> keys;
  Array<uint32_t> indices;
};

// An item is a score.
void RunScoreKeys(benchmark::State& state, const Kernels* kernels) {
  const size_t n = static_cast<size_t>(state.range(0));
  Scores scores(n);
  for (auto _ : state) {
    kernels->score_keys(scores.products.data(), scores.add.data(), Scores::kWeight, n,
                        scores.keys.data());
    benchmark::DoNotOptimize(scores.keys[0]);
  }
  CountItems(state, n, 12);
}

void RunLeastScore(benchmark::State& state, const Kernels* kernels) {
  const size_t n = static_cast<size_t>(state.range(0));
  Scores scores(n);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        kernels->least_score(scores.products.data(), scores.add.data(), Scores::kWeight, n));
  }
  CountItems(state, n, 8);
}

// Bound and selection of 64 to 80 of the keys.
void RunBoundKeys(benchmark::State& state, const Kernels* kernels) {
  const size_t n = static_cast<size_t>(state.range(0));
  Scores scores(n);
  kernels->score_keys(scores.products.data(), scores.add.data(), Scores::kWeight, n,
                      scores.keys.data());
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels->bound_keys(scores.keys.data(), n, 64, 80));
  }
  CountItems(state, n, 4);
}

void RunSelectKeys(benchmark::State& state, const Kernels* kernels) {
  const size_t n = static_cast<size_t>(state.range(0));
  Scores scores(n);
  kernels->score_keys(scores.products.data(), scores.add.data(), Scores::kWeight, n,
                      scores.keys.data());
  const uint32_t bound = kernels->bound_keys(scores.keys.data(), n, 64, 80);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        kernels->select_keys(scores.keys.data(), n, bound, scores.indices.data()));
  }
  CountItems(state, n, 4);
}

// An item is a row; rows lie in L2.
void RunDotLimbs(benchmark::State& state, const Kernels* kernels) {
  constexpr size_t kRows = 128;
  const size_t dim = static_cast<size_t>(state.range(0));
  Array<uint8_t> codes = RandomBytes(kRows * dim, 255, 1), limbs = RandomBytes(2 * dim, 255, 2);
  const int8_t* high = reinterpret_cast<const int8_t*>(limbs.data());
  int32_t sums[2];
  for (auto _ : state) {
    for (size_t i = 0; i < kRows; ++i) {
      kernels->dot_limbs(codes.data() + i * dim, high, high + dim, dim, sums);
      benchmark::DoNotOptimize(sums);
    }
  }
  CountItems(state, kRows, dim);
}

[[maybe_unused]] const bool registered = [] {
  for (const simd::Isa& isa : simd::AllIsas()) {
    if (!isa.supported) continue;
    const auto add = [&isa](const char* name, auto run) {
      const std::string full = std::string(name) + "/" + isa.name;
      return benchmark::RegisterBenchmark(full.c_str(), run, isa.kernels)->MinTime(0.05);
    };
    // Coarse search from L2 and L3, the rotation of a query, k-means and encoding.
    add("products_u8s8", RunProducts)
        ->ArgNames({"rows", "dim", "n"})
        ->ArgsProduct({{1024, 4096, 65536}, {128}, {1}})
        ->ArgsProduct({{1024, 16384}, {512}, {1}})
        ->Args({4096, 100, 1})
        ->Args({128, 128, 2})
        ->Args({512, 512, 2})
        ->ArgsProduct({{4096}, {128, 512}, {4, 16, 256}});
    for (const auto& [name, run] : {std::pair{"score_keys", &RunScoreKeys},
                                    {"least_score", &RunLeastScore},
                                    {"bound_keys", &RunBoundKeys},
                                    {"select_keys", &RunSelectKeys}}) {
      add(name, run)->ArgName("n")->Arg(1024)->Arg(65536);
    }
    add("dot_limbs", RunDotLimbs)->ArgName("dim")->Arg(128)->Arg(784);
  }
  return true;
}();

}  // namespace
}  // namespace tessera::bench

// The float kernels: distances, lookup tables, encoding.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/micro/arrays.h"
#include "index/simd/kernels.h"

namespace tessera::bench {
namespace {

using simd::Kernels;

void CountItems(benchmark::State& state, size_t items_per_iteration) {
  state.counters["s/item"] = benchmark::Counter(
      static_cast<double>(items_per_iteration),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// Distances of one query to rows in L2; an item is a row.
constexpr size_t kRows = 128;

void RunDot(benchmark::State& state, const Kernels* kernels) {
  const size_t dim = static_cast<size_t>(state.range(0));
  Array<float> query = RandomFloats(dim, 1), rows = RandomFloats(kRows * dim, 2);
  for (auto _ : state) {
    for (size_t i = 0; i < kRows; ++i) {
      benchmark::DoNotOptimize(kernels->dot(query.data(), rows.data() + i * dim, dim));
    }
  }
  CountItems(state, kRows);
}

void RunL2Sqr(benchmark::State& state, const Kernels* kernels) {
  const size_t dim = static_cast<size_t>(state.range(0));
  Array<float> query = RandomFloats(dim, 1), rows = RandomFloats(kRows * dim, 2);
  for (auto _ : state) {
    for (size_t i = 0; i < kRows; ++i) {
      benchmark::DoNotOptimize(kernels->l2sqr(query.data(), rows.data() + i * dim, dim));
    }
  }
  CountItems(state, kRows);
}

void RunDotI8(benchmark::State& state, const Kernels* kernels) {
  const size_t dim = static_cast<size_t>(state.range(0));
  Array<float> query = RandomFloats(dim, 1);
  Array<uint8_t> bytes = RandomBytes(kRows * dim, 255, 2);
  const int8_t* rows = reinterpret_cast<const int8_t*>(bytes.data());
  for (auto _ : state) {
    for (size_t i = 0; i < kRows; ++i) {
      benchmark::DoNotOptimize(kernels->dot_i8(query.data(), rows + i * dim, dim));
    }
  }
  CountItems(state, kRows);
}

void RunDotRows(benchmark::State& state, const Kernels* kernels) {
  const size_t dim = static_cast<size_t>(state.range(0));
  Array<float> query = RandomFloats(dim, 1), rows = RandomFloats(kRows * dim, 2), out(kRows);
  for (auto _ : state) {
    kernels->dot_rows(query.data(), rows.data(), kRows, dim, dim, out.data());
    benchmark::DoNotOptimize(out[0]);
  }
  CountItems(state, kRows);
}

// An item is a table of ksub entries.
void RunTable(benchmark::State& state, const Kernels* kernels) {
  const size_t dsub = static_cast<size_t>(state.range(0));
  const size_t ksub = static_cast<size_t>(state.range(1));
  constexpr size_t kTables = 16;
  Array<float> query = RandomFloats(kTables * dsub, 1), out(kTables * ksub);
  Array<float> codebooks = RandomFloats(kTables * dsub * ksub, 2);
  for (auto _ : state) {
    for (size_t m = 0; m < kTables; ++m) {
      kernels->table(query.data() + m * dsub, codebooks.data() + m * dsub * ksub, dsub, ksub,
                     out.data() + m * ksub);
    }
    benchmark::DoNotOptimize(out[0]);
  }
  CountItems(state, kTables);
}

// An item is a table of 256 entries.
void RunQuantizeTable(benchmark::State& state, const Kernels* kernels) {
  constexpr size_t kTables = 16;
  Array<float> in = RandomFloats(kTables * 256, 1);
  Array<uint8_t> out(kTables * 256);
  for (auto _ : state) {
    kernels->quantize_table(in.data(), in.size(), -4.0f, 16.0f, out.data());
    benchmark::DoNotOptimize(out[0]);
  }
  CountItems(state, kTables);
}

// An item is a sub-vector encoded.
void RunNearest(benchmark::State& state, const Kernels* kernels) {
  const size_t dsub = static_cast<size_t>(state.range(0));
  const size_t ksub = static_cast<size_t>(state.range(1));
  const size_t stride = 16 * dsub;
  Array<float> x = RandomFloats(kRows * stride, 1), codebook = RandomFloats(dsub * ksub, 2);
  Array<float> norms = RandomFloats(ksub, 3);
  Array<uint8_t> codes(kRows * 16);
  for (auto _ : state) {
    kernels->nearest(x.data(), kRows, stride, dsub, codebook.data(), norms.data(), ksub,
                     codes.data(), 16);
    benchmark::DoNotOptimize(codes[0]);
  }
  CountItems(state, kRows);
}

[[maybe_unused]] const bool registered = [] {
  for (const simd::Isa& isa : simd::AllIsas()) {
    if (!isa.supported) continue;
    const auto add = [&isa](const char* name, auto run) {
      const std::string full = std::string(name) + "/" + isa.name;
      return benchmark::RegisterBenchmark(full.c_str(), run, isa.kernels)->MinTime(0.05);
    };
    add("dot", RunDot)->ArgName("dim")->Arg(128)->Arg(784);
    add("l2sqr", RunL2Sqr)->ArgName("dim")->Arg(128)->Arg(784);
    add("dot_i8", RunDotI8)->ArgName("dim")->Arg(128)->Arg(784);
    add("dot_rows", RunDotRows)->ArgName("dim")->Arg(128)->Arg(784);
    add("table", RunTable)->ArgNames({"dsub", "ksub"})->ArgsProduct({{4, 8, 12}, {16, 256}});
    add("quantize_table", RunQuantizeTable);
    add("nearest", RunNearest)->ArgNames({"dsub", "ksub"})->ArgsProduct({{4, 8, 12}, {16, 256}});
  }
  return true;
}();

}  // namespace
}  // namespace tessera::bench

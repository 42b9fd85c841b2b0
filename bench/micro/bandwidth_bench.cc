// How fast one thread reads memory, to set the scans against: sums of words of arrays that lie in
// L2, in L3 and in DRAM.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "bench/micro/arrays.h"
#include "bench/micro/clock.h"

namespace tessera::bench {
namespace {

void RunRead(benchmark::State& state) {
  const size_t bytes = static_cast<size_t>(state.range(0)) << 10;
  Array<uint64_t> words(bytes / sizeof(uint64_t));
  for (size_t i = 0; i < words.size(); ++i) words[i] = i;
  for (auto _ : state) {
    // One independent sum per word of a cache line, so that the compiler's vectors are not chained.
    uint64_t sums[16] = {};
    for (size_t i = 0; i < words.size(); i += 16) {
      for (size_t j = 0; j < 16; ++j) sums[j] += words[i + j];
    }
    benchmark::DoNotOptimize(sums);
  }
  const double total = static_cast<double>(state.iterations() * bytes);
  state.counters["B/s"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
  if (CoreHertz() > 0) {
    state.counters["B/cycle"] =
        benchmark::Counter(total / CoreHertz(), benchmark::Counter::kIsRate);
  }
}

BENCHMARK(RunRead)->Name("read")->ArgName("KiB")->Arg(512)->Arg(8192)->Arg(131072)->MinTime(0.1);

}  // namespace
}  // namespace tessera::bench

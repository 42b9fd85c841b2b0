// Scans of packed codes, one query, selection of about 1 % of the rows with corrections included:
// seconds a row, bytes a second and a cycle (correction byte included), for every instruction set
// of this processor.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/micro/arrays.h"
#include "bench/micro/clock.h"
#include "index/simd/kernels.h"

namespace tessera::bench {
namespace {

using simd::kBlockRows;
using simd::ScanFn;
using simd::ScanInput;
using simd::ScanOutput;

constexpr uint16_t kFactor = 300;
constexpr double kAccepted = 0.01;

struct Codes {
  Codes(size_t code_bytes, size_t total_bytes, size_t table_bytes)
      : block_bytes(kBlockRows * (code_bytes + 1)),
        blocks(std::max<size_t>(total_bytes / block_bytes, 1)),
        bytes(RandomBytes(blocks * block_bytes, 255, 1)),
        tables(RandomBytes(table_bytes, 127, 2)),
        live(4) {
    for (size_t i = 0; i < 4; ++i) live[i] = ~uint64_t{0};
    input = {bytes.data(), 4,          static_cast<uint32_t>(code_bytes), tables.data(), kFactor,
             65535,        live.data()};
  }

  ScanInput Block(size_t i) const {
    ScanInput block = input;
    block.block += i * block_bytes;
    return block;
  }

  // The sum that `kAccepted` of the rows do not exceed, from the first blocks.
  void ChooseThreshold(ScanFn scan) {
    std::vector<uint16_t> sums;
    ScanOutput out;
    for (size_t i = 0; i < std::min<size_t>(blocks, 64); ++i) {
      sums.insert(sums.end(), out.sums, out.sums + scan(Block(i), out));
    }
    const auto nth = sums.begin() + static_cast<ptrdiff_t>(kAccepted * sums.size());
    std::nth_element(sums.begin(), nth, sums.end());
    input.threshold = *nth;
  }

  size_t block_bytes;
  size_t blocks;
  Array<uint8_t> bytes;
  Array<uint8_t> tables;
  Array<uint64_t> live;
  ScanInput input;
};

void RunScan(benchmark::State& state, ScanFn scan, size_t table_bytes_per_3_code_bytes) {
  const size_t code_bytes = static_cast<size_t>(state.range(0));
  const size_t total_bytes = static_cast<size_t>(state.range(1)) << 10;
  Codes codes(code_bytes, total_bytes, (table_bytes_per_3_code_bytes * code_bytes + 2) / 3);
  codes.ChooseThreshold(scan);
  ScanOutput out;
  size_t selected = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < codes.blocks; ++i) selected += scan(codes.Block(i), out);
    benchmark::DoNotOptimize(out);
  }
  const double rows = static_cast<double>(state.iterations() * codes.blocks * kBlockRows);
  state.counters["s/row"] =
      benchmark::Counter(rows, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["B/s"] =
      benchmark::Counter(rows * static_cast<double>(code_bytes + 1), benchmark::Counter::kIsRate);
  if (CoreHertz() > 0) {
    state.counters["B/cycle"] = benchmark::Counter(
        rows * static_cast<double>(code_bytes + 1) / CoreHertz(), benchmark::Counter::kIsRate);
  }
  state.counters["accepted"] = static_cast<double>(selected) / rows;
}

[[maybe_unused]] const bool registered = [] {
  for (const simd::Isa& isa : simd::AllIsas()) {
    if (!isa.supported) continue;
    const struct {
      const char* name;
      ScanFn scan;
      size_t table_bytes;  // of 3 code bytes
    } scans[] = {{"scan8/", isa.kernels->scan8, 768},
                 {"scan6/", isa.kernels->scan6, 256},
                 {"scan4/", isa.kernels->scan4, 96}};
    for (const auto& [name, scan, table_bytes] : scans) {
      // code bytes; KiB of codes: 512 lie in L2, 8192 in L3, 131072 in DRAM.
      benchmark::RegisterBenchmark((std::string(name) + isa.name).c_str(), RunScan, scan,
                                   table_bytes)
          ->ArgNames({"bytes", "KiB"})
          ->ArgsProduct({{8, 16, 24, 32, 64}, {512, 8192, 131072}})
          ->MinTime(0.05);
    }
  }
  return true;
}();

}  // namespace
}  // namespace tessera::bench

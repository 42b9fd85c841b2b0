// The stages of a query, one thread: transform, coarse search, tables, scan of whole lists, the
// best candidates, refine scores. Made data of each shape; the kernels are those in use
// (TESSERA_ISA).
#include <benchmark/benchmark.h>

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "bench/micro/arrays.h"
#include "bench/micro/clock.h"
#include "index/lists/scan.h"
#include "index/lists/top_k.h"
#include "index/quant/coarse.h"
#include "index/quant/query.h"
#include "index/simd/kernels.h"

namespace tessera::bench {
namespace {

constexpr uint32_t kNprobe = 32;
constexpr size_t kQueries = 64;

std::vector<float> Normal(size_t size, uint32_t seed) {
  const Array<float> values = RandomFloats(size, seed);
  return {values.data(), values.data() + size};
}

// A model of random numbers: what a stage costs depends on the shape alone.
quant::Model MakeModel(uint32_t dim, uint32_t m, uint32_t bits, bool rotated = false) {
  quant::Model model;
  model.dim = dim;
  model.mean.assign(dim, 0.1f);
  if (rotated) model.rotation = Normal(size_t{dim} * dim, 3);
  model.spec.pq_m = m;
  model.spec.pq_bits = bits;
  model.spec.refine = kDynamic8;
  model.code = quant::TableCode(quant::LayoutOf(model.spec, dim), Normal(size_t{dim} << bits, 4));
  model.refine = quant::RecordCode(kDynamic8, model.metric, dim, quant::RecordUse::kRefine);
  model.correction_step = 0.01f;
  return model;
}

std::vector<quant::TransformedQuery> MakeQueries(const quant::Model& model, size_t count) {
  const std::vector<float> rows = Normal(count * model.dim, 5);
  std::vector<quant::TransformedQuery> queries(count);
  for (size_t i = 0; i < count; ++i) {
    quant::TransformQuery(model, rows.data() + i * model.dim, queries[i]);
  }
  return queries;
}

void Transform(benchmark::State& state) {
  const auto dim = static_cast<uint32_t>(state.range(0));
  const quant::Model model = MakeModel(dim, dim / 4, 4, state.range(1) != 0);
  const std::vector<float> q = Normal(dim, 6);
  quant::TransformedQuery query;
  for (auto _ : state) quant::TransformQuery(model, q.data(), query);
}
BENCHMARK(Transform)
    ->Name("stage/transform")
    ->ArgNames({"dim", "rotated"})
    ->ArgsProduct({{100, 128, 384, 768}, {0, 1}})
    ->Unit(benchmark::kMicrosecond)
    ->MinTime(0.05);

// Centroids of neighbouring arguments are the same: one set is kept.
const quant::ListTable& Centroids(uint32_t dim, uint32_t lists) {
  static std::unique_ptr<quant::ListTable> kept;
  if (!kept || kept->dim() != dim || kept->nlist() != lists) {
    kept.reset();
    kept = std::make_unique<quant::ListTable>(dim, Normal(size_t{dim} * lists, 7));
  }
  return *kept;
}

// One query a call, or kQueries; an item is a query.
void Coarse(benchmark::State& state) {
  const auto dim = static_cast<uint32_t>(state.range(0));
  const bool batched = state.range(2) != 0;
  const quant::ListTable& lists = Centroids(dim, static_cast<uint32_t>(state.range(1)));
  const quant::Model model = MakeModel(dim, dim / 4, 4);
  const auto queries = MakeQueries(model, kQueries);
  quant::CoarseScratch scratch;
  std::vector<std::vector<quant::ProbedList>> probed(kQueries);
  std::vector<const quant::TransformedQuery*> in;
  std::vector<std::vector<quant::ProbedList>*> out;
  for (size_t i = 0; i < kQueries; ++i) {
    in.push_back(&queries[i]);
    out.push_back(&probed[i]);
  }
  size_t next = 0;
  for (auto _ : state) {
    if (batched) {
      quant::CoarseSearchBatch(model, lists, in, kNprobe, scratch, out);
    } else {
      quant::CoarseSearch(model, lists, queries[next], kNprobe, scratch, probed[next]);
      next = (next + 1) % kQueries;
    }
  }
  const double asked = static_cast<double>(state.iterations() * (batched ? kQueries : 1));
  state.counters["s/query"] =
      benchmark::Counter(asked, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(Coarse)
    ->Name("stage/coarse")
    ->ArgNames({"dim", "lists", "batched"})
    ->ArgsProduct({{100, 128, 384, 768}, {1024, 4096, 16384, 65536}, {0, 1}})
    ->Unit(benchmark::kMicrosecond)
    ->MinTime(0.05);

void Tables(benchmark::State& state) {
  const quant::Model model =
      MakeModel(static_cast<uint32_t>(state.range(0)), static_cast<uint32_t>(state.range(1)),
                static_cast<uint32_t>(state.range(2)));
  const auto queries = MakeQueries(model, 1);
  quant::QueryTables tables;
  for (auto _ : state) quant::BuildQueryTables(model, queries[0], tables);
}
BENCHMARK(Tables)
    ->Name("stage/tables")
    ->ArgNames({"dim", "m", "bits"})
    ->Args({100, 50, 4})
    ->Args({128, 32, 4})
    ->Args({128, 64, 4})
    ->Args({384, 96, 4})
    ->Args({768, 192, 4})
    ->Args({100, 25, 8})
    ->Args({128, 16, 8})
    ->Args({128, 32, 8})
    ->Args({768, 96, 8})
    ->Unit(benchmark::kMicrosecond)
    ->MinTime(0.05);

// 64 lists of 500 rows, of which a query probes half.
struct ListsOfCodes {
  static constexpr uint32_t kLists = 64;
  static constexpr uint32_t kRows = 500;

  ListsOfCodes(uint32_t code_bytes, uint32_t bits)
      : codes(RandomBytes(size_t{kLists} * kRows * code_bytes, 255, 8)),
        model(MakeModel(128, bits == 8 ? code_bytes : 2 * code_bytes, bits)),
        lists(kLists, {code_bytes, 0}) {
    lists::ListSetEditor editor(lists);
    for (uint32_t i = 0; i < kLists * kRows; ++i) {
      lists::NewRow row;
      row.row = RowId{i};
      row.number = i;
      row.code = codes.data() + size_t{i} * code_bytes;
      row.correction = static_cast<int32_t>(i * 2654435761u % 200);
      editor.Append(ListId{i % kLists}, row);
    }
    lists = editor.Finish();
    quant::BuildQueryTables(model, MakeQueries(model, 1)[0], tables);
    query = {&simd::ActiveKernels(), &tables, code_bytes, bits, model.correction_step};
    for (uint32_t i = 0; i < kLists / 2; ++i) {
      probed.push_back({ListId{i * 2}, static_cast<float>(i) * 0.01f});
    }
  }

  Array<uint8_t> codes;
  quant::Model model;
  quant::QueryTables tables;
  lists::ListSet lists;
  lists::ScanQuery query;
  std::vector<quant::ProbedList> probed;
};

void ScanLists(benchmark::State& state) {
  const auto code_bytes = static_cast<uint32_t>(state.range(0));
  const ListsOfCodes data(code_bytes, static_cast<uint32_t>(state.range(1)));
  lists::TopK top;
  lists::Scanner scanner;
  lists::ScanCounts counts;
  for (auto _ : state) {
    top.Reset(static_cast<size_t>(state.range(2)));
    scanner.Start(data.query, top);
    const Status status =
        scanner.Scan(data.lists, data.probed, 0, data.probed.size(), StopToken(), counts);
    if (!status.ok()) state.SkipWithError("the scan failed");
    top.Finish();
  }
  const double rows = static_cast<double>(counts.rows_scanned);
  state.counters["s/row"] =
      benchmark::Counter(rows, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  if (CoreHertz() > 0) {
    state.counters["B/cycle"] =
        benchmark::Counter(rows * (code_bytes + 1) / CoreHertz(), benchmark::Counter::kIsRate);
  }
}
BENCHMARK(ScanLists)
    ->Name("stage/scan")
    ->ArgNames({"bytes", "bits", "keep"})
    ->ArgsProduct({{16, 25, 32}, {4, 8}, {10, 100}})
    ->Unit(benchmark::kMicrosecond)
    ->MinTime(0.05);

// As many random keys as a query meets, a block's worth at a time; an item is a key.
void Select(benchmark::State& state) {
  constexpr size_t kKeys = 16384, kTogether = 64;
  std::mt19937 random(9);
  std::vector<uint32_t> keys(kKeys);
  for (uint32_t& key : keys) key = static_cast<uint32_t>(random());
  lists::TopK top;
  for (auto _ : state) {
    top.Reset(static_cast<size_t>(state.range(0)));
    for (size_t i = 0; i < kKeys; i += kTogether) {
      top.Reserve(kTogether);
      for (size_t j = i; j < i + kTogether; ++j) {
        top.Push(keys[j], {0, static_cast<uint32_t>(j)});
      }
      top.CutIfFull();
    }
    top.Finish();
    benchmark::DoNotOptimize(top.keys().data());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kKeys));
}
BENCHMARK(Select)
    ->Name("stage/select")
    ->ArgName("keep")
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMicrosecond)
    ->MinTime(0.05);

// `depth` refine records, scattered over 64 MiB as candidates are.
void Refine(benchmark::State& state) {
  const auto dim = static_cast<uint32_t>(state.range(0));
  const auto depth = static_cast<size_t>(state.range(1));
  const quant::Model model = MakeModel(dim, dim / 4, 4);
  const size_t records = (size_t{64} << 20) / model.refine_bytes();
  // Records end in two floats; small bytes keep them finite.
  const Array<uint8_t> bytes = RandomBytes(records * model.refine_bytes(), 31, 10);
  const auto queries = MakeQueries(model, 1);
  quant::RecordQuery query;
  std::mt19937 random(11);
  std::vector<size_t> chosen(depth);
  float sum = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (size_t& record : chosen) record = random() % records;
    state.ResumeTiming();
    model.refine.Prepare(queries[0].y.data(), query);
    for (const size_t record : chosen) {
      sum += model.refine.Score(query, 1.0f, bytes.data() + record * model.refine_bytes());
    }
  }
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(Refine)
    ->Name("stage/refine")
    ->ArgNames({"dim", "depth"})
    ->ArgsProduct({{100, 128, 384, 768}, {50, 100}})
    ->Unit(benchmark::kMicrosecond)
    ->MinTime(0.05);

}  // namespace
}  // namespace tessera::bench

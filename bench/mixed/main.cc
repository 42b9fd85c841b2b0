// A collection under queries alone, and under queries, upserts and deletes at once: throughput, latencies, recall and
// memory over time.
//
// bench_mixed BASE QUERIES DIRECTORY [QUANTIZER] [METRIC] [NPROBE] [SECONDS] [ROWS]
// DIRECTORY must not exist or be empty. Eight callers, each with one call at a time: 80 % single queries, 10 % single
// upserts of an id that is there with another row's vector, 5 % of new ids, 5 % deletes of one id, every write synced. The
// run of queries alone comes first and is as long. Ten times in each run 100 queries are compared with exact search of
// the same moment. METRIC: l2 (default), ip, cosine; NPROBE: of 0 the default.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/report/file_rows.h"
#include "index/catalog.h"
#include "index/thread_pool.h"

namespace tessera {
namespace {

using bench::FileRows;
using bench::ReadRows;
using Clock = std::chrono::steady_clock;

constexpr size_t kCallers = 8;
constexpr uint32_t kK = 10;
constexpr size_t kBatch = 8192;
constexpr size_t kSampled = 100;  // queries of a look at recall
constexpr int kLooks = 10;        // of a run

double SecondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Counts by 1 % steps of microseconds.
class Histogram {
 public:
  void Add(double us) {
    const double bucket = std::log(std::max(us, 1.0)) / kStep;
    ++counts_[std::min(static_cast<size_t>(bucket), counts_.size() - 1)];
    ++total_;
  }
  void Add(const Histogram& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
  }
  uint64_t total() const { return total_; }
  double Quantile(double share) const {
    uint64_t left = static_cast<uint64_t>(share * static_cast<double>(total_));
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (left < counts_[i]) return std::exp((static_cast<double>(i) + 0.5) * kStep);
      left -= counts_[i];
    }
    return 0;
  }

 private:
  static constexpr double kStep = 0.01;
  std::array<uint64_t, 2048> counts_{};
  uint64_t total_ = 0;
};

enum Kind : size_t { kQuery, kUpsert, kDelete, kKinds };
constexpr const char* kKindNames[] = {"queries", "upserts", "deletes"};

struct Bench {
  FileRows rows, queries;
  Collection* collection = nullptr;
  Metric metric = Metric::kL2;
  QueryParams params;
  double seconds = 600;
  uint64_t own_bytes = 0;  // resident before the collection was opened
  std::atomic<uint64_t> failures{0};
  std::atomic<uint64_t> next_id{0};
};

uint64_t ResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    uint64_t kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib << 10;
  }
  return 0;
}

std::string_view BytesOf(const FileRows& rows, size_t i) {
  return {reinterpret_cast<const char*>(rows.row(i)), rows.dim * sizeof(float)};
}

// One caller: its own ids, its own counts.
struct Caller {
  std::mt19937_64 random;
  std::vector<uint64_t> ids;
  std::array<Histogram, kKinds> latencies;

  Kind Choose(bool mixed) {
    const uint64_t dice = random() % 100;
    return !mixed || dice < 80 ? kQuery : dice < 95 ? kUpsert : kDelete;
  }

  Status Do(Bench& bench, Kind kind) {
    if (kind == kQuery) {
      thread_local std::vector<QueryResult> results;
      const size_t q = random() % bench.queries.count();
      return bench.collection->QueryBatch({bench.queries.row(q), 1, bench.queries.dim}, bench.params, results);
    }
    if (kind == kDelete) {
      if (ids.empty()) return OkStatus();
      const size_t at = random() % ids.size();
      const PointId id(ids[at]);
      ids[at] = ids.back();
      ids.pop_back();
      return bench.collection->Delete({id}).status();
    }
    const bool is_new = ids.empty() || random() % 3 == 0;
    const uint64_t id = is_new ? bench.next_id++ : ids[random() % ids.size()];
    if (is_new) ids.push_back(id);
    const size_t row = random() % bench.rows.count();
    return bench.collection->Upsert({{PointId(id), ElementType::kF32, BytesOf(bench.rows, row)}}).status();
  }

  void Run(Bench& bench, bool mixed, Clock::time_point end) {
    while (Clock::now() < end) {
      const Kind kind = Choose(mixed);
      const Clock::time_point start = Clock::now();
      if (!Do(bench, kind).ok()) ++bench.failures;
      latencies[kind].Add(SecondsSince(start) * 1e6);
    }
  }
};

// 10-recall@10 against exact search; rows that were written between the two count as lost.
double LookAtRecall(Bench& bench, std::mt19937_64& random) {
  const size_t first = random() % (bench.queries.count() - kSampled);
  const MatrixView<const float> queries(bench.queries.row(first), kSampled, bench.queries.dim);
  QueryParams exact;
  exact.exact = true;
  exact.limit = kK;
  const auto found = bench.collection->QueryBatch(queries, bench.params);
  const auto truth = bench.collection->QueryBatch(queries, exact);
  if (!found.ok() || !truth.ok()) {
    ++bench.failures;
    return 0;
  }
  size_t hits = 0;
  for (size_t q = 0; q < kSampled; ++q) {
    for (const Hit& hit : (*truth)[q].hits) {
      for (const Hit& other : (*found)[q].hits) hits += other.id == hit.id;
    }
  }
  return static_cast<double>(hits) / (kSampled * kK);
}

void RunFor(Bench& bench, std::vector<Caller>& callers, bool mixed) {
  std::printf("%s, %.0f s\n", mixed ? "80 % queries, 15 % upserts, 5 % deletes" : "queries alone", bench.seconds);
  std::printf("%8s %10s %10s %9s %8s %12s\n", "second", "live rows", "dead rows", "lists", "recall", "bytes a row");
  for (Caller& caller : callers) caller.latencies = {};
  const Clock::time_point start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(bench.seconds));
  std::vector<std::thread> threads;
  for (Caller& caller : callers) threads.emplace_back([&] { caller.Run(bench, mixed, end); });
  std::mt19937_64 random(3);
  for (int look = 1; look <= kLooks; ++look) {
    std::this_thread::sleep_until(start + (end - start) * look / kLooks - std::chrono::seconds(look == kLooks ? 3 : 0));
    const CollectionStats stats = bench.collection->Stats();
    const double recall = LookAtRecall(bench, random);
    const double bytes = static_cast<double>(ResidentBytes() - bench.own_bytes) / static_cast<double>(stats.rows);
    std::printf("%8.0f %10llu %10llu %9u %8.4f %12.1f\n", SecondsSince(start),
                static_cast<unsigned long long>(stats.rows), static_cast<unsigned long long>(stats.dead_rows),
                stats.nlist, recall, bytes);
    std::fflush(stdout);
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = SecondsSince(start);
  for (size_t kind = 0; kind < kKinds; ++kind) {
    Histogram all;
    for (const Caller& caller : callers) all.Add(caller.latencies[kind]);
    if (all.total() == 0) continue;
    std::printf("%s: %.0f a second, p50 %.0f us, p99 %.0f us, p999 %.0f us\n", kKindNames[kind],
                static_cast<double>(all.total()) / seconds, all.Quantile(0.5), all.Quantile(0.99), all.Quantile(0.999));
  }
}

Status Load(Bench& bench) {
  for (size_t begin = 0; begin < bench.rows.count(); begin += kBatch) {
    std::vector<PointInput> points;
    for (size_t i = begin; i < std::min(begin + kBatch, bench.rows.count()); ++i) {
      points.push_back({PointId(i), ElementType::kF32, BytesOf(bench.rows, i)});
    }
    TESSERA_RETURN_IF_ERROR(bench.collection->Upsert(points, {.atomic = true}).status());
  }
  return bench.collection->Train({});
}

Status Main(const std::vector<std::string>& args) {
  if (args.size() < 3) {
    return InvalidArgument("usage: bench_mixed BASE QUERIES DIRECTORY [QUANTIZER] [METRIC] [NPROBE] [SECONDS] [ROWS]");
  }
  const auto arg = [&](size_t i, const char* otherwise) { return i < args.size() ? args[i] : std::string(otherwise); };
  Bench bench;
  TESSERA_ASSIGN_OR_RETURN(bench.rows, ReadRows(args[0], std::stoull(arg(7, "1000000"))));
  TESSERA_ASSIGN_OR_RETURN(bench.queries, ReadRows(args[1], 10000));
  if (bench.rows.dim != bench.queries.dim || bench.queries.count() <= kSampled) {
    return InvalidArgument("base and queries do not fit, or there are too few queries");
  }
  CollectionSpec spec;
  spec.dim = static_cast<uint32_t>(bench.rows.dim);
  const std::string metric = arg(4, "l2");
  spec.metric = metric == "cosine" ? Metric::kCosine : metric == "ip" ? Metric::kInnerProduct : Metric::kL2;
  TESSERA_ASSIGN_OR_RETURN(spec.quantizer, QuantizerSpec::Parse(arg(3, "IVF1024,PQ32x8,Refine(SQ8)")));
  spec.auto_train = false;
  bench.params.limit = kK;
  bench.params.nprobe = static_cast<uint32_t>(std::stoul(arg(5, "0")));
  bench.seconds = std::stod(arg(6, "600"));
  bench.own_bytes = ResidentBytes();
  ThreadPoolExecutor compute(2), io(4), background(1);
  CatalogOptions options;
  options.path = args[2];
  options.compute = &compute;
  options.io = &io;
  options.background = &background;
  TESSERA_ASSIGN_OR_RETURN(const auto catalog, Catalog::Open(options));
  TESSERA_ASSIGN_OR_RETURN(const auto collection, catalog->Create("mixed", spec));
  bench.collection = collection.get();
  const Clock::time_point start = Clock::now();
  TESSERA_RETURN_IF_ERROR(Load(bench));
  std::printf("%zu rows of %zu, %s, loaded and trained in %.1f s, %zu callers\n", bench.rows.count(), bench.rows.dim,
              collection->Stats().quantizer.c_str(), SecondsSince(start), kCallers);
  std::vector<Caller> callers(kCallers);
  for (size_t i = 0; i < kCallers; ++i) callers[i].random.seed(i + 1);
  for (size_t i = 0; i < bench.rows.count(); ++i) callers[i % kCallers].ids.push_back(i);
  bench.next_id = bench.rows.count();
  RunFor(bench, callers, false);
  RunFor(bench, callers, true);
  if (bench.failures > 0) return Internal(std::to_string(bench.failures) + " calls failed");
  return OkStatus();
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  const tessera::Status status = tessera::Main(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.ok()) std::fprintf(stderr, "bench_mixed: %s\n", tessera::MessageOf(status).c_str());
  return status.ok() ? 0 : 1;
}

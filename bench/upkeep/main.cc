// What background work costs queries: latencies at a fixed rate of arrivals, alone and beside a rebuild, a compaction of everything and
// a backup. bench/README.md has command and figures.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <latch>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/report/file_rows.h"
#include "index/backup.h"
#include "index/catalog.h"
#include "index/status.h"
#include "index/thread_pool.h"

namespace tessera::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kK = 10;
constexpr size_t kCallers = 2;
constexpr size_t kBatch = 8192;
constexpr int kNice = 6;  // as the server's
constexpr double kAloneSeconds = 20;

struct Bench {
  FileRows rows;
  FileRows queries;
  std::shared_ptr<Collection> collection;
  QueryParams params;
  double rate = 400;  // queries a second, of all callers
};

// Microseconds from when a query was due, not from when its caller got to it.
struct Latencies {
  std::vector<double> us;
  double Quantile(double q) {
    if (us.empty()) return 0;
    const auto at = us.begin() + static_cast<ptrdiff_t>(q * static_cast<double>(us.size() - 1));
    std::nth_element(us.begin(), at, us.end());
    return *at;
  }
};

void Call(Bench& bench, size_t caller, const std::atomic<bool>& stop, std::vector<double>& us) {
  std::mt19937_64 random(caller);
  std::exponential_distribution<double> gap(bench.rate / kCallers);
  std::vector<QueryResult> results;
  auto due = Clock::now();
  while (!stop) {
    due += std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(gap(random)));
    std::this_thread::sleep_until(due);
    const float* query = bench.queries.row(random() % bench.queries.count());
    if (!bench.collection->QueryBatch({query, 1, bench.queries.dim}, bench.params, results).ok()) std::abort();
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - due).count());
  }
}

// Queries while `work` runs.
StatusOr<Latencies> Beside(Bench& bench, const std::function<Status()>& work, double& seconds) {
  std::atomic<bool> stop{false};
  std::vector<std::vector<double>> us(kCallers);
  std::vector<std::thread> callers;
  for (size_t i = 0; i < kCallers; ++i) callers.emplace_back([&, i] { Call(bench, i, stop, us[i]); });
  const auto begin = Clock::now();
  const Status status = work();
  seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  stop = true;
  for (std::thread& caller : callers) caller.join();
  TESSERA_RETURN_IF_ERROR(status);
  Latencies all;
  for (const auto& some : us) all.us.insert(all.us.end(), some.begin(), some.end());
  return all;
}

Status Wait() {
  std::this_thread::sleep_for(std::chrono::duration<double>(kAloneSeconds));
  return OkStatus();
}

// Alone before each, as the machine is then.
Status Tell(Bench& bench, const char* name, const std::function<Status()>& work) {
  double seconds = 0;
  TESSERA_ASSIGN_OR_RETURN(Latencies alone, Beside(bench, Wait, seconds));
  TESSERA_ASSIGN_OR_RETURN(Latencies beside, Beside(bench, work, seconds));
  const double p99 = alone.Quantile(0.99);
  std::printf("%-10s %7.1f s, %zu queries beside: p50 %.0f us (alone %.0f), p99 %.0f us (alone %.0f, %.2f times), p999 %.0f us\n",
              name, seconds, beside.us.size(), beside.Quantile(0.5), alone.Quantile(0.5), beside.Quantile(0.99), p99,
              beside.Quantile(0.99) / p99, beside.Quantile(0.999));
  std::fflush(stdout);
  return OkStatus();
}

void LowerPriority(ThreadPoolExecutor& pool) {
  const auto all = std::make_shared<std::latch>(static_cast<ptrdiff_t>(pool.Concurrency()));
  for (size_t i = 0; i < pool.Concurrency(); ++i) {
    pool.Post([all] {
      (void)setpriority(PRIO_PROCESS, 0, kNice);
      all->arrive_and_wait();
    });
  }
}

// On a thread of low priority, as the server's.
Status OnLow(const std::function<Status()>& work) {
  Status status;
  std::thread thread([&] {
    (void)setpriority(PRIO_PROCESS, 0, kNice);
    status = work();
  });
  thread.join();
  return status;
}

// A backup of all files, as the one before is deleted.
Status BackUp(Catalog& catalog) {
  TESSERA_ASSIGN_OR_RETURN(const BackupInfo made, catalog.backups().Create("upkeep", {}));
  return catalog.backups().Delete("upkeep", made.id);
}

Status Load(Bench& bench) {
  for (size_t begin = 0; begin < bench.rows.count(); begin += kBatch) {
    std::vector<PointInput> points;
    for (size_t i = begin; i < std::min(begin + kBatch, bench.rows.count()); ++i) {
      const std::string_view bytes(reinterpret_cast<const char*>(bench.rows.row(i)), bench.rows.dim * sizeof(float));
      points.push_back({PointId(i), ElementType::kF32, bytes});
    }
    TESSERA_RETURN_IF_ERROR(bench.collection->Upsert(points, {.atomic = true}).status());
  }
  return bench.collection->Train({});
}

Status Main(const std::vector<std::string>& args) {
  if (args.size() < 3) return InvalidArgument("usage: bench_upkeep BASE QUERIES DIRECTORY [QUANTIZER] [NPROBE] [RATE] [ROWS] [CPU SHARE] [MIB/S]");
  const auto arg = [&](size_t i, const char* otherwise) { return i < args.size() ? args[i] : std::string(otherwise); };
  Bench bench;
  TESSERA_ASSIGN_OR_RETURN(bench.rows, ReadRows(args[0], std::stoull(arg(6, "1000000"))));
  TESSERA_ASSIGN_OR_RETURN(bench.queries, ReadRows(args[1], 10000));
  bench.params.limit = kK;
  bench.params.nprobe = static_cast<uint32_t>(std::stoul(arg(4, "32")));
  bench.rate = std::stod(arg(5, "400"));
  ThreadPoolExecutor compute(2), upkeep(2), io(4);
  LowerPriority(upkeep);
  CatalogOptions options;
  options.path = args[2];
  options.compute = &compute;
  options.upkeep = &upkeep;
  options.io = &io;
  options.upkeep_limits.cpu_share = std::stod(arg(7, "1"));
  options.upkeep_limits.bytes_per_second = std::stoull(arg(8, "0")) << 20;
  TESSERA_ASSIGN_OR_RETURN(const auto catalog, Catalog::Open(options));
  CollectionSpec spec;
  spec.dim = static_cast<uint32_t>(bench.rows.dim);
  spec.auto_train = false;
  TESSERA_ASSIGN_OR_RETURN(spec.quantizer, QuantizerSpec::Parse(arg(3, "IVF1024,PQ32x8,Refine(SQ8)")));
  TESSERA_ASSIGN_OR_RETURN(bench.collection, catalog->Create("upkeep", spec));
  TESSERA_RETURN_IF_ERROR(Load(bench));
  for (int round = 0; round < 2; ++round) {
    TESSERA_RETURN_IF_ERROR(Tell(bench, "rebuild", [&] { return OnLow([&] { return bench.collection->Train({}); }); }));
    TESSERA_RETURN_IF_ERROR(Tell(bench, "compaction", [&] { return OnLow([&] { return bench.collection->Reclaim(); }); }));
    TESSERA_RETURN_IF_ERROR(Tell(bench, "backup", [&] { return BackUp(*catalog); }));
  }
  return OkStatus();
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  const tessera::Status status = tessera::bench::Main(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.ok()) std::fprintf(stderr, "bench_upkeep: %s\n", tessera::MessageOf(status).c_str());
  return status.ok() ? 0 : 1;
}

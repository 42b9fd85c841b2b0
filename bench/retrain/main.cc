// A collection is retrained while it is written and searched: what fails, what recall does, what memory it takes.
//
// bench_retrain BASE QUERIES DIRECTORY [QUANTIZER] [METRIC] [ROWS]
// DIRECTORY must not exist or be empty. The first ROWS rows of BASE (all) but a tenth are loaded and trained on; then
// the rest is inserted, rows are replaced by themselves and strangers deleted by one writer, two readers search with
// QUERIES, and meanwhile the collection is trained again with another seed, and rolled back. Truth is exact search
// before and after (by then the tenth is there), the answers in between are compared with the truth among the rows that
// are there all the time: hits of the tenth are left out of both.
// METRIC: l2 (default), ip, cosine. Ends with 1 if a request failed, or recall fell by more than 0.02.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
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

constexpr uint32_t kK = 10;
constexpr uint32_t kAsked = 20;  // so that ten are left where rows of the tenth are hits
constexpr size_t kQueries = 500;
constexpr size_t kBatch = 256;

double Since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// A field of /proc/self/status in MiB.
double StatusMiB(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::atof(line.c_str() + field.size() + 1) / 1024;
  }
  return 0;
}

// What one phase did to the searches.
struct Phase {
  std::string name;
  uint64_t searches = 0;
  double recall_sum = 0;
  double lowest = 1;  // of passes over all queries
  double slowest_ms = 0;
};

class Bench {
 public:
  Bench(FileRows base, FileRows queries, const std::string& directory) : base_(std::move(base)), queries_(std::move(queries)) {
    options_.path = directory;
    options_.compute = &compute_;
    options_.io = &io_;
    kept_ = base_.count() - base_.count() / 10;
  }

  StatusOr<bool> Run(const std::string& quantizer, Metric metric) {
    TESSERA_RETURN_IF_ERROR(Fill(quantizer, metric));
    TESSERA_RETURN_IF_ERROR(FindTruth());
    Begin("old model");
    TESSERA_RETURN_IF_ERROR(PassAll());
    const double before = phases_.back().recall_sum / static_cast<double>(phases_.back().searches);
    const CollectionStats old_stats = collection_->Stats();
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
    const double resident = StatusMiB("VmRSS");
    Status status;
    {
      std::vector<std::thread> threads;
      threads.emplace_back([this] { Write(); });
      for (int r = 0; r < 2; ++r) threads.emplace_back([this] { Search(); });
      status = Retrain();
      stop_ = true;
      for (std::thread& thread : threads) thread.join();
    }
    TESSERA_RETURN_IF_ERROR(status);
    return Tell(before, old_stats, resident);
  }

 private:
  Status Fill(const std::string& quantizer, Metric metric) {
    TESSERA_ASSIGN_OR_RETURN(catalog_, Catalog::Open(options_));
    CollectionSpec spec;
    spec.dim = static_cast<uint32_t>(base_.dim);
    spec.metric = metric;
    spec.auto_train = false;
    TESSERA_ASSIGN_OR_RETURN(spec.quantizer, QuantizerSpec::Parse(quantizer));
    TESSERA_ASSIGN_OR_RETURN(collection_, catalog_->Create("bench", spec));
    for (size_t begin = 0; begin < kept_; begin += 4096) {
      TESSERA_RETURN_IF_ERROR(Upsert(begin, std::min<size_t>(4096, kept_ - begin)));
    }
    return collection_->Train({});
  }

  Status Upsert(size_t begin, size_t count) {
    std::vector<PointInput> points;
    for (size_t i = begin; i < begin + count; ++i) {
      points.push_back({PointId(i), ElementType::kF32,
                        {reinterpret_cast<const char*>(base_.row(i)), base_.dim * sizeof(float)}});
    }
    return collection_->Upsert(points, {.atomic = true}).status();
  }

  Status FindTruth() {
    QueryParams params;
    params.limit = kK;
    params.exact = true;
    std::vector<QueryResult> results;
    TESSERA_RETURN_IF_ERROR(
        collection_->QueryBatch({queries_.data.data(), queries_.count(), queries_.dim}, params, results));
    for (const QueryResult& result : results) {
      std::vector<uint64_t> ids;
      for (const Hit& hit : result.hits) ids.push_back(hit.id.number());
      truth_.push_back(std::move(ids));
    }
    return OkStatus();
  }

  void Begin(const std::string& name) {
    std::lock_guard lock(mutex_);
    if (phases_.empty() || phases_.back().name != name) phases_.push_back({name});
  }

  StatusOr<double> RecallOf(size_t query) {
    QueryParams params;
    params.limit = kAsked;
    TESSERA_ASSIGN_OR_RETURN(const QueryResult result,
                             collection_->Query(queries_.row(query), static_cast<uint32_t>(queries_.dim), params));
    size_t seen = 0;
    size_t found = 0;
    for (const Hit& hit : result.hits) {
      if (hit.id.number() >= kept_) continue;
      if (++seen > kK) break;
      found += std::ranges::count(truth_[query], hit.id.number());
    }
    return static_cast<double>(found) / kK;
  }

  // All queries once, counted to the phase in which each ends.
  Status PassAll() {
    double sum = 0;
    for (size_t q = 0; q < queries_.count() && !stop_; ++q) {
      const Clock::time_point begin = Clock::now();
      TESSERA_ASSIGN_OR_RETURN(const double recall, RecallOf(q));
      const double ms = Since(begin) * 1e3;
      sum += recall;
      std::lock_guard lock(mutex_);
      Phase& phase = phases_.back();
      ++phase.searches;
      phase.recall_sum += recall;
      phase.slowest_ms = std::max(phase.slowest_ms, ms);
      if (q + 1 == queries_.count()) {
        phase.lowest = std::min(phase.lowest, sum / static_cast<double>(queries_.count()));
      }
    }
    return OkStatus();
  }

  void Fail(const Status& status) {
    if (status.ok()) return;
    if (failed_.fetch_add(1) == 0) std::fprintf(stderr, "failed: %s\n", status.ToString().c_str());
  }

  void Search() {
    while (!stop_) Fail(PassAll());
  }

  // New rows, then old ones again; now and then some of the new are deleted.
  void Write() {
    for (size_t at = kept_, round = 0; !stop_; ++round) {
      if (at < base_.count() && round % 2 == 0) {
        const size_t count = std::min(kBatch, base_.count() - at);
        Fail(Upsert(at, count));
        at += count;
        written_ += count;
      } else {
        const size_t begin = round * 7919 % (kept_ - kBatch);
        Fail(Upsert(begin, kBatch));
        written_ += kBatch;
      }
      if (round % 16 == 15) {
        std::vector<PointId> ids;
        for (size_t i = kept_; i < at && ids.size() < 16; i += 97) ids.push_back(PointId(i));
        Fail(collection_->Delete(ids).status());
      }
    }
  }

  Status Retrain() {
    const Clock::time_point begin = Clock::now();
    TrainOptions options;
    options.context.seed = 99;
    options.context.progress = [&](double, const char* stage) { Begin(std::string("retrain: ") + stage); };
    TESSERA_RETURN_IF_ERROR(collection_->Train(options));
    Begin("new model");
    // Long enough for whole passes.
    std::this_thread::sleep_for(std::chrono::seconds(2));
    trained_seconds_ = Since(begin);
    TrainingContext context;
    context.progress = [&](double, const char* stage) { Begin(std::string("roll back: ") + stage); };
    TESSERA_RETURN_IF_ERROR(collection_->codebooks().RollBack(context));
    Begin("old model again");
    std::this_thread::sleep_for(std::chrono::seconds(2));
    return OkStatus();
  }

  bool Tell(double before, const CollectionStats& old_stats, double resident) {
    const CollectionStats stats = collection_->Stats();
    std::printf("%zu rows x %zu, %s, generations %u to %u, %llu rows written and %.1f s from start to new model\n",
                base_.count(), base_.dim, stats.quantizer.c_str(), old_stats.generation.value, stats.generation.value,
                static_cast<unsigned long long>(written_.load()), trained_seconds_);
    std::printf("%-24s %10s %10s %12s %10s\n", "phase", "searches", "recall@10", "worst pass", "slowest");
    double lowest = 1;
    for (const Phase& phase : phases_) {
      const double recall = phase.searches ? phase.recall_sum / static_cast<double>(phase.searches) : 0;
      std::printf("%-24s %10llu %10.4f ", phase.name.c_str(), static_cast<unsigned long long>(phase.searches), recall);
      phase.lowest < 1 ? std::printf("%12.4f", phase.lowest) : std::printf("%12s", "-");
      std::printf(" %7.1f ms\n", phase.slowest_ms);
      lowest = std::min(lowest, phase.lowest);
    }
    std::printf("failed requests %llu; old recall %.4f, worst pass %.4f\n",
                static_cast<unsigned long long>(failed_.load()), before, lowest);
    std::printf("resident before %.0f MiB, peak %.0f MiB; mirror %.1f MiB before, %.1f MiB after, both while encoding\n",
                resident, StatusMiB("VmHWM"), static_cast<double>(old_stats.memory.total()) / (1 << 20),
                static_cast<double>(stats.memory.total()) / (1 << 20));
    return failed_ == 0 && lowest >= before - 0.02;
  }

  const FileRows base_;
  const FileRows queries_;
  size_t kept_ = 0;  // rows that are there all the time
  ThreadPoolExecutor compute_{2};
  ThreadPoolExecutor io_{2};
  CatalogOptions options_;
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Collection> collection_;
  std::vector<std::vector<uint64_t>> truth_;
  double trained_seconds_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> failed_{0};
  std::atomic<uint64_t> written_{0};
  std::mutex mutex_;
  std::vector<Phase> phases_;  // guarded by mutex_ while threads run
};

StatusOr<bool> Main(int argc, char** argv) {
  const std::string metric = argc > 5 ? argv[5] : "l2";
  const size_t limit = argc > 6 ? std::strtoull(argv[6], nullptr, 10) : SIZE_MAX;
  TESSERA_ASSIGN_OR_RETURN(FileRows base, ReadRows(argv[1], limit));
  TESSERA_ASSIGN_OR_RETURN(FileRows queries, ReadRows(argv[2], kQueries));
  if (base.count() < 10000 || queries.count() == 0 || base.dim != queries.dim) {
    return InvalidArgument("10,000 rows and queries of the same dimension are needed");
  }
  const std::string quantizer = argc > 4 ? argv[4] : kDefaultQuantizer;
  const Metric kind = metric == "cosine" ? Metric::kCosine : metric == "ip" ? Metric::kInnerProduct : Metric::kL2;
  return Bench(std::move(base), std::move(queries), argv[3]).Run(quantizer, kind);
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_retrain BASE QUERIES DIRECTORY [QUANTIZER] [METRIC] [ROWS]\n");
    return 2;
  }
  const tessera::StatusOr<bool> good = tessera::Main(argc, argv);
  if (!good.ok()) std::fprintf(stderr, "%s\n", good.status().ToString().c_str());
  return good.ok() && *good ? 0 : 1;
}

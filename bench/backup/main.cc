// Backups of a collection: what the first costs, what the next adds after some rows changed, what is restored.
//
// bench_backup BASE QUERIES DIRECTORY [ROWS] [QUANTIZER] [PERCENT] [METRIC]
// DIRECTORY must not exist or be empty. The first ROWS rows of BASE (all) are loaded under their numbers and trained on.
// Its space is reclaimed. Then: a backup; PERCENT (1) of the rows, chosen at random, replaced by others, and a second backup; it is restored under
// another name and must give the same answers, exact and not; a third backup while a writer replaces rows in batches
// of 100, whose restore must hold, row by row, what was written up to its commit.
// Ends with 1 if an answer or a row differs, or the second backup adds more than 5 % of the first.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
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

constexpr size_t kLoadBatch = 4096;
constexpr size_t kWriteBatch = 100;
constexpr size_t kExactQueries = 100;
constexpr size_t kFirstCommits = 20;  // before a backup while writing
constexpr double kMostAdded = 0.05;

double Since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }
double Mib(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

uint64_t DiskBytes(const std::string& directory) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

// Row sources[i] of the file came to be under the id rows[i], at a commit.
struct Replacement {
  uint64_t commit = 0;
  std::vector<size_t> rows;
  std::vector<size_t> sources;
};

class Bench {
 public:
  Bench(FileRows base, FileRows queries, size_t rows, const std::string& directory)
      : base_(std::move(base)), queries_(std::move(queries)), rows_(std::min(rows, base_.count())) {
    options_.path = directory;
    options_.compute = &compute_;
    options_.io = &io_;
    options_.background = &background_;
  }

  StatusOr<bool> Run(const std::string& quantizer, Metric metric, double percent) {
    TESSERA_RETURN_IF_ERROR(Fill(quantizer, metric));
    // A database that was just loaded is still being rewritten by RocksDB: the next backup would copy that.
    TESSERA_RETURN_IF_ERROR(collection_->Reclaim());
    TESSERA_ASSIGN_OR_RETURN(const BackupInfo first, Backup("first backup"));
    TESSERA_ASSIGN_OR_RETURN(const Replacement changed,
                             Replace(static_cast<size_t>(static_cast<double>(rows_) * percent / 100)));
    written_.push_back(changed);
    TESSERA_ASSIGN_OR_RETURN(const BackupInfo second, Backup("after " + std::to_string(changed.rows.size()) + " rows changed"));
    const double added = static_cast<double>(second.new_bytes) / static_cast<double>(first.new_bytes);
    std::printf("added                %.2f %% of the first\n", 100 * added);
    TESSERA_ASSIGN_OR_RETURN(const bool same, SameAnswers(second));
    TESSERA_ASSIGN_OR_RETURN(const bool whole, WhileWriting());
    return same && whole && added <= kMostAdded;
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
    for (size_t begin = 0; begin < rows_; begin += kLoadBatch) {
      std::vector<size_t> rows;
      for (size_t i = begin; i < std::min(begin + kLoadBatch, rows_); ++i) rows.push_back(i);
      TESSERA_RETURN_IF_ERROR(Upsert(rows, rows).status());
    }
    return collection_->Train({});
  }

  // Row sources[i] of the file under the id rows[i]; the commit.
  StatusOr<uint64_t> Upsert(const std::vector<size_t>& rows, const std::vector<size_t>& sources) {
    std::vector<PointInput> points;
    for (size_t i = 0; i < rows.size(); ++i) {
      points.push_back({PointId(rows[i]), ElementType::kF32, RowBytes(sources[i])});
    }
    TESSERA_ASSIGN_OR_RETURN(const UpsertResult result, collection_->Upsert(points, {.atomic = true}));
    return result.commit;
  }

  std::string_view RowBytes(size_t row) const {
    return {reinterpret_cast<const char*>(base_.row(row)), base_.dim * sizeof(float)};
  }

  // Some rows, each once, by rows of the file.
  StatusOr<Replacement> Replace(size_t count) {
    Replacement replacement;
    std::vector<size_t> all(rows_);
    for (size_t i = 0; i < rows_; ++i) all[i] = i;
    std::sample(all.begin(), all.end(), std::back_inserter(replacement.rows), count, random_);
    for (size_t i = 0; i < replacement.rows.size(); ++i) replacement.sources.push_back(random_() % base_.count());
    TESSERA_ASSIGN_OR_RETURN(replacement.commit, Upsert(replacement.rows, replacement.sources));
    return replacement;
  }

  StatusOr<BackupInfo> Backup(const std::string& what) {
    const std::string folder = options_.path + "/backups";
    const uint64_t before = std::filesystem::exists(folder) ? DiskBytes(folder) : 0;
    const Clock::time_point begin = Clock::now();
    TESSERA_ASSIGN_OR_RETURN(const BackupInfo info, catalog_->backups().Create("bench", {}));
    std::printf("%-20s %.2f s, commit %llu, %.1f MiB, new %.1f MiB (folder grew by %.1f MiB)\n", what.c_str(), Since(begin),
                static_cast<unsigned long long>(info.commit), Mib(info.bytes), Mib(info.new_bytes),
                Mib(DiskBytes(folder) - before));
    return info;
  }

  StatusOr<std::shared_ptr<Collection>> Restore(const BackupInfo& info, const std::string& name) {
    const Clock::time_point begin = Clock::now();
    TESSERA_ASSIGN_OR_RETURN(auto restored, catalog_->backups().Restore("bench", info.id, name, {}));
    std::printf("restored             backup %u in %.2f s, %llu rows at commit %llu\n", info.id, Since(begin),
                static_cast<unsigned long long>(restored->Count()),
                static_cast<unsigned long long>(restored->Stats().commit));
    return restored;
  }

  StatusOr<std::vector<QueryResult>> Answers(Collection& collection, size_t queries, bool exact) {
    QueryParams params;
    params.limit = 10;
    params.exact = exact;
    std::vector<QueryResult> results;
    TESSERA_RETURN_IF_ERROR(collection.QueryBatch({queries_.data.data(), queries, queries_.dim}, params, results));
    return results;
  }

  StatusOr<bool> SameAnswers(const BackupInfo& info) {
    TESSERA_ASSIGN_OR_RETURN(const auto restored, Restore(info, "second"));
    size_t different = 0;
    for (const bool exact : {false, true}) {
      const size_t queries = exact ? std::min(kExactQueries, queries_.count()) : queries_.count();
      TESSERA_ASSIGN_OR_RETURN(const auto here, Answers(*collection_, queries, exact));
      TESSERA_ASSIGN_OR_RETURN(const auto there, Answers(*restored, queries, exact));
      for (size_t q = 0; q < queries; ++q) {
        const auto same = [](const Hit& a, const Hit& b) { return a.id == b.id && a.score == b.score; };
        different += !std::ranges::equal(here[q].hits, there[q].hits, same);
      }
      std::printf("%-20s %zu queries, %zu answered otherwise\n", exact ? "exact" : "quantized", queries, different);
    }
    TESSERA_RETURN_IF_ERROR(catalog_->Drop("second"));
    return different == 0;
  }

  StatusOr<bool> WhileWriting() {
    std::atomic<bool> stop{false};
    std::atomic<size_t> commits{0};
    Status failed;
    double slowest = 0;
    std::thread writer([&] {
      while (!stop && failed.ok()) {
        const Clock::time_point begin = Clock::now();
        StatusOr<Replacement> replaced = Replace(kWriteBatch);
        slowest = std::max(slowest, Since(begin));
        failed = replaced.status();
        if (replaced.ok()) written_.push_back(*std::move(replaced));
        ++commits;
        commits.notify_all();
      }
    });
    for (size_t seen = commits; seen < kFirstCommits; seen = commits) commits.wait(seen);
    const StatusOr<BackupInfo> info = Backup("while writing");
    stop = true;
    writer.join();
    TESSERA_RETURN_IF_ERROR(failed);
    TESSERA_RETURN_IF_ERROR(info.status());
    std::printf("writer               %zu commits of %zu rows meanwhile, the slowest %.0f ms\n", written_.size() - 1, kWriteBatch,
                1000 * slowest);
    TESSERA_ASSIGN_OR_RETURN(const auto restored, Restore(*info, "third"));
    std::vector<size_t> sources(rows_);
    for (size_t i = 0; i < rows_; ++i) sources[i] = i;
    for (const Replacement& r : written_) {
      for (size_t i = 0; r.commit <= info->commit && i < r.rows.size(); ++i) sources[r.rows[i]] = r.sources[i];
    }
    return CompareRows(*restored, sources);
  }

  StatusOr<bool> CompareRows(Collection& collection, const std::vector<size_t>& sources) {
    size_t different = 0;
    for (size_t begin = 0; begin < rows_; begin += kLoadBatch) {
      std::vector<PointId> ids;
      for (size_t i = begin; i < std::min(begin + kLoadBatch, rows_); ++i) ids.push_back(PointId(i));
      TESSERA_ASSIGN_OR_RETURN(const auto points, collection.Get(ids));
      for (size_t i = 0; i < points.size(); ++i) {
        different += !points[i] || std::string_view(points[i]->vector) != RowBytes(sources[begin + i]);
      }
    }
    std::printf("row by row           %zu rows, %zu not as of that commit\n", rows_, different);
    return different == 0;
  }

  const FileRows base_;
  const FileRows queries_;
  const size_t rows_;
  ThreadPoolExecutor compute_{2};
  ThreadPoolExecutor io_{2};
  ThreadPoolExecutor background_{1};
  CatalogOptions options_;
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Collection> collection_;
  std::mt19937_64 random_{7};
  std::vector<Replacement> written_;
};

int Main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_backup BASE QUERIES DIRECTORY [ROWS] [QUANTIZER] [PERCENT] [METRIC]\n");
    return 2;
  }
  const size_t rows = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : SIZE_MAX;
  // More than are loaded, so that rows are replaced by others.
  const auto base = ReadRows(argv[1], rows < SIZE_MAX / 2 ? rows + rows / 10 : SIZE_MAX);
  const auto queries = ReadRows(argv[2], SIZE_MAX);
  if (!base.ok() || !queries.ok()) {
    std::fprintf(stderr, "%s\n", (base.ok() ? queries.status() : base.status()).ToString().c_str());
    return 1;
  }
  const std::string quantizer = argc > 5 ? argv[5] : "IVF1024,PQ32x8,Refine(SQ8)";
  const double percent = argc > 6 ? std::atof(argv[6]) : 1;
  const std::string metric = argc > 7 ? argv[7] : "l2";
  Bench bench(*base, *queries, rows, argv[3]);
  const auto good = bench.Run(
      quantizer, metric == "ip" ? Metric::kInnerProduct : metric == "cosine" ? Metric::kCosine : Metric::kL2, percent);
  if (!good.ok()) {
    std::fprintf(stderr, "%s\n", good.status().ToString().c_str());
    return 1;
  }
  return *good ? 0 : 1;
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) { return tessera::Main(argc, argv); }

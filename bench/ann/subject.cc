#include "bench/ann/subject.h"

#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "bench/report/statistics.h"
#include "client/formats/vector_reader.h"
#include "index/thread_pool.h"

namespace tessera::bench {
namespace {

namespace fs = std::filesystem;

constexpr char kCollection[] = "bench";
constexpr char kOriginFile[] = "bench_origin";
constexpr size_t kUpsertRows = 10000;

StatusOr<std::string> TemporaryDirectory() {
  std::string path = (fs::temp_directory_path() / "bench_ann.XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) return Unavailable("cannot make a directory " + path);
  return path;
}

// The batch's rows get the ids from `first` on.
Status UpsertRows(const formats::VectorBatch& batch, uint64_t first, Collection& collection) {
  if (!batch.bad.empty()) return batch.bad.front().reason;
  const size_t row_bytes = batch.dim * ElementSize(batch.type);
  std::vector<PointInput> points;
  points.reserve(batch.rows);
  for (size_t i = 0; i < batch.rows; ++i) {
    const char* vector = reinterpret_cast<const char*>(batch.data.data()) + i * row_bytes;
    points.push_back({PointId(first + i), batch.type, {vector, row_bytes}});
  }
  return Annotate(collection.Upsert(points, {.atomic = true}).status(), "from row " + std::to_string(first) + ": ");
}

}  // namespace

Subject::Subject(const Options& options) : options_(options) {}

Subject::~Subject() {
  collection_.reset();
  catalog_.reset();
  std::error_code ignored;
  if (!options_.keep && !directory_.empty()) fs::remove_all(directory_, ignored);
}

StatusOr<std::unique_ptr<Subject>> Subject::Open(const Options& options, const Log& log) {
  std::unique_ptr<Subject> subject(new Subject(options));
  std::string directory = options.data;
  if (directory.empty()) {
    TESSERA_ASSIGN_OR_RETURN(directory, TemporaryDirectory());
  } else if (options.keep && fs::exists(fs::path(directory) / kOriginFile)) {
    subject->directory_ = directory;
    log("taking up the collection of " + directory + ": no loading, no training");
    TESSERA_RETURN_IF_ERROR(subject->TakeUp());
    return subject;
  } else if (fs::exists(directory) && !fs::is_empty(directory)) {
    return FailedPrecondition("--data " + directory +
                              " holds something else, or a build that was "
                              "cut short: remove it");
  }
  subject->directory_ = directory;
  TESSERA_RETURN_IF_ERROR(subject->Build(log));
  return subject;
}

void Subject::UseThreads(size_t threads) {
  executor_.Use(&inline_);
  pool_.reset();
  if (threads <= 1) return;
  // A call runs on its caller and on all but one of these (ParallelFor).
  pool_ = std::make_unique<ThreadPoolExecutor>(threads);
  executor_.Use(pool_.get());
}

Status Subject::OpenCatalog() {
  UseThreads(std::max(1u, std::thread::hardware_concurrency()));
  CatalogOptions catalog;
  catalog.path = directory_;
  catalog.compute = &executor_;
  catalog.block_cache_bytes = options_.block_cache_mib << 20;
  TESSERA_ASSIGN_OR_RETURN(catalog_, Catalog::Open(catalog));
  return OkStatus();
}

StatusOr<std::string> Subject::Origin() const {
  std::error_code error;
  const uint64_t bytes = fs::file_size(options_.base, error);
  if (error) return NotFound("--base " + options_.base + ": " + error.message());
  std::ostringstream text;
  text << "base " << fs::path(options_.base).filename().string() << " of " << bytes << " bytes, "
       << "dataset " << options_.base_dataset << ", max_rows " << options_.max_rows
       << ", train_rows " << options_.train_rows << ", metric " << MetricName(options_.metric)
       << ", quantizer " << options_.quantizer.ToString();
  if (options_.goal.given()) {
    text << ", bytes_per_vector " << options_.goal.bytes_per_vector << ", target_recall "
         << options_.goal.target_recall;
  }
  return text.str();
}

Status Subject::TakeUp() {
  std::ifstream in(fs::path(directory_) / kOriginFile);
  std::string was;
  std::getline(in, was);
  TESSERA_ASSIGN_OR_RETURN(const std::string wanted, Origin());
  if (was != wanted) {
    return InvalidArgument("--data " + directory_ + " was built from: " + was +
                           "; asked for: " + wanted + "; remove it or name another");
  }
  in >> times_.load_seconds >> times_.train_seconds;
  TESSERA_RETURN_IF_ERROR(OpenCatalog());
  TESSERA_ASSIGN_OR_RETURN(collection_, catalog_->Get(kCollection));
  if (collection_->spec().refine_on_disk == options_.refine_on_disk) return OkStatus();
  TESSERA_RETURN_IF_ERROR(collection_->Update({.refine_on_disk = options_.refine_on_disk}));
  collection_.reset();
  catalog_.reset();
  TESSERA_RETURN_IF_ERROR(OpenCatalog());
  TESSERA_ASSIGN_OR_RETURN(collection_, catalog_->Get(kCollection));
  return OkStatus();
}

Status Subject::Build(const Log& log) {
  TESSERA_ASSIGN_OR_RETURN(const std::string origin, Origin());
  TESSERA_RETURN_IF_ERROR(OpenCatalog());
  TESSERA_RETURN_IF_ERROR(LoadRows(log));
  if (!options_.keep) return OkStatus();
  std::ofstream out(fs::path(directory_) / kOriginFile);
  out << origin << "\n" << times_.load_seconds << " " << times_.train_seconds << "\n";
  out.close();
  return out ? OkStatus() : Unavailable("cannot write " + std::string(kOriginFile));
}

Status Subject::LoadRows(const Log& log) {
  formats::OpenOptions open;
  open.path = options_.base;
  open.dataset = options_.base_dataset;
  TESSERA_ASSIGN_OR_RETURN(const auto reader, formats::OpenVectors(open));
  CollectionSpec spec;
  spec.dim = static_cast<uint32_t>(reader->dim());
  spec.metric = options_.metric;
  spec.quantizer = options_.quantizer;
  spec.goal = options_.goal;
  spec.refine_on_disk = options_.refine_on_disk;
  spec.auto_train = false;
  spec.sync_writes = false;
  TESSERA_ASSIGN_OR_RETURN(collection_, catalog_->Create(kCollection, spec));
  const uint64_t max_rows = options_.max_rows == 0 ? UINT64_MAX : options_.max_rows;
  bool trained = false;
  double begin = WallSeconds();
  formats::VectorBatch batch;
  for (uint64_t rows = 0; rows < max_rows; rows += batch.rows) {
    if (!trained && options_.train_rows > 0 && rows >= options_.train_rows) {
      times_.load_seconds += WallSeconds() - begin;
      TESSERA_RETURN_IF_ERROR(TrainNow({}, log));
      trained = true;
      begin = WallSeconds();
    }
    TESSERA_ASSIGN_OR_RETURN(const bool more,
                             reader->Next(std::min(kUpsertRows, max_rows - rows), batch));
    if (!more) break;
    TESSERA_RETURN_IF_ERROR(UpsertRows(batch, rows, *collection_));
  }
  times_.load_seconds += WallSeconds() - begin;
  char text[80];
  std::snprintf(text, sizeof(text), "loaded %llu rows in %.1f s",
                static_cast<unsigned long long>(collection_->Count()), times_.load_seconds);
  log(text);
  return trained || !options_.train ? OkStatus() : TrainNow({}, log);
}

Status Subject::Retrain(const QuantizerSpec& quantizer, const Log& log) {
  TrainOptions train;
  train.quantizer = quantizer;
  return TrainNow(train, log);
}

Status Subject::TrainNow(const TrainOptions& train, const Log& log) {
  UseThreads(std::max(1u, std::thread::hardware_concurrency()));
  const double begin = WallSeconds();
  TESSERA_RETURN_IF_ERROR(collection_->Train(train));
  times_.train_seconds = WallSeconds() - begin;
  char text[80];
  std::snprintf(text, sizeof(text), "trained in %.1f s: ", times_.train_seconds);
  const CollectionStats stats = collection_->Stats();
  log(text + stats.quantizer);
  if (!stats.plan.empty()) log(stats.plan);
  return OkStatus();
}

}  // namespace tessera::bench

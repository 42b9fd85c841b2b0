// The build path of the library as a program: load into a trained collection, rebuild, reopen.
//
// bench_build FILE DIRECTORY STEP...
//   create[=QUANTIZER]  a collection, trained on the first 65,536 rows of FILE
//   load[=ROWS]         upserts rows from the start of FILE (all; 4,096 a request) and waits until all are durable
//   replace[=ROWS]      the same ids again
//   reopen              closes and opens the directory
//   train               a training of the whole collection: sample, k-means, encode, switch
// BENCH_REQUEST and BENCH_IN_FLIGHT change the rows a request (4,096) and the requests at once (8).
// A line a step: wall seconds, CPU seconds of the process, rows, ns of wall and CPU a row, resident MiB and its peak.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/formats/vector_reader.h"
#include "index/catalog.h"
#include "index/thread_pool.h"

namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// A field of /proc/self/status in MiB.
double StatusMiB(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string name;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::atof(line.c_str() + field.size() + 1) / 1024;
  }
  return 0;
}

uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Bench {
 public:
  Bench(std::string file, const std::string& directory) : file_(std::move(file)) {
    options_.path = directory;
    options_.compute = &compute_;
    options_.io = &io_;
  }

  Status Run(const std::string& step) {
    const size_t sign = step.find('=');
    const std::string name = step.substr(0, sign);
    const std::string value = sign == std::string::npos ? "" : step.substr(sign + 1);
    if (!catalog_ && name != "reopen") TESSERA_RETURN_IF_ERROR(Open());
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
    const Clock::time_point begin = Clock::now();
    const double cpu = CpuSeconds();
    TESSERA_RETURN_IF_ERROR(Do(name, value));
    const double wall = std::chrono::duration<double>(Clock::now() - begin).count();
    const double used = CpuSeconds() - cpu;
    const double rows = static_cast<double>(rows_);
    std::printf("%-8s %7.2f s wall %7.2f s cpu %9.0f rows %8.0f ns wall/row %8.0f ns cpu/row %6.0f MiB, peak %6.0f\n",
                name.c_str(), wall, used, rows, wall / rows * 1e9, used / rows * 1e9, StatusMiB("VmRSS"),
                StatusMiB("VmHWM"));
    std::fflush(stdout);
    return OkStatus();
  }

 private:
  Status Do(const std::string& name, const std::string& value) {
    if (name == "create") return Create(value.empty() ? "IVF2048,PQ16,Refine(SQ8)" : value);
    const uint64_t limit = value.empty() ? UINT64_MAX : std::strtoull(value.c_str(), nullptr, 10);
    if (name == "load" || name == "replace") return Load(limit);
    if (name == "reopen") return Reopen();
    if (name == "train") return Train();
    return InvalidArgument("no step " + name);
  }

  Status Open() {
    TESSERA_ASSIGN_OR_RETURN(catalog_, Catalog::Open(options_));
    if (auto found = catalog_->Get("bench"); found.ok()) collection_ = *found;
    return OkStatus();
  }

  Status Reopen() {
    collection_.reset();
    catalog_.reset();
    const Clock::time_point begin = Clock::now();
    TESSERA_RETURN_IF_ERROR(Open());
    rows_ = collection_->Count();
    std::printf("  opened in %.2f s\n", std::chrono::duration<double>(Clock::now() - begin).count());
    return OkStatus();
  }

  Status Create(const std::string& quantizer) {
    formats::OpenOptions open;
    open.path = file_;
    TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
    formats::VectorBatch batch;
    TESSERA_RETURN_IF_ERROR(reader->Next(1, batch).status());
    CollectionSpec spec;
    spec.dim = static_cast<uint32_t>(batch.dim);
    spec.auto_train = false;
    TESSERA_ASSIGN_OR_RETURN(spec.quantizer, QuantizerSpec::Parse(quantizer));
    TESSERA_ASSIGN_OR_RETURN(collection_, catalog_->Create("bench", spec));
    TESSERA_RETURN_IF_ERROR(Load(65536));
    return collection_->Train({});
  }

  Status Train() {
    TrainOptions options;
    std::string stage;
    Clock::time_point begin = Clock::now();
    double cpu = CpuSeconds();
    options.context.progress = [&](double, const char* now) {
      if (stage == now) return;
      if (!stage.empty()) {
        std::printf("  %-10s %6.2f s wall %6.2f s cpu\n", stage.c_str(),
                    std::chrono::duration<double>(Clock::now() - begin).count(), CpuSeconds() - cpu);
      }
      stage = now;
      begin = Clock::now();
      cpu = CpuSeconds();
    };
    rows_ = collection_->Count();
    return collection_->Train(options);
  }

  // Reading the file is inside the measure: it is in memory after the first time.
  Status Load(uint64_t limit) {
    formats::OpenOptions open;
    open.path = file_;
    TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
    const size_t request = Setting("BENCH_REQUEST", 4096);
    std::vector<formats::VectorBatch> batches(Setting("BENCH_IN_FLIGHT", 8));
    rows_ = 0;
    for (size_t slot = 0; rows_ < limit; slot = (slot + 1) % batches.size()) {
      TESSERA_RETURN_IF_ERROR(WaitFor(slot, batches.size()));
      formats::VectorBatch& batch = batches[slot];
      TESSERA_ASSIGN_OR_RETURN(const bool more, reader->Next(std::min<uint64_t>(request, limit - rows_), batch));
      if (!more) break;
      Send(slot, batch);
      rows_ += batch.rows;
    }
    for (size_t slot = 0; slot < batches.size(); ++slot) TESSERA_RETURN_IF_ERROR(WaitFor(slot, batches.size()));
    return OkStatus();
  }

  void Send(size_t slot, const formats::VectorBatch& batch) {
    const size_t bytes = batch.dim * ElementSize(batch.type);
    std::vector<PointInput> points;
    points.reserve(batch.rows);
    for (size_t i = 0; i < batch.rows; ++i) {
      points.push_back({PointId(batch.row_numbers[i]), batch.type,
                        {reinterpret_cast<const char*>(batch.data.data()) + i * bytes, bytes}});
    }
    {
      std::lock_guard lock(mutex_);
      busy_[slot] = true;
    }
    collection_->UpsertAsync(points, {.atomic = true}, [this, slot](StatusOr<UpsertResult> result) {
      std::lock_guard lock(mutex_);
      busy_[slot] = false;
      if (!result.ok() && failure_.ok()) failure_ = result.status();
      done_.notify_all();
    });
  }

  Status WaitFor(size_t slot, size_t slots) {
    std::unique_lock lock(mutex_);
    busy_.resize(slots);
    done_.wait(lock, [&] { return !busy_[slot]; });
    return failure_;
  }

  const std::string file_;
  ThreadPoolExecutor compute_{2};
  ThreadPoolExecutor io_{2};
  CatalogOptions options_;
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Collection> collection_;
  uint64_t rows_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable done_;
  std::vector<bool> busy_;
  Status failure_;
};

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_build FILE DIRECTORY STEP...\n");
    return 2;
  }
  tessera::Bench bench(argv[1], argv[2]);
  for (int i = 3; i < argc; ++i) {
    if (const tessera::Status status = bench.Run(argv[i]); !status.ok()) {
      std::fprintf(stderr, "%s: %s\n", argv[i], status.ToString().c_str());
      return 1;
    }
  }
  return 0;
}

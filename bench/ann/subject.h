// The collection that is measured: built from a file, or found built in a directory.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "bench/ann/options.h"
#include "index/catalog.h"
#include "index/executor.h"
#include "index/status.h"

namespace tessera {
class ThreadPoolExecutor;
}

namespace tessera::bench {

// Hands on to one of several executors, so that one open catalog can be measured at several thread
// counts. Switched only while no task is under way.
class SwitchedExecutor final : public Executor {
 public:
  void Use(Executor* executor) { executor_ = executor; }
  void Post(std::function<void()> task) override { executor_.load()->Post(std::move(task)); }
  size_t Concurrency() const override { return executor_.load()->Concurrency(); }

 private:
  InlineExecutor inline_;
  std::atomic<Executor*> executor_ = &inline_;
};

struct BuildTimes {
  double load_seconds = 0;
  double train_seconds = 0;
};

// One thread at a time, but for the collection itself.
class Subject {
 public:
  using Log = std::function<void(const std::string&)>;

  // Opens the collection of options.data if it is there and options.keep is set; InvalidArgument if
  // it was built from something else. Else builds it; FailedPrecondition if the directory is not
  // empty. Uses all cores.
  static StatusOr<std::unique_ptr<Subject>> Open(const Options& options, const Log& log);
  ~Subject();  // removes the directory unless it is to be kept

  // Trains anew with `quantizer`, encodes all rows and switches. Its error is Collection::Train's.
  Status Retrain(const QuantizerSpec& quantizer, const Log& log);

  Collection& collection() { return *collection_; }
  const BuildTimes& times() const { return times_; }
  // So many threads run the searches of one call from now on, the caller's among them.
  void UseThreads(size_t threads);

 private:
  explicit Subject(const Options& options);
  Status OpenCatalog();
  Status TakeUp();
  Status Build(const Log& log);
  Status LoadRows(const Log& log);
  Status TrainNow(const TrainOptions& train, const Log& log);
  // What the collection is made of, as a text that a later run compares.
  StatusOr<std::string> Origin() const;

  Options options_;
  std::string directory_;
  SwitchedExecutor executor_;
  InlineExecutor inline_;
  std::unique_ptr<ThreadPoolExecutor> pool_;
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Collection> collection_;
  BuildTimes times_;
};

}  // namespace tessera::bench

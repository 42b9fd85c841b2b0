// Repair of a collection in a data directory: the places, the order of renames. What is copied is repair.h's.
#include <fcntl.h>
#include <stdio.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "index/base/failpoint.h"
#include "index/engine/collection_impl.h"
#include "index/engine/metadata.h"
#include "index/engine/offline.h"
#include "index/engine/repair.h"
#include "index/engine/verify.h"
#include "index/repair.h"
#include "index/simd/kernels.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

using engine::OfflineData;

constexpr const char* kDamaged = "damaged";

// <data>/damaged/<name>-<n>, the first that is free.
StatusOr<std::string> FreePlace(const OfflineData& data, const std::string& name) {
  const fs::path folder = fs::path(data.data()) / kDamaged;
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) return engine::IoError("cannot create", folder.string(), error);
  TESSERA_RETURN_IF_ERROR(engine::SyncDirectory(data.data()));
  for (int n = 1;; ++n) {
    const fs::path place = folder / (name + "-" + std::to_string(n));
    if (!fs::exists(place)) return place.string();
  }
}

// `fresh` gets the place of `collection`, which gets that of `fresh`: at no moment is either without a name.
Status Exchange(const std::string& fresh, const std::string& collection) {
  TESSERA_RETURN_IF_ERROR(Failpoint("repair.exchange"));
  if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, collection.c_str(), RENAME_EXCHANGE) == 0) return OkStatus();
  return engine::IoError("cannot exchange " + fresh + " and", collection);
}

// No model was left: as the collection's own training would, before it is put in place.
Status TrainAnew(const std::string& name, const std::string& path, OfflineData& data, const RepairOptions& options) {
  InlineExecutor inline_executor;
  engine::CoreOptions core;
  core.compute = options.executor ? options.executor : &inline_executor;
  core.upkeep = core.compute;
  core.io = &inline_executor;
  core.rebalance = false;
  core.clock = [] { return int64_t{0}; };  // no point expires meanwhile
  TESSERA_ASSIGN_OR_RETURN(const auto collection, engine::CollectionImpl::Open(name, path, core, data.shared()));
  TrainOptions training;
  training.context.executor = options.executor;
  training.context.stop = options.stop;
  const Status trained = collection->Train(training);
  collection->Close();
  return trained;
}

Status CheckFresh(const std::string& path, OfflineData& data, const RepairOptions& options) {
  store::Store::Options opening;
  opening.shared = &data.shared();
  opening.read_only = true;
  TESSERA_ASSIGN_OR_RETURN(const auto store, store::Store::Open(path, opening));
  VerifyOptions verifying;
  verifying.executor = options.executor;
  verifying.stop = options.stop;
  TESSERA_ASSIGN_OR_RETURN(const VerifyReport report, engine::VerifyStore(*store, verifying));
  if (report.clean()) return OkStatus();
  return Internal("what was made anew does not verify: " + report.findings[0].where + ": " + report.findings[0].message);
}

// Reading on behind a damaged record of the log finds later commits, but what came between is not there.
void NoteLostCommits(OfflineData& data, const std::string& name, uint64_t durable, RepairReport& report) {
  const auto store = data.OpenStore(name, false);
  if (!store.ok()) return report.notes.push_back(MessageOf(store.status()));
  const auto bytes = (*store)->GetRecord(engine::kProgressRecord);
  if (!bytes.ok() || !*bytes) return;
  const auto progress = engine::DecodeProgress(**bytes);
  if (!progress.ok() || progress->commit >= durable) return;
  report.notes.push_back("what commits " + std::to_string(progress->commit + 1) + " to " + std::to_string(durable) +
                         " wrote and deleted is lost in part or whole");
}

Status Build(OfflineData& data, const std::string& name, const std::string& fresh, const RepairOptions& options,
             RepairReport& report) {
  const uint64_t durable = store::Store::DurableCommit(data.PathOf(name));
  NoteLostCommits(data, name, durable, report);
  TESSERA_ASSIGN_OR_RETURN(const auto damaged, data.OpenStore(name, true));
  store::Store::Options creating;
  creating.create = true;
  creating.shared = &data.shared();
  bool untrained = false;
  {
    TESSERA_ASSIGN_OR_RETURN(const auto store, store::Store::Open(fresh, creating));
    TESSERA_ASSIGN_OR_RETURN(untrained, engine::CopySurvivors(*damaged, durable, *store, options, report));
  }
  if (options.progress) options.progress(0.8, "train");
  if (untrained) {
    const Status trained = TrainAnew(name, fresh, data, options);
    if (trained.code() == absl::StatusCode::kCancelled) return trained;
    report.trained = trained.ok();
    if (!trained.ok()) report.notes.push_back("it is not trained: " + MessageOf(trained));
  }
  if (options.progress) options.progress(0.85, "verify");
  TESSERA_RETURN_IF_ERROR(CheckFresh(fresh, data, options));
  return engine::SyncDirectory(fresh);
}

}  // namespace

StatusOr<RepairReport> RepairCollection(const std::string& data, const std::string& collection,
                                        const RepairOptions& options) {
  TESSERA_RETURN_IF_ERROR(simd::InitKernels());
  OfflineData offline;
  TESSERA_RETURN_IF_ERROR(offline.Open(data));
  RepairReport report;
  report.collection = collection;
  TESSERA_RETURN_IF_ERROR(offline.OpenStore(collection, true).status());
  TESSERA_ASSIGN_OR_RETURN(report.damaged, FreePlace(offline, collection));
  const std::string fresh = report.damaged;
  Status status = Build(offline, collection, fresh, options, report);
  if (status.ok()) status = Exchange(fresh, offline.PathOf(collection));
  if (!status.ok()) {
    std::error_code ignored;
    fs::remove_all(fresh, ignored);
    return status;
  }
  // From here on that path is the damaged collection's.
  TESSERA_RETURN_IF_ERROR(engine::SyncDirectory(fs::path(offline.PathOf(collection)).parent_path()));
  TESSERA_RETURN_IF_ERROR(engine::SyncDirectory(fs::path(fresh).parent_path()));
  if (options.progress) options.progress(1, "done");
  return report;
}

}  // namespace tessera

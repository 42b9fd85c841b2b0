// Collections as directories: create and drop are one rename each.
//
//   <data>/FORMAT                 "tessera 1\n"
//   <data>/LOCK                   held with flock while open
//   <data>/collections/<name>/    one RocksDB database each
//   <data>/collections/.tmp-<n>/  being created or restored; .trash-<n>/ being dropped; .checkpoint-<n>/ being backed
//                                 up; all removed at start
//   <data>/backups/<name>/        backups of that collection (index/engine/backups.h)
#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

#include "index/base/disk_space.h"
#include "index/base/failpoint.h"
#include "index/catalog.h"
#include "index/engine/backups.h"
#include "index/engine/collection_impl.h"
#include "index/engine/data_directory.h"
#include "index/engine/data_format.h"
#include "index/engine/memory_advice.h"
#include "index/quant/model.h"
#include "index/simd/kernels.h"

namespace tessera::engine {
namespace {

namespace fs = std::filesystem;

int64_t SystemMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

class CatalogImpl final : public Catalog, private BackupHost {
 public:
  explicit CatalogImpl(const CatalogOptions& options)
      : options_(options),
        root_(fs::path(options.path) / "collections"),
        shared_({options.block_cache_bytes, options.write_buffer_bytes, options.background_threads}),
        memory_(std::make_shared<MemoryPool>(options.memory_limit_bytes, StoreBytes(options))),
        backups_((fs::path(options.path) / "backups").string(), *this) {
    core_.compute = options.compute ? options.compute : &inline_;
    core_.upkeep = options.upkeep ? options.upkeep : core_.compute;
    core_.io = options.io ? options.io : &inline_;
    core_.background = options.background;
    core_.rebalance = options.rebalance;
    core_.memory = memory_;
    core_.commit_queue_bytes = options.commit_queue_bytes;
    core_.disk_reserve_bytes = options.disk_reserve_bytes;
    core_.untrained_bytes = options.untrained_bytes;
    core_.ingest_rows = options.ingest_rows;
    core_.grouped_code_bytes = options.grouped_code_bytes;
    core_.kept_codebooks = options.kept_codebooks;
    core_.kept_requests = options.kept_requests;
    core_.request_retention_ms = options.request_retention.count();
    core_.list_retention_ms = options.list_retention.count();
    core_.clock = options.clock ? options.clock : SystemMs;
    core_.max_row_id = options.max_row_id;
    core_.pace->OnLimits([this](const UpkeepLimits& limits) { shared_.SetWriteRate(limits.bytes_per_second); });
  }

  ~CatalogImpl() override {
    EndUpkeep();
    backups_.Close();
    for (const auto& [name, collection] : collections_) {
      if (collection) collection->Close();
    }
  }

  Status Start() {
    // A wrong TESSERA_ISA is an error here, never a silent fallback.
    TESSERA_RETURN_IF_ERROR(simd::InitKernels());
    TESSERA_RETURN_IF_ERROR(core_.pace->SetLimits(options_.upkeep_limits));
    if (options_.memory_limit_bytes > 0 && options_.memory_limit_bytes <= StoreBytes(options_)) {
      return InvalidArgument("the memory limit is " + std::to_string(options_.memory_limit_bytes) +
                             " bytes, block cache and write buffers alone may take " +
                             std::to_string(StoreBytes(options_)) + ": raise it, or give them less");
    }
    TESSERA_RETURN_IF_ERROR(CheckPath(options_.path));
    std::error_code error;
    fs::create_directory(options_.path, error);
    if (fs::exists(options_.path) && !fs::is_directory(options_.path)) {
      return FailedPrecondition(options_.path + " is a file, and no directory");
    }
    if (error) return IoError("cannot create", options_.path, error);
    // Before the lock as well: nothing is written into a directory that is not ours.
    TESSERA_RETURN_IF_ERROR(CheckOurs().status());
    TESSERA_RETURN_IF_ERROR(lock_.Take(options_.path));
    TESSERA_ASSIGN_OR_RETURN(const bool begun, CheckOurs());
    if (!begun) TESSERA_RETURN_IF_ERROR(WriteDurably(options_.path + "/" + kFormatFile, kFormatLine));
    fs::create_directory(root_, error);
    if (error) return IoError("cannot create", root_.string(), error);
    TESSERA_RETURN_IF_ERROR(SyncDirectory(options_.path));
    TESSERA_RETURN_IF_ERROR(OpenAll());
    backups_.Sweep();
    return OkStatus();
  }

  StatusOr<std::shared_ptr<Collection>> Create(const std::string& name, const CollectionSpec& spec) override {
    TESSERA_RETURN_IF_ERROR(CheckName(name));
    TESSERA_RETURN_IF_ERROR(spec.Validate());
    TESSERA_RETURN_IF_ERROR(CheckExpectedRows(name, spec, memory_));
    TESSERA_RETURN_IF_ERROR(Reserve(name));
    StatusOr<std::shared_ptr<CollectionImpl>> made = MakeCollection(name, spec);
    if (!made.ok()) {
      Release(name);
      return made.status();
    }
    return Fill(name, *made);
  }

  StatusOr<std::shared_ptr<Collection>> Get(const std::string& name) const override { return Find(name); }

  std::vector<std::string> List() const override {
    std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, collection] : collections_) {
      if (collection) names.push_back(name);
    }
    return names;
  }

  std::map<std::string, Status> Unopened() const override {
    std::lock_guard lock(mutex_);
    return unopened_;
  }

  Status Drop(const std::string& name) override {
    std::shared_ptr<CollectionImpl> dropped;
    std::string trash;
    {
      std::lock_guard lock(mutex_);
      if (unopened_.contains(name)) return DropUnopened(name);
      const auto it = collections_.find(name);
      if (it == collections_.end() || !it->second) {
        return NotFound("no collection \"" + name.substr(0, 140) + "\"");
      }
      trash = (root_ / (".trash-" + std::to_string(next_number_++))).string();
      dropped = it->second;
      it->second = nullptr;  // the name stays reserved until the directory is renamed
    }
    dropped->SetDropping(true);
    Status status = Failpoint("catalog.drop");
    if (status.ok() && rename((root_ / name).c_str(), trash.c_str()) != 0) {
      status = IoError("cannot rename", (root_ / name).string());
    }
    {
      std::lock_guard lock(mutex_);
      if (!status.ok()) {
        dropped->SetDropping(false);
        collections_[name] = dropped;
        return status;
      }
      collections_.erase(name);
    }
    TESSERA_RETURN_IF_ERROR(SyncDirectory(root_));
    // Calls under way finish on the renamed files; later ones find the gate closed.
    dropped->Close();
    std::error_code ignored;
    fs::remove_all(trash, ignored);
    return OkStatus();
  }

  Backups& backups() override { return backups_; }
  CatalogMemory Memory() const override { return memory_->Read(); }

  Upkeep& upkeep() override { return *core_.pace; }
  void EndUpkeep() override {
    core_.pace->Release();
    std::lock_guard lock(mutex_);
    for (const auto& [name, collection] : collections_) {
      if (collection) collection->EndUpkeep();
    }
  }

 private:
  // Memtables are charged to the cache.
  static uint64_t StoreBytes(const CatalogOptions& options) {
    return std::max(options.block_cache_bytes, options.write_buffer_bytes);
  }
  Pace& pace() override { return *core_.pace; }
  Status CheckSpace(uint64_t bytes) const override {
    return CheckDiskSpace(options_.path, options_.disk_reserve_bytes, bytes);
  }

  // Whether it has its FORMAT; false: it is empty. One with files but no FORMAT is not ours.
  StatusOr<bool> CheckOurs() const {
    const Status format = CheckFormat(options_.path);
    if (format.ok()) return true;
    if (format.code() != absl::StatusCode::kNotFound) return format;
    std::error_code error;
    fs::directory_iterator entries(options_.path, error);
    if (error) return IoError("cannot read", options_.path, error);
    for (const auto& entry : entries) {
      // What a first start may leave that was cut short.
      if (entry.path().filename() == "LOCK" || entry.path().filename() == std::string(kFormatFile) + ".tmp") continue;
      return FailedPrecondition(options_.path + " is not empty and holds no tessera data (" +
                                entry.path().filename().string() + " found, no FORMAT)");
    }
    return false;
  }

  Status OpenAll() {
    for (const auto& entry : fs::directory_iterator(root_)) {
      const std::string name = entry.path().filename().string();
      if (name[0] == '.') {
        std::error_code error;
        fs::remove_all(entry.path(), error);
        if (error) return IoError("cannot remove", entry.path().string(), error);
        continue;
      }
      auto opened = CollectionImpl::Open(name, entry.path().string(), core_, shared_);
      if (opened.ok()) {
        collections_[name] = *opened;
      } else {
        unopened_[name] = DescribeUnopened(name, opened.status());
      }
    }
    return OkStatus();
  }

  StatusOr<std::shared_ptr<CollectionImpl>> Find(const std::string& name) const override {
    std::lock_guard lock(mutex_);
    const auto it = collections_.find(name);
    if (it != collections_.end() && it->second) return it->second;
    if (const auto closed = unopened_.find(name); closed != unopened_.end()) return closed->second;
    return NotFound("no collection \"" + name.substr(0, 140) + "\"");
  }

  // One that cannot be opened keeps no other from being served.
  static Status DescribeUnopened(const std::string& name, const Status& status) {
    const std::string message = "collection \"" + name + "\" cannot be opened: " + MessageOf(status);
    // What is not there any more, and what does not fit: files of RocksDB that are gone, families that lack.
    if (status.code() != absl::StatusCode::kDataLoss && status.code() != absl::StatusCode::kNotFound) {
      return Status(status.code(), message);
    }
    return DataLoss(message + "; stop the server and run \"tesserad repair --data DIR --collection " + name +
                    "\", or restore a backup");
  }

  // Lock held: nobody uses it, and it is one rename.
  Status DropUnopened(const std::string& name) {
    const std::string trash = (root_ / (".trash-" + std::to_string(next_number_++))).string();
    if (rename((root_ / name).c_str(), trash.c_str()) != 0) return IoError("cannot rename", (root_ / name).string());
    unopened_.erase(name);
    TESSERA_RETURN_IF_ERROR(SyncDirectory(root_));
    std::error_code ignored;
    fs::remove_all(trash, ignored);
    return OkStatus();
  }

  // Holds the name while the directory is made, outside the lock.
  Status Reserve(const std::string& name) override {
    std::lock_guard lock(mutex_);
    if (!unopened_.contains(name) && collections_.emplace(name, nullptr).second) return OkStatus();
    return AlreadyExists("collection \"" + name + "\" exists");
  }

  void Release(const std::string& name) override {
    std::lock_guard lock(mutex_);
    const auto it = collections_.find(name);
    if (it != collections_.end() && !it->second) collections_.erase(it);
  }

  std::string Temporary(const std::string& what) override {
    std::lock_guard lock(mutex_);
    return (root_ / ("." + what + "-" + std::to_string(next_number_++))).string();
  }

  const std::shared_ptr<MemoryPool>& memory() const override { return memory_; }

  StatusOr<std::shared_ptr<Collection>> Adopt(const std::string& directory, const std::string& name) override {
    // It is tried before it has its name.
    CoreOptions quiet = core_;
    quiet.background = nullptr;
    TESSERA_ASSIGN_OR_RETURN(const auto tried, CollectionImpl::Open(name, directory, quiet, shared_));
    Status ready = tried->CheckFits();
    if (ready.ok()) ready = tried->ForgetUnfinished();
    tried->Close();
    TESSERA_RETURN_IF_ERROR(ready);
    TESSERA_RETURN_IF_ERROR(Failpoint("catalog.restore"));
    TESSERA_ASSIGN_OR_RETURN(const auto opened, Settle(directory, name));
    return Fill(name, opened);
  }

  std::shared_ptr<Collection> Fill(const std::string& name, const std::shared_ptr<CollectionImpl>& collection) {
    std::lock_guard lock(mutex_);
    collections_[name] = collection;
    return collection;
  }

  StatusOr<std::shared_ptr<CollectionImpl>> MakeCollection(const std::string& name,
                                                           const CollectionSpec& spec) {
    const std::string temporary = Temporary("tmp");
    TESSERA_RETURN_IF_ERROR(CollectionImpl::Initialize(temporary, spec, shared_));
    TESSERA_RETURN_IF_ERROR(Failpoint("catalog.create"));
    return Settle(temporary, name);
  }

  // Gives the directory the name for good.
  StatusOr<std::shared_ptr<CollectionImpl>> Settle(const std::string& temporary, const std::string& name) {
    TESSERA_RETURN_IF_ERROR(SyncDirectory(temporary));
    const std::string path = (root_ / name).string();
    if (rename(temporary.c_str(), path.c_str()) != 0) return IoError("cannot create", path);
    TESSERA_RETURN_IF_ERROR(SyncDirectory(root_));
    return CollectionImpl::Open(name, path, core_, shared_);
  }

  CatalogOptions options_;
  fs::path root_;
  DirectoryLock lock_;
  InlineExecutor inline_;
  CoreOptions core_;
  store::SharedResources shared_;
  const std::shared_ptr<MemoryPool> memory_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<CollectionImpl>> collections_;  // null: name reserved
  std::map<std::string, Status> unopened_;  // why, by name
  uint64_t next_number_ = 0;
  BackupsImpl backups_;
};

}  // namespace
}  // namespace tessera::engine

namespace tessera {

Status CollectionSpec::Validate() const {
  if (dim == 0 || dim > kMaxDim) {
    return InvalidArgument("dim is " + std::to_string(dim) + ", must be 1 to " + std::to_string(kMaxDim));
  }
  if (query_sample > kMaxQuerySample) {
    return InvalidArgument("query_sample is " + std::to_string(query_sample) + ", the most is " +
                           std::to_string(kMaxQuerySample));
  }
  if (!(recall_sampling >= 0 && recall_sampling <= 1)) {
    return InvalidArgument("recall_sampling is " + std::to_string(recall_sampling) + ", expected 0 to 1");
  }
  TESSERA_RETURN_IF_ERROR(goal.Validate(dim));
  TESSERA_RETURN_IF_ERROR(Annotate(quantizer.Validate(dim), "quantizer: "));
  return Annotate(quant::CheckTrainable(quantizer, metric), "quantizer: ");
}

StatusOr<std::unique_ptr<Catalog>> Catalog::Open(const CatalogOptions& options) {
  auto catalog = std::make_unique<engine::CatalogImpl>(options);
  TESSERA_RETURN_IF_ERROR(catalog->Start());
  return std::unique_ptr<Catalog>(std::move(catalog));
}

}  // namespace tessera

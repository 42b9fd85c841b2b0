#include "index/store/backup.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/backup_engine.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "index/base/failpoint.h"
#include "index/store/info_log.h"
#include "index/store/rocks_status.h"
#include "index/store/sink_files.h"
#include "index/store/watched_files.h"

namespace tessera::store {
namespace {

// Shared files are told apart by the session that wrote them (blob files by checksum and size), so that a database
// restored from an older backup may be backed up into the same folder.
rocksdb::BackupEngineOptions EngineOptions(const std::string& folder, rocksdb::Env* env,
                                           const Transfer& transfer) {
  rocksdb::BackupEngineOptions options(folder, env);
  options.share_table_files = true;
  options.share_files_with_checksum = true;
  options.sync = true;
  options.backup_rate_limit = transfer.bytes_per_second;
  options.restore_rate_limit = transfer.bytes_per_second;
  return options;
}

template <typename Engine>
StatusOr<std::unique_ptr<Engine>> OpenEngine(const rocksdb::BackupEngineOptions& options,
                                             rocksdb::Env* database) {
  Engine* engine = nullptr;
  const rocksdb::IOStatus opened = Engine::Open(options, database, &engine);
  TESSERA_RETURN_IF_ERROR(FromRocks(opened, "backups in " + options.backup_dir));
  return std::unique_ptr<Engine>(engine);
}

// A database that is only read: families have what is on disk, whatever the options say.
class OpenedCheckpoint {
 public:
  static StatusOr<std::unique_ptr<OpenedCheckpoint>> Open(const std::string& path, rocksdb::Env* env) {
    rocksdb::Options options;
    options.env = env;
    options.info_log = OpenInfoLog(path);
    std::vector<std::string> names;
    TESSERA_RETURN_IF_ERROR(
        FromRocks(rocksdb::DB::ListColumnFamilies(options, path, &names), "checkpoint " + path));
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) families.emplace_back(name, options);
    auto opened = std::unique_ptr<OpenedCheckpoint>(new OpenedCheckpoint);
    rocksdb::DB* db = nullptr;
    TESSERA_RETURN_IF_ERROR(FromRocks(
        rocksdb::DB::OpenForReadOnly(options, path, families, &opened->handles_, &db), "checkpoint " + path));
    opened->db_.reset(db);
    return opened;
  }
  ~OpenedCheckpoint() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
      db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
    }
  }
  rocksdb::DB* db() const { return db_.get(); }

 private:
  OpenedCheckpoint() = default;

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

// What a backup of it reads. A blob file is read once for the checksum in its name and once to be copied.
StatusOr<uint64_t> BytesToRead(rocksdb::Env& env, const std::string& directory) {
  std::vector<rocksdb::Env::FileAttributes> files;
  TESSERA_RETURN_IF_ERROR(FromRocks(env.GetChildrenFileAttributes(directory, &files), directory));
  uint64_t bytes = 0;
  for (const auto& file : files) bytes += file.size_bytes * (file.name.ends_with(".blob") ? 2 : 1);
  return bytes;
}

Status SyncDirectory(rocksdb::Env& env, const std::string& path) {
  std::unique_ptr<rocksdb::Directory> directory;
  TESSERA_RETURN_IF_ERROR(FromRocks(env.NewDirectory(path, &directory), path));
  return FromRocks(directory->Fsync(), "sync " + path);
}

// The cause that a watch remembers says more than what RocksDB made of it.
Status Outcome(const ReadWatch& watch, const rocksdb::Status& status, const std::string& doing) {
  TESSERA_RETURN_IF_ERROR(watch.cause());
  return FromRocks(status, doing);
}

void TellEnd(const Transfer& transfer) {
  if (transfer.progress) transfer.progress(1);
}

std::string Named(uint32_t id) { return "backup " + std::to_string(id); }

}  // namespace

BackupFolder::BackupFolder(std::string path, rocksdb::Env* env)
    : path_(std::move(path)), env_(env != nullptr ? env : rocksdb::Env::Default()) {}

StatusOr<std::vector<BackupEntry>> BackupFolder::List() const {
  std::vector<BackupEntry> entries;
  if (env_->FileExists(path_).IsNotFound()) return entries;
  TESSERA_ASSIGN_OR_RETURN(const auto engine, OpenEngine<rocksdb::BackupEngineReadOnly>(
                                                  EngineOptions(path_, env_, {}), env_));
  std::vector<rocksdb::BackupInfo> infos;
  engine->GetBackupInfo(&infos, true);
  std::set<std::string> seen;
  for (const rocksdb::BackupInfo& info : infos) {
    BackupEntry& entry = entries.emplace_back();
    entry.id = info.backup_id;
    entry.metadata = info.app_metadata;
    entry.bytes = info.size;
    entry.files = info.number_files;
    for (const rocksdb::BackupFileInfo& file : info.file_details) {
      if (seen.insert(file.relative_filename).second) entry.new_bytes += file.size;
    }
  }
  std::vector<rocksdb::BackupID> damaged;
  engine->GetCorruptedBackups(&damaged);
  for (const rocksdb::BackupID id : damaged) {
    entries.emplace_back().id = id;
    entries.back().damaged = true;
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return entries;
}

StatusOr<uint32_t> BackupFolder::Create(const std::string& checkpoint, std::string_view metadata,
                                        const Transfer& transfer) {
  TESSERA_ASSIGN_OR_RETURN(const uint64_t total, BytesToRead(*env_, checkpoint));
  ReadWatch watch(transfer, total, "store.backup.copy");
  const std::unique_ptr<rocksdb::Env> watched = WatchedEnv(*env_, watch);
  const auto database = OpenedCheckpoint::Open(checkpoint, watched.get());
  TESSERA_RETURN_IF_ERROR(watch.cause());
  TESSERA_RETURN_IF_ERROR(database.status());
  TESSERA_ASSIGN_OR_RETURN(const auto engine, OpenEngine<rocksdb::BackupEngine>(
                                                  EngineOptions(path_, env_, transfer), watched.get()));
  rocksdb::CreateBackupOptions options;
  options.decrease_background_thread_cpu_priority = true;
  options.background_thread_cpu_priority = rocksdb::CpuPriority::kLow;
  rocksdb::BackupID id = 0;
  const rocksdb::IOStatus created =
      engine->CreateNewBackupWithMetadata(options, (*database)->db(), std::string(metadata), &id);
  const Status status = Outcome(watch, created, "backup");
  if (!status.ok()) {
    engine->GarbageCollect().PermitUncheckedError();
    return status;
  }
  TESSERA_RETURN_IF_ERROR(Failpoint("store.backup.copied"));
  TellEnd(transfer);
  return id;
}

StatusOr<BackupEntry> BackupFolder::Find(uint32_t id) const {
  TESSERA_ASSIGN_OR_RETURN(std::vector<BackupEntry> entries, List());
  for (BackupEntry& entry : entries) {
    if (entry.id == id) return std::move(entry);
  }
  return NotFound("no " + Named(id));
}

StatusOr<BackupEntry> BackupFolder::FindReadable(uint32_t id) const {
  TESSERA_ASSIGN_OR_RETURN(BackupEntry entry, Find(id));
  if (!entry.damaged) return entry;
  return DataLoss(Named(id) + ": its list of files is damaged, or one of its files is missing");
}

Status BackupFolder::Delete(uint32_t id) {
  TESSERA_RETURN_IF_ERROR(Find(id).status());
  TESSERA_ASSIGN_OR_RETURN(const auto engine, OpenEngine<rocksdb::BackupEngine>(
                                                  EngineOptions(path_, env_, {}), env_));
  TESSERA_RETURN_IF_ERROR(FromRocks(engine->DeleteBackup(id), "delete " + Named(id)));
  TESSERA_RETURN_IF_ERROR(Failpoint("store.backup.delete"));
  return FromRocks(engine->GarbageCollect(), "delete " + Named(id));
}

Status BackupFolder::Sweep() {
  if (env_->FileExists(path_).IsNotFound()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const auto engine, OpenEngine<rocksdb::BackupEngine>(
                                                  EngineOptions(path_, env_, {}), env_));
  return FromRocks(engine->GarbageCollect(), "backups in " + path_);
}

Status BackupFolder::Verify(uint32_t id, const Transfer& transfer) const {
  TESSERA_ASSIGN_OR_RETURN(const BackupEntry entry, FindReadable(id));
  ReadWatch watch(transfer, entry.bytes, "store.backup.verify");
  const std::unique_ptr<rocksdb::Env> watched = WatchedEnv(*env_, watch);
  const auto engine =
      OpenEngine<rocksdb::BackupEngineReadOnly>(EngineOptions(path_, watched.get(), transfer), env_);
  TESSERA_RETURN_IF_ERROR(watch.cause());
  TESSERA_RETURN_IF_ERROR(engine.status());
  TESSERA_RETURN_IF_ERROR(Outcome(watch, (*engine)->VerifyBackup(id, true), Named(id)));
  TellEnd(transfer);
  return OkStatus();
}

Status BackupFolder::RestoreInto(uint32_t id, const std::string& directory, rocksdb::Env& into,
                                 const Transfer& transfer) const {
  TESSERA_ASSIGN_OR_RETURN(const BackupEntry entry, FindReadable(id));
  ReadWatch watch(transfer, entry.bytes, "store.restore.copy");
  const std::unique_ptr<rocksdb::Env> watched = WatchedEnv(*env_, watch);
  const auto engine =
      OpenEngine<rocksdb::BackupEngineReadOnly>(EngineOptions(path_, watched.get(), transfer), &into);
  TESSERA_RETURN_IF_ERROR(watch.cause());
  TESSERA_RETURN_IF_ERROR(engine.status());
  const rocksdb::IOStatus restored =
      (*engine)->RestoreDBFromBackup(rocksdb::RestoreOptions(), id, directory, directory);
  TESSERA_RETURN_IF_ERROR(Outcome(watch, restored, Named(id)));
  TellEnd(transfer);
  return OkStatus();
}

Status BackupFolder::Restore(uint32_t id, const std::string& directory, const Transfer& transfer) const {
  TESSERA_RETURN_IF_ERROR(RestoreInto(id, directory, *env_, transfer));
  return SyncDirectory(*env_, directory);
}

Status BackupFolder::Export(uint32_t id, FileSink& sink, const Transfer& transfer) const {
  Status cause;
  const std::unique_ptr<rocksdb::Env> into = SinkEnv(sink, cause);
  const Status exported = RestoreInto(id, "/export", *into, transfer);
  return cause.ok() ? exported : cause;
}

}  // namespace tessera::store

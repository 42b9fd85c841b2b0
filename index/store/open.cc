#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "index/base/format_version.h"
#include "index/store/info_log.h"
#include "index/store/ingest.h"
#include "index/store/ingested_files.h"
#include "index/store/options.h"
#include "index/store/rocks_status.h"
#include "index/store/rocks_store.h"
#include "index/store/store.h"
#include "index/store/table_files.h"
#include "index/store/torn_manifest.h"

namespace tessera::store {
namespace {

using Names = std::vector<std::string>;

// Those that belong to no generation.
constexpr std::array<std::string_view, 6> kTruthFamilies = {
    "default", kIdsFamily, kRowsFamily, kVectorsFamily, kPayloadFamily, kRequestsFamily};

// The prefix's position in kGenerationPrefixes and the generation, if the name belongs to one.
std::optional<std::pair<size_t, Generation>> ParseAnyGeneration(const std::string& name) {
  for (size_t i = 0; i < kGenerationPrefixes.size(); ++i) {
    if (const auto g = ParseGenerationFamily(kGenerationPrefixes[i], name)) return {{i, *g}};
  }
  return std::nullopt;
}

// Asked before RocksDB opens the database: it would not tell this failure from others.
Status CheckLock(rocksdb::Env* env, const std::string& path) {
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::Status status = env->LockFile(path + "/LOCK", &lock);
  if (!status.ok()) {
    return FailedPrecondition(
        path + ": in use by another process, or not to be locked: " + status.ToString());
  }
  return FromRocks(env->UnlockFile(lock), path + ": unlock");
}

// Families on disk; empty if there is no database. NotFound if it may not be created either.
StatusOr<Names> ListFamilies(rocksdb::Env* env, const std::string& path,
                             const Store::Options& options) {
  const rocksdb::Status exists = env->FileExists(path + "/CURRENT");
  if (exists.IsNotFound()) {
    if (!options.create) return NotFound(path + ": no database there");
    return Names();
  }
  TESSERA_RETURN_IF_ERROR(FromRocks(exists, path));
  if (!options.read_only) TESSERA_RETURN_IF_ERROR(CheckLock(env, path));
  Names names;
  rocksdb::DBOptions db = DatabaseOptions(*options.shared->impl(), env);
  const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(db, path, &names);
  TESSERA_RETURN_IF_ERROR(FromRocks(listed, path + ": list column families"));
  return names;
}

Status CheckKnown(const Names& names, const std::string& path) {
  for (const std::string& name : names) {
    if (std::find(kTruthFamilies.begin(), kTruthFamilies.end(), name) != kTruthFamilies.end()) continue;
    if (ParseAnyGeneration(name)) continue;
    return NewerFormat(path, "column family '" + name + "', which this one does not know");
  }
  return OkStatus();
}

// A generation without all its families was being created or dropped when the process died: never
// in force before, nor again. What is left of it goes.
Status Assemble(const std::shared_ptr<rocksdb::DB>& db, std::vector<FamilyHandle> handles, bool read_only,
                Families& families) {
  std::map<Generation, GenerationFamilies> generations;
  for (FamilyHandle& handle : handles) {
    const std::string& name = handle->GetName();
    if (const auto parsed = ParseAnyGeneration(name)) {
      generations[parsed->second].generation = parsed->second;
      generations[parsed->second].handles[parsed->first] = std::move(handle);
      continue;
    }
    FamilyHandle& slot = name == kIdsFamily        ? families.ids
                         : name == kRowsFamily     ? families.rows
                         : name == kVectorsFamily  ? families.vectors
                         : name == kPayloadFamily  ? families.payload
                         : name == kRequestsFamily ? families.requests
                                                   : families.records;
    slot = std::move(handle);
  }
  for (auto& [g, found] : generations) {
    if (found.complete()) {
      families.generations.push_back(std::move(found));
      continue;
    }
    for (const FamilyHandle& handle : found.handles) {
      if (handle == nullptr || read_only) continue;
      const rocksdb::Status dropped = db->DropColumnFamily(handle.get());
      TESSERA_RETURN_IF_ERROR(FromRocks(dropped, "drop " + handle->GetName()));
    }
  }
  return OkStatus();
}

// The database, once open, keeps its environment.
Status OpenDatabase(const std::string& path, const Store::Options& options, const std::shared_ptr<rocksdb::Env>& env,
                    Names names, std::shared_ptr<rocksdb::DB>& db, std::vector<FamilyHandle>& handles) {
  const SharedResources::Impl& shared = *options.shared->impl();
  rocksdb::DBOptions db_options = DatabaseOptions(shared, env.get());
  db_options.create_if_missing = options.create;
  if (!options.read_only) db_options.info_log = OpenInfoLog(path);
  if (options.salvage) {
    db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    db_options.paranoid_checks = false;  // else one file that cannot be opened keeps all others from being read
  }
  // Also those that a crash during the first start left out.
  db_options.create_missing_column_families = true;
  for (const std::string_view name : kTruthFamilies) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    if (options.read_only) return DataLoss(path + ": column family " + std::string(name) + " is missing");
    names.emplace_back(name);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) descriptors.emplace_back(name, FamilyOptions(shared, name));
  rocksdb::DB* raw = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> raw_handles;
  const rocksdb::Status opened =
      options.read_only ? rocksdb::DB::OpenForReadOnly(db_options, path, descriptors, &raw_handles, &raw)
                        : rocksdb::DB::Open(db_options, path, descriptors, &raw_handles, &raw);
  TESSERA_RETURN_IF_ERROR(FromRocks(opened, path + ": open"));
  db = std::shared_ptr<rocksdb::DB>(raw, [env](rocksdb::DB* closed) { delete closed; });
  for (rocksdb::ColumnFamilyHandle* handle : raw_handles) handles.push_back(MakeFamilyHandle(db, handle));
  return OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path, const Options& options) {
  if (options.shared == nullptr) return InvalidArgument("shared resources are missing");
  rocksdb::Env* base = options.env != nullptr ? options.env : rocksdb::Env::Default();
  TESSERA_ASSIGN_OR_RETURN(std::vector<std::string> damaged, DamagedTableFiles(path));
  if (!damaged.empty() && !options.salvage) return DataLoss(damaged[0] + ": its properties are damaged");
  const auto files = damaged.empty() ? base->GetFileSystem() : WithoutFiles(base->GetFileSystem(), std::move(damaged));
  auto ingested_files = std::make_shared<IngestedFiles>(WithoutTornEnds(files), StagingDirectory(path));
  const std::shared_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(ingested_files);
  TESSERA_ASSIGN_OR_RETURN(Names names, ListFamilies(env.get(), path, options));
  TESSERA_RETURN_IF_ERROR(CheckKnown(names, path));

  std::shared_ptr<rocksdb::DB> db;
  std::vector<FamilyHandle> handles;
  TESSERA_RETURN_IF_ERROR(OpenDatabase(path, options, env, std::move(names), db, handles));
  if (!options.read_only) TESSERA_RETURN_IF_ERROR(ClearStaging(env.get(), path));
  auto families = std::make_shared<Families>();
  TESSERA_RETURN_IF_ERROR(Assemble(db, std::move(handles), options.read_only, *families));
  return std::unique_ptr<Store>(std::make_unique<RocksStore>(std::move(db), std::move(ingested_files),
                                                             std::move(families), path, options));
}

}  // namespace tessera::store

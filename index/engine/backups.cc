#include "index/engine/backups.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <utility>

#include "index/base/failpoint.h"
#include "index/engine/backup_archive.h"
#include "index/engine/backup_record.h"
#include "index/engine/data_directory.h"
#include "index/engine/memory_advice.h"
#include "index/engine/memory_projection.h"

namespace tessera::engine {
namespace {

namespace fs = std::filesystem;

Status ClosedStatus() { return Unavailable("the catalog is closing"); }

std::string Named(const std::string& collection, uint32_t id) {
  return "backup " + std::to_string(id) + " of collection \"" + collection + "\"";
}

void Tell(const BackupContext& context, double fraction, const char* stage) {
  if (context.progress) context.progress(fraction, stage);
}

// Reads alone: without `host`'s space.
store::Transfer TransferOf(const BackupContext& context, const char* stage, BackupHost& host, bool writes) {
  Pace& pace = host.pace();
  const uint64_t rate = context.bytes_per_second > 0 ? context.bytes_per_second : pace.limits().bytes_per_second;
  return {[&context, &host, writes] {
            TESSERA_RETURN_IF_ERROR(context.stop.Check());
            return writes ? host.CheckSpace(0) : OkStatus();
          },
          [&context, stage, &pace](double fraction) {
            static const std::atomic<bool> kNever{false};  // a catalog that closes releases all who wait
            pace.Breathe(kNever, context.stop);
            Tell(context, fraction, stage);
          },
          rate};
}

BackupInfo InfoOf(const std::string& collection, const store::BackupEntry& entry) {
  BackupInfo info;
  info.damaged = entry.damaged || !DecodeBackup(entry.metadata, info).ok();
  if (info.damaged) {
    info = BackupInfo();
    info.damaged = true;
  }
  info.collection = collection;  // whatever it was called when the backup was made
  info.id = entry.id;
  info.bytes = entry.bytes;
  info.new_bytes = entry.new_bytes;
  return info;
}

// A name held for a collection to be.
class Reservation {
 public:
  Reservation(BackupHost& host, std::string name) : host_(host), name_(std::move(name)) {}
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() {
    if (held_) host_.Release(name_);
  }
  Status Take() {
    const Status taken = host_.Reserve(name_);
    held_ = taken.ok();
    return taken;
  }

 private:
  BackupHost& host_;
  const std::string name_;
  bool held_ = false;
};

// Room for a collection that is on its way in, by what the backup says of it: told before a byte is copied. Once it is
// opened the bytes that it has decide.
class IncomingMemory {
 public:
  explicit IncomingMemory(const BackupHost& host) : account_(host.memory()), reservation_(account_) {}

  Status Take(const std::string& name, const BackupInfo& info) {
    const auto spec = QuantizerSpec::Parse(info.quantizer);
    const uint64_t bytes = spec.ok() ? ProjectTrained(*spec, info.metric, info.dim, info.rows, 0, info.refine_on_disk)
                                     : ProjectUntrained(info.dim, info.rows, 0);
    const auto shortage = reservation_.Resize(bytes);
    if (!shortage) return OkStatus();
    const Status status = OutOfMemory(name, "the backup of " + std::to_string(info.rows) + " rows", *shortage,
                                      {info.rows, info.dim, info.metric, 0}, shortage->room);
    account_.CountRefusal(status);
    return status;
  }
  void Release() { (void)reservation_.Resize(0); }

 private:
  MemoryAccount account_;
  MemoryReservation reservation_;
};

class Upload final : public BackupUpload {
 public:
  Upload(Gate& gate, BackupHost& host, const std::string& name)
      : pass_(gate), host_(host), name_(name), held_(host, name), memory_(host), directory_(host.Temporary("tmp")),
        reader_(directory_.path()) {}

  Status Begin() {
    if (!pass_) return ClosedStatus();
    TESSERA_RETURN_IF_ERROR(held_.Take());
    std::error_code error;
    fs::create_directory(directory_.path(), error);
    if (error) return IoError("cannot create", directory_.path(), error);
    return OkStatus();
  }
  Status Append(std::string_view bytes) override {
    const bool begun = reader_.has_header();
    TESSERA_RETURN_IF_ERROR(refused_);
    TESSERA_RETURN_IF_ERROR(refused_ = host_.CheckSpace(bytes.size()));
    TESSERA_RETURN_IF_ERROR(reader_.Append(bytes));
    if (!begun && reader_.has_header()) refused_ = Take();
    return refused_;
  }
  StatusOr<std::shared_ptr<Collection>> Finish() override {
    TESSERA_RETURN_IF_ERROR(refused_);
    TESSERA_RETURN_IF_ERROR(reader_.Finish());
    memory_.Release();
    auto adopted = host_.Adopt(directory_.path(), name_);
    // Every byte is as it was written: so it was written by something else.
    if (adopted.ok() || adopted.status().code() == absl::StatusCode::kResourceExhausted) return adopted;
    return Annotate(adopted.status(), "the archive's collection does not open: ");
  }

 private:
  Status Take() {
    TESSERA_RETURN_IF_ERROR(memory_.Take(name_, reader_.info()));
    return host_.CheckSpace(reader_.info().bytes);
  }

  const Pass pass_;  // first: left last
  BackupHost& host_;
  const std::string name_;
  Reservation held_;
  IncomingMemory memory_;
  Status refused_;
  TemporaryDirectory directory_;
  ArchiveReader reader_;
};

}  // namespace

bool BackupUses::BeginWrite(const std::string& name) {
  std::lock_guard lock(mutex_);
  return !std::exchange(uses_[name].writing, true);
}

bool BackupUses::BeginDelete(const std::string& name) {
  std::lock_guard lock(mutex_);
  Use& use = uses_[name];
  if (use.writing || use.reading > 0) return false;
  return use.writing = use.deleting = true;
}

bool BackupUses::BeginRead(const std::string& name) {
  std::lock_guard lock(mutex_);
  Use& use = uses_[name];
  if (!use.deleting) ++use.reading;
  return !use.deleting;
}

void BackupUses::EndWrite(const std::string& name) {
  std::lock_guard lock(mutex_);
  Use& use = uses_[name];
  use.writing = use.deleting = false;
  if (use.reading == 0) uses_.erase(name);
}

void BackupUses::EndRead(const std::string& name) {
  std::lock_guard lock(mutex_);
  Use& use = uses_[name];
  if (--use.reading == 0 && !use.writing) uses_.erase(name);
}

// A reader of a collection's backups, while it lives.
class BackupsImpl::Reading {
 public:
  Reading(BackupUses& uses, std::string name)
      : uses_(uses), name_(std::move(name)), held_(uses.BeginRead(name_)) {}
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() {
    if (held_) uses_.EndRead(name_);
  }
  Status status() const {
    return held_ ? OkStatus()
                 : Unavailable("a backup of collection \"" + name_ + "\" is being deleted, try again in a moment");
  }

 private:
  BackupUses& uses_;
  const std::string name_;
  const bool held_;
};

void BackupsImpl::Sweep() {
  const auto collections = Collections();
  if (!collections.ok()) return;
  for (const std::string& name : *collections) (void)store::BackupFolder(FolderOf(name)).Sweep();
}

Status BackupsImpl::MakeRoot() {
  std::error_code error;
  if (!fs::create_directory(root_, error) && !error) return OkStatus();
  if (error) return IoError("cannot create", root_, error);
  return SyncDirectory(fs::path(root_).parent_path());
}

StatusOr<std::vector<std::string>> BackupsImpl::Collections() const {
  std::vector<std::string> names;
  std::error_code error;
  if (!fs::exists(root_, error)) return names;
  for (fs::directory_iterator it(root_, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (CheckName(name).ok()) names.push_back(name);
  }
  if (error) return IoError("cannot read", root_, error);
  std::sort(names.begin(), names.end());
  return names;
}

Status BackupsImpl::ListOne(const std::string& collection, std::vector<BackupInfo>& infos) const {
  const Reading reading(uses_, collection);
  TESSERA_RETURN_IF_ERROR(reading.status());
  TESSERA_ASSIGN_OR_RETURN(const auto entries, store::BackupFolder(FolderOf(collection)).List());
  for (const store::BackupEntry& entry : entries) infos.push_back(InfoOf(collection, entry));
  return OkStatus();
}

StatusOr<std::vector<BackupInfo>> BackupsImpl::List(const std::string& collection) const {
  const Pass pass(gate_);
  if (!pass) return ClosedStatus();
  std::vector<std::string> names = {collection};
  if (collection.empty()) {
    TESSERA_ASSIGN_OR_RETURN(names, Collections());
  } else {
    TESSERA_RETURN_IF_ERROR(CheckName(collection, "collection"));
  }
  std::vector<BackupInfo> infos;
  for (const std::string& name : names) TESSERA_RETURN_IF_ERROR(ListOne(name, infos));
  return infos;
}

StatusOr<BackupInfo> BackupsImpl::Find(const std::string& collection, uint32_t id) const {
  TESSERA_ASSIGN_OR_RETURN(const auto entries, store::BackupFolder(FolderOf(collection)).List());
  for (const store::BackupEntry& entry : entries) {
    if (entry.id != id) continue;
    BackupInfo info = InfoOf(collection, entry);
    if (!info.damaged) return info;
    return DataLoss(Named(collection, id) + ": its description or list of files is damaged, or one of its files is missing");
  }
  return NotFound("no " + Named(collection, id));
}

StatusOr<BackupInfo> BackupsImpl::Create(const std::string& collection, const BackupContext& context) {
  const Pass pass(gate_);
  if (!pass) return ClosedStatus();
  TESSERA_RETURN_IF_ERROR(CheckName(collection, "collection"));
  TESSERA_ASSIGN_OR_RETURN(auto source, host_.Find(collection));
  if (!uses_.BeginWrite(collection)) {
    return AlreadyExists("a backup of collection \"" + collection + "\" is being made or deleted");
  }
  const std::unique_ptr<void, std::function<void(void*)>> end(&uses_, [&](void*) { uses_.EndWrite(collection); });
  TESSERA_RETURN_IF_ERROR(context.stop.Check());
  TESSERA_RETURN_IF_ERROR(host_.CheckSpace(0));
  TESSERA_RETURN_IF_ERROR(MakeRoot());
  Tell(context, 0, "checkpoint");
  const TemporaryDirectory checkpoint(host_.Temporary("checkpoint"));
  TESSERA_ASSIGN_OR_RETURN(const BackupInfo described, source->Checkpoint(checkpoint.path()));
  source.reset();  // it may be dropped meanwhile
  TESSERA_RETURN_IF_ERROR(Failpoint("backup.checkpoint"));
  Tell(context, 0, "copy");
  store::BackupFolder folder(FolderOf(collection));
  TESSERA_ASSIGN_OR_RETURN(const uint32_t id, folder.Create(checkpoint.path(), EncodeBackup(described),
                                                            TransferOf(context, "copy", host_, true)));
  TESSERA_RETURN_IF_ERROR(SyncDirectory(root_));
  return Find(collection, id);
}

Status BackupsImpl::Verify(const std::string& collection, uint32_t id, const BackupContext& context) const {
  const Pass pass(gate_);
  if (!pass) return ClosedStatus();
  TESSERA_RETURN_IF_ERROR(CheckName(collection, "collection"));
  const Reading reading(uses_, collection);
  TESSERA_RETURN_IF_ERROR(reading.status());
  TESSERA_RETURN_IF_ERROR(Find(collection, id).status());
  Tell(context, 0, "read");
  return Annotate(store::BackupFolder(FolderOf(collection)).Verify(id, TransferOf(context, "read", host_, false)),
                  "collection \"" + collection + "\": ");
}

Status BackupsImpl::Delete(const std::string& collection, uint32_t id) {
  const Pass pass(gate_);
  if (!pass) return ClosedStatus();
  TESSERA_RETURN_IF_ERROR(CheckName(collection, "collection"));
  if (!uses_.BeginDelete(collection)) {
    return FailedPrecondition("a backup of collection \"" + collection + "\" is being made or read: delete it after that");
  }
  const Status status = store::BackupFolder(FolderOf(collection)).Delete(id);
  uses_.EndDelete(collection);
  return Annotate(status, "collection \"" + collection + "\": ");
}

StatusOr<std::shared_ptr<Collection>> BackupsImpl::Restore(const std::string& collection, uint32_t id,
                                                           const std::string& name, const BackupContext& context) {
  const Pass pass(gate_);
  if (!pass) return ClosedStatus();
  TESSERA_RETURN_IF_ERROR(CheckName(collection, "collection"));
  const std::string& target = name.empty() ? collection : name;
  TESSERA_RETURN_IF_ERROR(CheckName(target));
  const Reading reading(uses_, collection);
  TESSERA_RETURN_IF_ERROR(reading.status());
  TESSERA_ASSIGN_OR_RETURN(const BackupInfo info, Find(collection, id));
  TESSERA_RETURN_IF_ERROR(CheckBackupFormat(info.format));
  Reservation held(host_, target);
  TESSERA_RETURN_IF_ERROR(held.Take());
  IncomingMemory memory(host_);
  TESSERA_RETURN_IF_ERROR(memory.Take(target, info));
  TESSERA_RETURN_IF_ERROR(host_.CheckSpace(info.bytes));
  const TemporaryDirectory directory(host_.Temporary("tmp"));
  Tell(context, 0, "copy");
  TESSERA_RETURN_IF_ERROR(
      store::BackupFolder(FolderOf(collection)).Restore(id, directory.path(), TransferOf(context, "copy", host_, true)));
  TESSERA_RETURN_IF_ERROR(Failpoint("backup.restored"));
  TESSERA_RETURN_IF_ERROR(context.stop.Check());
  Tell(context, 1, "open");
  memory.Release();
  return host_.Adopt(directory.path(), target);
}

Status BackupsImpl::Download(const std::string& collection, uint32_t id, const ArchiveSink& take,
                             const BackupContext& context) const {
  const Pass pass(gate_);
  if (!pass) return ClosedStatus();
  TESSERA_RETURN_IF_ERROR(CheckName(collection, "collection"));
  const Reading reading(uses_, collection);
  TESSERA_RETURN_IF_ERROR(reading.status());
  TESSERA_ASSIGN_OR_RETURN(const BackupInfo info, Find(collection, id));
  TESSERA_RETURN_IF_ERROR(CheckBackupFormat(info.format));
  ArchiveWriter writer(take);
  TESSERA_RETURN_IF_ERROR(writer.Header(info));
  TESSERA_RETURN_IF_ERROR(
      store::BackupFolder(FolderOf(collection)).Export(id, writer, TransferOf(context, "copy", host_, false)));
  return writer.Trailer();
}

StatusOr<std::unique_ptr<BackupUpload>> BackupsImpl::Upload(const std::string& name) {
  TESSERA_RETURN_IF_ERROR(CheckName(name));
  auto upload = std::make_unique<engine::Upload>(gate_, host_, name);
  TESSERA_RETURN_IF_ERROR(upload->Begin());
  return std::unique_ptr<BackupUpload>(std::move(upload));
}

}  // namespace tessera::engine

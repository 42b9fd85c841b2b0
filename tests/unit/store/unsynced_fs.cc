#include "tests/unit/store/unsynced_fs.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace tessera::store {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(UnsyncedFs& fs, std::string name, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), fs_(fs), name_(std::move(name)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = fs_.CheckSpace();
    if (status.ok()) status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (status.ok()) fs_.Appended(name_, data.size());
    return status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = fs_.BeforeSync();
    if (status.ok()) status = FSWritableFileOwnerWrapper::Sync(options, debug);
    if (status.ok()) fs_.Synced(name_);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  UnsyncedFs& fs_;
  const std::string name_;
};

class Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(UnsyncedFs& fs, std::string name, std::unique_ptr<rocksdb::FSDirectory> directory)
      : FSDirectoryWrapper(std::move(directory)), fs_(fs), name_(std::move(name)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = fs_.BeforeSync();
    if (status.ok()) status = FSDirectoryWrapper::Fsync(options, debug);
    if (status.ok()) fs_.DirectorySynced(name_);
    return status;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, debug);
  }

 private:
  UnsyncedFs& fs_;
  const std::string name_;
};

std::string Normal(const std::string& name) {
  std::string path = std::filesystem::path(name).lexically_normal();
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::optional<std::string> Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

}  // namespace

IOStatus UnsyncedFs::CheckAlive() const {
  return dead_ ? IOStatus::IOError("the power is off") : IOStatus::OK();
}

IOStatus UnsyncedFs::CheckSpace() const {
  return full_ ? IOStatus::NoSpace("the disk is full") : CheckAlive();
}

IOStatus UnsyncedFs::BeforeSync() {
  if (syncs_left_ > 0 && --syncs_left_ == 0) CutPower();
  if (syncs_to_failure_ > 0 && --syncs_to_failure_ == 0) return IOStatus::IOError("a sync failed");
  return CheckAlive();
}

IOStatus UnsyncedFs::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                     std::unique_ptr<rocksdb::FSWritableFile>* file, Debug* debug) {
  IOStatus status = CheckAlive();
  if (!status.ok()) return status;
  const std::string path = Normal(name);
  std::optional<std::string> before = Contents(path);
  std::unique_ptr<rocksdb::FSWritableFile> made;
  status = FileSystemWrapper::NewWritableFile(name, options, &made, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<WritableFile>(*this, path, std::move(made));
  std::lock_guard lock(mutex_);
  files_[path] = File();
  unsynced_names_.emplace(path, std::move(before));
  return status;
}

IOStatus UnsyncedFs::NewDirectory(const std::string& name, const IOOptions& options,
                                  std::unique_ptr<rocksdb::FSDirectory>* directory, Debug* debug) {
  std::unique_ptr<rocksdb::FSDirectory> opened;
  IOStatus status = FileSystemWrapper::NewDirectory(name, options, &opened, debug);
  if (status.ok()) *directory = std::make_unique<Directory>(*this, Normal(name), std::move(opened));
  return status;
}

IOStatus UnsyncedFs::DeleteFile(const std::string& name, const IOOptions& options, Debug* debug) {
  IOStatus status = CheckAlive();
  if (status.ok()) status = FileSystemWrapper::DeleteFile(name, options, debug);
  if (!status.ok()) return status;
  std::lock_guard lock(mutex_);
  files_.erase(Normal(name));
  unsynced_names_.erase(Normal(name));
  return status;
}

IOStatus UnsyncedFs::RenameFile(const std::string& from, const std::string& to,
                                const IOOptions& options, Debug* debug) {
  IOStatus status = CheckAlive();
  if (!status.ok()) return status;
  std::optional<std::string> before = Contents(to);
  status = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  std::lock_guard lock(mutex_);
  if (const auto file = files_.find(Normal(from)); file != files_.end()) {
    files_[Normal(to)] = file->second;
    files_.erase(file);
  }
  unsynced_names_.erase(Normal(from));
  unsynced_names_.emplace(Normal(to), std::move(before));
  return status;
}

// The new name has the bytes of the old one, synced as far as they are now.
IOStatus UnsyncedFs::LinkFile(const std::string& from, const std::string& to,
                              const IOOptions& options, Debug* debug) {
  IOStatus status = CheckAlive();
  if (status.ok()) status = FileSystemWrapper::LinkFile(from, to, options, debug);
  if (!status.ok()) return status;
  std::lock_guard lock(mutex_);
  if (const auto file = files_.find(Normal(from)); file != files_.end()) {
    files_[Normal(to)] = file->second;
  }
  unsynced_names_.emplace(Normal(to), std::nullopt);
  return status;
}

void UnsyncedFs::Appended(const std::string& name, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  files_[name].written += bytes;
}

void UnsyncedFs::Synced(const std::string& name) {
  ++syncs_;
  std::lock_guard lock(mutex_);
  files_[name].synced = files_[name].written;
}

void UnsyncedFs::DirectorySynced(const std::string& name) {
  std::lock_guard lock(mutex_);
  std::erase_if(unsynced_names_, [&](const auto& entry) {
    return std::filesystem::path(entry.first).parent_path() == name;
  });
}

void UnsyncedFs::LoseUnsynced(double kept) {
  std::lock_guard lock(mutex_);
  for (auto& [name, file] : files_) {
    if (!std::filesystem::exists(name)) continue;
    const auto torn = static_cast<uint64_t>(kept * static_cast<double>(file.written - file.synced));
    std::filesystem::resize_file(name, file.synced + torn);
  }
  for (const auto& [name, before] : unsynced_names_) {
    std::filesystem::remove(name);
    if (before) std::ofstream(name, std::ios::binary) << *before;
  }
  files_.clear();
  unsynced_names_.clear();
  syncs_left_ = 0;
  dead_ = false;
}

}  // namespace tessera::store

// A file system that remembers what was not synced and can lose it, as a power failure does; it can
// also run out of space.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace tessera::store {

// What survives a power failure here is no more than POSIX promises: the bytes of a file up to its
// last fsync, and the name of a new or renamed file after an fsync of its directory. Deletions are
// durable at once. Thread-safe.
class UnsyncedFs final : public rocksdb::FileSystemWrapper {
 public:
  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;

  UnsyncedFs() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "UnsyncedFs"; }

  // From now on every change fails, as for a process that is gone.
  void CutPower() { dead_ = true; }
  // The nth sync of a file or directory from now (1 = the next) does not happen: the power goes.
  void CutPowerAtSync(size_t nth) { syncs_left_ = nth; }
  // The nth sync from now fails and syncs nothing; later ones do.
  void FailSync(size_t nth) { syncs_to_failure_ = nth; }
  // After CutPower, with all files closed: cuts each file to its synced bytes and the first `kept`
  // (0 to 1) of the others, takes back names whose directory was not synced, and lives again.
  void LoseUnsynced(double kept);

  // Every append fails for want of space.
  void SetFull(bool full) { full_ = full; }
  size_t syncs() const { return syncs_; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, Debug* debug) override;
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory, Debug* debug) override;
  IOStatus DeleteFile(const std::string& name, const IOOptions& options, Debug* debug) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      Debug* debug) override;
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    Debug* debug) override;

  // For the files and directories made here.
  IOStatus CheckAlive() const;
  IOStatus CheckSpace() const;
  IOStatus BeforeSync();
  void Appended(const std::string& name, uint64_t bytes);
  void Synced(const std::string& name);
  void DirectorySynced(const std::string& name);

 private:
  struct File {
    uint64_t written = 0;
    uint64_t synced = 0;
  };

  std::atomic<bool> dead_{false};
  std::atomic<bool> full_{false};
  std::atomic<size_t> syncs_{0};
  std::atomic<size_t> syncs_left_{0};  // before the power goes; 0 = it stays
  std::atomic<size_t> syncs_to_failure_{0};  // 0 = none fails
  std::mutex mutex_;
  std::map<std::string, File> files_;
  // Names whose directory was not synced since, with the bytes that stood there before, if any.
  std::map<std::string, std::optional<std::string>> unsynced_names_;
};

}  // namespace tessera::store

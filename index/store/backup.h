// Backups of one database: complete, restorable each by itself, sharing the files they have in common.
//
// What a backup is made of is a checkpoint (Store::Checkpoint): the live database is never read for minutes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "index/status.h"

namespace rocksdb {
class Env;
}

namespace tessera::store {

// How to copy or read what may take long.
struct Transfer {
  std::function<Status()> check;  // asked at every piece that is read: what is not OK ends it; may be empty
  std::function<void(double fraction)> progress;  // ascending from 0 to 1, on a thread of RocksDB's; may be empty
  uint64_t bytes_per_second = 0;                // written at most; 0 = as fast as it goes
};

struct BackupEntry {
  uint32_t id = 0;
  std::string metadata;    // as given to Create
  uint64_t bytes = 0;      // of the files it is made of
  uint64_t new_bytes = 0;  // of those that no backup before it has: what it added
  uint32_t files = 0;
  bool damaged = false;    // its list of files cannot be read, or one is missing: only the id is known
};

// Takes the files of a backup, one after another, under the names they have in a database's directory. Called on a
// thread of RocksDB's. An error ends the export and is returned by it.
class FileSink {
 public:
  virtual ~FileSink() = default;
  virtual Status Begin(const std::string& name) = 0;
  virtual Status Append(std::string_view bytes) = 0;
  virtual Status End() = 0;
};

// A directory of backups, which nothing else writes to. Create and Delete exclude each other and themselves, and
// Delete all others: the caller sees to that. Otherwise thread-safe.
class BackupFolder {
 public:
  // `path` is created by the first Create; its parent must exist. `env` for tests; null: the process's own.
  explicit BackupFolder(std::string path, rocksdb::Env* env = nullptr);

  // Ascending by id; none if there is no such directory.
  StatusOr<std::vector<BackupEntry>> List() const;
  // Copies what the folder has not of the database at `checkpoint`, synced; the new backup's id, one above the
  // highest. Whatever ends it early, nothing of it is left, at the latest by the next Create, Delete or Sweep.
  StatusOr<uint32_t> Create(const std::string& checkpoint, std::string_view metadata, const Transfer& transfer);
  // Frees the files that no other backup has. NotFound.
  Status Delete(uint32_t id);
  // Removes what an interrupted Create or Delete left.
  Status Sweep();

  // Reads every byte of it; DataLoss names the file that is not as written. NotFound.
  Status Verify(uint32_t id, const Transfer& transfer) const;
  // Into `directory`, which is created; synced, names included, when it returns. DataLoss as Verify; NotFound. After
  // an error the directory holds part of it.
  Status Restore(uint32_t id, const std::string& directory, const Transfer& transfer) const;
  // As Restore, into a sink; an error may come after all files were given.
  Status Export(uint32_t id, FileSink& sink, const Transfer& transfer) const;

 private:
  // NotFound; FindReadable also DataLoss.
  StatusOr<BackupEntry> Find(uint32_t id) const;
  StatusOr<BackupEntry> FindReadable(uint32_t id) const;
  Status RestoreInto(uint32_t id, const std::string& directory, rocksdb::Env& into, const Transfer& transfer) const;

  const std::string path_;
  rocksdb::Env* const env_;  // never null
};

}  // namespace tessera::store

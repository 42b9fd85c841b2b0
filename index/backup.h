// Backups of the collections of a catalog: each complete and as of one commit, files shared between them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "index/collection.h"
#include "index/deadline.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera {

// Of what a backup says of itself, and of an archive. A higher one was written by a newer version.
inline constexpr uint32_t kBackupFormat = 1;

struct BackupInfo {
  std::string collection;  // it was made of, whether that still exists or not
  uint32_t id = 0;         // ascending; that of the newest one is given again once that is deleted
  // It cannot be read: description or list of files is damaged, or a file is missing. Only the above is known.
  bool damaged = false;
  uint32_t format = 0;     // above kBackupFormat: nothing below but bytes is known
  uint64_t commit = 0;     // it holds every write up to this commit, and none later
  uint64_t rows = 0;
  int64_t time_ms = 0;     // Unix milliseconds
  uint32_t dim = 0;
  Metric metric = Metric::kL2;
  std::string quantizer;   // in force; empty = untrained
  bool refine_on_disk = false;  // CollectionSpec
  uint64_t bytes = 0;      // of the files it is made of
  uint64_t new_bytes = 0;  // of those, what no older backup of the collection has: what it added on disk
};

struct BackupContext {
  StopToken stop;  // asked at every piece that is copied or read
  // fraction in [0, 1], a short lower-case stage name such as "copy". Not always on the calling thread; may be empty.
  std::function<void(double fraction, const char* stage)> progress;
  uint64_t bytes_per_second = 0;  // written at most, or read by Verify; 0 = as fast as the disk
};

// An archive on its way in. Not thread-safe. Destroyed before the catalog is; unless finished, nothing of it is left.
class BackupUpload {
 public:
  virtual ~BackupUpload() = default;
  // The next bytes of the archive, of any number. DataLoss: they are not as they were written; FailedPrecondition: a
  // newer version wrote them; InvalidArgument: no archive.
  virtual Status Append(std::string_view bytes) = 0;
  // All has come: the collection is there, durable, and serves. DataLoss: it ends too early, or does not open.
  virtual StatusOr<std::shared_ptr<Collection>> Finish() = 0;
};

// Under <data>/backups/<collection>/, out of the collection's own directory: deleting a collection keeps its backups.
//
// Calls block, for minutes with large collections; queries and writes go on meanwhile. Thread-safe; of one collection
// one Create or Delete at a time, else AlreadyExists. Everywhere: InvalidArgument for what is no collection's
// name, NotFound for an unknown backup, DataLoss (naming a file) for a damaged one, Cancelled or DeadlineExceeded
// when stopped, which leaves nothing behind.
class Backups {
 public:
  virtual ~Backups() = default;

  // The state at one commit: all writes acknowledged before the call are in it. Copies what the last backups have not.
  // NotFound: no such collection. ResourceExhausted: no space left.
  virtual StatusOr<BackupInfo> Create(const std::string& collection, const BackupContext& context) = 0;
  // By collection, then id; of all collections if the name is empty.
  virtual StatusOr<std::vector<BackupInfo>> List(const std::string& collection) const = 0;
  // Reads every byte and compares checksums.
  virtual Status Verify(const std::string& collection, uint32_t id, const BackupContext& context) const = 0;
  // Frees what no other backup shares. FailedPrecondition while it, or another of the collection, is read.
  virtual Status Delete(const std::string& collection, uint32_t id) = 0;
  // A collection `name` (empty: that of the backup) that answers as the backed up one did at that commit.
  // AlreadyExists: there is a collection of that name. FailedPrecondition: a newer version wrote the backup.
  virtual StatusOr<std::shared_ptr<Collection>> Restore(const std::string& collection, uint32_t id,
                                                        const std::string& name, const BackupContext& context) = 0;

  // The backup as an archive (index/engine/README.md), which Upload takes, here or elsewhere; piece by piece
  // to `take`, an error of which ends it. An archive that ends before its trailer is refused by Upload.
  using ArchiveSink = std::function<Status(std::string_view bytes)>;
  virtual Status Download(const std::string& collection, uint32_t id, const ArchiveSink& take,
                          const BackupContext& context) const = 0;
  // Will be a collection `name`, which is held until the upload is gone. AlreadyExists.
  virtual StatusOr<std::unique_ptr<BackupUpload>> Upload(const std::string& name) = 0;
};

}  // namespace tessera

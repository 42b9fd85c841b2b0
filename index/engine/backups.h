// Backups of a catalog's collections.
//
//   <data>/backups/<name>/   a store::BackupFolder a collection
//
// A backup is made of a checkpoint, hard links to the store's files as of one commit, taken in the committer's turn; a
// restore and an upload are made in a directory beside the collections, opened once, and renamed.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "index/backup.h"
#include "index/engine/collection_impl.h"
#include "index/engine/core.h"
#include "index/store/backup.h"

namespace tessera::engine {

// What backups need of the catalog that they belong to. Thread-safe.
class BackupHost {
 public:
  virtual Pace& pace() = 0;
  // ResourceExhausted unless the disk of the data has so many bytes beside what is kept in reserve.
  virtual Status CheckSpace(uint64_t bytes) const = 0;
  // NotFound.
  virtual StatusOr<std::shared_ptr<CollectionImpl>> Find(const std::string& name) const = 0;
  // Holds a name that no collection has (else AlreadyExists) until Adopt or Release.
  virtual Status Reserve(const std::string& name) = 0;
  virtual void Release(const std::string& name) = 0;  // without effect once adopted
  // Where collections are accounted. Never null.
  virtual const std::shared_ptr<MemoryPool>& memory() const = 0;
  // A path of its own beside the collections; what is there is removed at the next start.
  virtual std::string Temporary(const std::string& what) = 0;
  // Makes the database in `directory` the collection of a reserved name.
  virtual StatusOr<std::shared_ptr<Collection>> Adopt(const std::string& directory, const std::string& name) = 0;

 protected:
  ~BackupHost() = default;
};

// Who is at a collection's backups. Thread-safe.
class BackupUses {
 public:
  // One of these; false if others exclude it.
  bool BeginWrite(const std::string& name);   // Create: reads go on
  bool BeginDelete(const std::string& name);  // nothing else
  bool BeginRead(const std::string& name);
  void EndWrite(const std::string& name);
  void EndDelete(const std::string& name) { EndWrite(name); }
  void EndRead(const std::string& name);

 private:
  struct Use {
    bool writing = false;
    bool deleting = false;
    size_t reading = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Use> uses_;  // guarded by mutex_
};

class BackupsImpl final : public Backups {
 public:
  // The host outlives it.
  BackupsImpl(std::string root, BackupHost& host) : root_(std::move(root)), host_(host) {}

  // At start: removes what a crash left half done. What cannot be swept stays; backups are no reason not to start.
  void Sweep();
  // Waits for calls under way; later ones fail.
  void Close() { gate_.Close(); }

  StatusOr<BackupInfo> Create(const std::string& collection, const BackupContext& context) override;
  StatusOr<std::vector<BackupInfo>> List(const std::string& collection) const override;
  Status Verify(const std::string& collection, uint32_t id, const BackupContext& context) const override;
  Status Delete(const std::string& collection, uint32_t id) override;
  StatusOr<std::shared_ptr<Collection>> Restore(const std::string& collection, uint32_t id, const std::string& name,
                                                const BackupContext& context) override;
  Status Download(const std::string& collection, uint32_t id, const ArchiveSink& take,
                  const BackupContext& context) const override;
  StatusOr<std::unique_ptr<BackupUpload>> Upload(const std::string& name) override;

 private:
  class Reading;

  std::string FolderOf(const std::string& collection) const { return root_ + "/" + collection; }
  Status MakeRoot();
  // Of collections that have a folder, ascending.
  StatusOr<std::vector<std::string>> Collections() const;
  Status ListOne(const std::string& collection, std::vector<BackupInfo>& infos) const;
  // NotFound, DataLoss if its description cannot be read.
  StatusOr<BackupInfo> Find(const std::string& collection, uint32_t id) const;

  const std::string root_;
  BackupHost& host_;
  mutable Gate gate_;
  mutable BackupUses uses_;
};

}  // namespace tessera::engine

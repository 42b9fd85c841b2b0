// Files that an ingest takes in, kept until it is known that it did. Private to this folder.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace tessera::store {

// RocksDB links a staged file to its name in the database, writes the manifest, and removes the staged name. When the
// manifest's write or sync fails it removes the linked name instead, although what was written may name it: such
// a database would never open again (RocksDB 7.8, ExternalSstFileIngestionJob::Cleanup). Here the linked
// name stays as long as the staged one is there; a later opening takes the file or removes it.
//
// Thread-safe.
class IngestedFiles final : public rocksdb::FileSystemWrapper {
 public:
  IngestedFiles(const std::shared_ptr<rocksdb::FileSystem>& base, const std::string& staging_directory)
      : FileSystemWrapper(base), staging_(staging_directory + "/") {}
  const char* Name() const override { return "IngestedFiles"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

  // Removes those that were kept: for an ingest that ended before the manifest was written.
  rocksdb::IOStatus RemoveKept();
  void NoteFailedRead(const std::string& staged);

 private:
  struct Link {
    std::string staged;
    bool kept = false;  // RocksDB wanted it removed
  };

  const std::string staging_;
  std::mutex mutex_;
  // Of staged files that are there; guarded by mutex_.
  std::map<std::string, Link> links_;  // by linked name
  std::set<std::string> unread_;
};

}  // namespace tessera::store

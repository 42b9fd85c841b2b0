// A file system whose reads from front to back are watched: counted, slowed, ended. Private to this folder.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "index/store/backup.h"

namespace tessera::store {

// Thread-safe.
class ReadWatch {
 public:
  // `total`: bytes that will be read, about. `failpoint` is passed at each piece.
  ReadWatch(const Transfer& transfer, uint64_t total, const char* failpoint)
      : transfer_(transfer), total_(total), failpoint_(failpoint) {}

  // Tells progress. Not OK: the read fails of it.
  Status OnRead(uint64_t bytes);
  // Why reads failed, if they did.
  Status cause() const;

 private:
  const Transfer& transfer_;
  const uint64_t total_;
  const char* const failpoint_;
  std::atomic<uint64_t> read_{0};
  mutable std::mutex mutex_;
  Status cause_;  // guarded by mutex_
};

class WatchedFs final : public rocksdb::FileSystemWrapper {
 public:
  // The watch outlives it.
  WatchedFs(const std::shared_ptr<rocksdb::FileSystem>& base, ReadWatch& watch)
      : FileSystemWrapper(base), watch_(watch) {}
  const char* Name() const override { return "WatchedFs"; }
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override;

 private:
  ReadWatch& watch_;
};

std::unique_ptr<rocksdb::Env> WatchedEnv(rocksdb::Env& base, ReadWatch& watch);

}  // namespace tessera::store

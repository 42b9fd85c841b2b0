// Names, renames and the lock of a data directory.
#pragma once

#include <string>
#include <system_error>

#include "index/status.h"

namespace tessera::engine {

// 1 to 128 of letters, digits, '-', '_', '.', not starting with '.' or '-': so no path leads out. InvalidArgument, the
// message starting with `field`.
Status CheckName(const std::string& name, const std::string& field = "name");

// InvalidArgument unless it can be the path of a directory: not empty, no zero byte that would cut it short.
Status CheckPath(const std::string& path);

// What the system says, Unavailable; FailedPrecondition where no repetition helps: without permission, on a read-only mount.
Status IoError(const std::string& what, const std::string& path, const std::error_code& error);
Status IoError(const std::string& what, const std::string& path);  // of errno

// Makes a rename or a new name in `directory` durable.
Status SyncDirectory(const std::string& directory);

// Replaces the file, or leaves it as it was.
Status WriteDurably(const std::string& path, const std::string& text);

// Held while it lives; the directory's file LOCK.
class DirectoryLock {
 public:
  DirectoryLock() = default;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();
  // FailedPrecondition if another has it.
  Status Take(const std::string& directory);
  // The same for one who only reads: without permission to write, and on a read-only mount, where nobody can have it if
  // there is no LOCK.
  Status TakeToRead(const std::string& directory);

 private:
  Status Lock(const std::string& directory);

  int fd_ = -1;
};

// A directory that is removed at the end, unless it was renamed.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace tessera::engine

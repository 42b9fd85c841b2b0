// Archives of backups as files of this machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "index/status.h"

namespace tessera::cli {

// A file that has its name when it is whole and synced, and not before: until then it is <path>.part, which is removed
// if it comes to nothing. Not thread-safe.
class ArchiveOutput {
 public:
  explicit ArchiveOutput(std::string path) : path_(std::move(path)), part_(path_ + ".part") {}
  ArchiveOutput(const ArchiveOutput&) = delete;
  ArchiveOutput& operator=(const ArchiveOutput&) = delete;
  ~ArchiveOutput();

  // FailedPrecondition if there is such a file already: an archive is never written over.
  Status Open();
  Status Append(std::string_view bytes);
  Status Finish();
  uint64_t bytes() const { return bytes_; }

 private:
  Status Failed(const char* what) const;

  const std::string path_;
  const std::string part_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
};

class ArchiveInput {
 public:
  ArchiveInput() = default;
  ArchiveInput(const ArchiveInput&) = delete;
  ArchiveInput& operator=(const ArchiveInput&) = delete;
  ~ArchiveInput();

  Status Open(const std::string& path);  // NotFound
  // The next bytes, valid until the next call; empty: the end.
  StatusOr<std::string_view> Next();
  uint64_t read() const { return read_; }
  uint64_t size() const { return size_; }

 private:
  std::string path_;
  int fd_ = -1;
  std::string piece_;
  uint64_t read_ = 0;
  uint64_t size_ = 0;
};

}  // namespace tessera::cli

#include "client/cli/archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace tessera::cli {
namespace {

constexpr size_t kPiece = 512u << 10;

}  // namespace

Status ArchiveOutput::Failed(const char* what) const {
  return FailedPrecondition(std::string(what) + " " + path_ + ": " + strerror(errno));
}

ArchiveOutput::~ArchiveOutput() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(part_.c_str());
}

Status ArchiveOutput::Open() {
  if (access(path_.c_str(), F_OK) == 0) {
    return FailedPrecondition(path_ + " exists: an archive is not written over");
  }
  fd_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  return fd_ >= 0 ? OkStatus() : Failed("cannot create");
}

Status ArchiveOutput::Append(std::string_view bytes) {
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t n = write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("cannot write");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return OkStatus();
}

Status ArchiveOutput::Finish() {
  if (fsync(fd_) != 0) return Failed("cannot write");
  if (std::rename(part_.c_str(), path_.c_str()) != 0) return Failed("cannot write");
  const bool closed = close(fd_) == 0;
  fd_ = -1;
  return closed ? OkStatus() : Failed("cannot write");
}

ArchiveInput::~ArchiveInput() {
  if (fd_ >= 0) close(fd_);
}

Status ArchiveInput::Open(const std::string& path) {
  path_ = path;
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about {};
  if (fd_ < 0 || fstat(fd_, &about) != 0) return NotFound("cannot read " + path + ": " + strerror(errno));
  size_ = static_cast<uint64_t>(about.st_size);
  return OkStatus();
}

StatusOr<std::string_view> ArchiveInput::Next() {
  piece_.resize(kPiece);
  ssize_t n = 0;
  do {
    n = ::read(fd_, piece_.data(), piece_.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return Unavailable("cannot read " + path_ + ": " + strerror(errno));
  read_ += static_cast<uint64_t>(n);
  return std::string_view(piece_).substr(0, static_cast<size_t>(n));
}

}  // namespace tessera::cli

#include "client/formats/file_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tessera::formats {
namespace {

// The size of a regular file from its present position on; nothing for pipes and terminals.
std::optional<uint64_t> RemainingSize(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  off_t at = lseek(fd, 0, SEEK_CUR);
  if (at < 0) return std::nullopt;
  return info.st_size > at ? static_cast<uint64_t>(info.st_size - at) : 0;
}

}  // namespace

StatusOr<std::unique_ptr<FileInput>> FileInput::Open(const std::string& path) {
  bool is_stdin = path == "-";
  int fd = is_stdin ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    std::string message = "cannot open " + path + ": " + std::strerror(errno);
    return errno == ENOENT ? NotFound(message) : FailedPrecondition(message);
  }
  std::unique_ptr<FileInput> input(new FileInput(fd, is_stdin ? "standard input" : path));
  input->size_ = RemainingSize(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);  // a hint: failure (a pipe) does not matter
  return input;
}

FileInput::~FileInput() {
  if (fd_ != STDIN_FILENO) close(fd_);
}

Status FileInput::Failed(const std::string& what) const {
  return FailedPrecondition("cannot " + what + " " + name_ + " at offset " +
                            std::to_string(position_) + ": " + std::strerror(errno));
}

StatusOr<size_t> FileInput::Read(uint8_t* out, size_t n) {
  ssize_t got;
  do {
    got = read(fd_, out, n);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Failed("read");
  position_ += static_cast<uint64_t>(got);
  return static_cast<size_t>(got);
}

StatusOr<uint64_t> FileInput::Seek(uint64_t n) {
  n = std::min(n, *size_ - std::min(*size_, position_));
  if (lseek(fd_, static_cast<off_t>(n), SEEK_CUR) < 0) return Failed("seek in");
  position_ += n;
  return n;
}

}  // namespace tessera::formats

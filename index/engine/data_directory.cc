#include "index/engine/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <filesystem>

namespace tessera::engine {

namespace fs = std::filesystem;

Status IoError(const std::string& what, const std::string& path, const std::error_code& error) {
  const std::string message = what + " " + path + ": " + error.message();
  const bool lasting = error == std::errc::permission_denied || error == std::errc::operation_not_permitted ||
                       error == std::errc::read_only_file_system;
  return lasting ? FailedPrecondition(message) : Unavailable(message);
}

Status IoError(const std::string& what, const std::string& path) {
  return IoError(what, path, std::error_code(errno, std::generic_category()));
}

Status SyncDirectory(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return IoError("cannot open", directory);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  errno = error;
  return result == 0 ? OkStatus() : IoError("cannot sync", directory);
}

Status WriteDurably(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".tmp";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return IoError("cannot create", temporary);
  const bool ok = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  errno = error;
  if (!ok || rename(temporary.c_str(), path.c_str()) != 0) return IoError("cannot write", path);
  return SyncDirectory(fs::path(path).parent_path());
}

Status CheckName(const std::string& name, const std::string& field) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; };
  bool good = !name.empty() && name.size() <= 128 && name[0] != '.' && name[0] != '-';
  for (const char c : name) good = good && allowed(static_cast<unsigned char>(c));
  if (good) return OkStatus();
  return InvalidArgument(field + ": \"" + name.substr(0, 140) + "\" must be 1 to 128 letters, digits, '-', '_' " +
                         "or '.', and start with none of '.' and '-'");
}

Status CheckPath(const std::string& path) {
  if (path.empty()) return InvalidArgument("the path of the data directory is empty");
  if (path.find('\0') == std::string::npos) return OkStatus();
  return InvalidArgument("the path of the data directory holds a zero byte");
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) close(fd_);
}

Status DirectoryLock::Take(const std::string& directory) {
  const std::string path = directory + "/LOCK";
  fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  return fd_ < 0 ? IoError("cannot open", path) : Lock(directory);
}

Status DirectoryLock::TakeToRead(const std::string& directory) {
  const std::string path = directory + "/LOCK";
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0 && errno == ENOENT) fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) return errno == EROFS ? OkStatus() : IoError("cannot open", path);
  return Lock(directory);
}

Status DirectoryLock::Lock(const std::string& directory) {
  if (flock(fd_, LOCK_EX | LOCK_NB) == 0) return OkStatus();
  return FailedPrecondition("data directory " + directory + " is in use by another process");
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace tessera::engine

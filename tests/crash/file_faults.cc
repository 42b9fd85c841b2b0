#include "tests/crash/file_faults.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <vector>

namespace tessera::crash {
namespace {

template <typename Function>
Function* Libc(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// kSpace makes files, names or blocks; kName changes names, or cuts.
enum class Call { kOpen, kRead, kWrite, kSpace, kSync, kName };

constexpr size_t kDescriptors = 4096;

// An entry of a directory that was changed since the directory was synced.
struct EntryChange {
  enum Kind { kMade, kRenamed, kRemoved } kind;
  std::string path;
  std::string other;   // kRenamed: where from; kRemoved: where it is kept
  std::string buried;  // kRenamed: where the file that was replaced is kept, if there was one
};

// Not destroyed: threads of libraries may still call while the process ends.
struct State {
  std::mutex mutex;
  FileFaults faults;
  uint64_t calls = 0;
  uint64_t failed = 0;
  std::array<std::string, kDescriptors> paths;  // of open descriptors
  std::map<std::string, uint64_t> synced;       // bytes of files that were written since
  std::map<std::string, std::vector<EntryChange>> changes;  // by directory
  uint64_t buried = 0;
};

std::atomic<bool> armed{false};

State& state() {
  static State* const it = new State;
  return *it;
}

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string Graveyard() { return state().faults.root + "/../" + ".lost-" + std::to_string(getpid()); }
bool IsOurs(const std::string& path) {
  const std::string& root = state().faults.root;
  return path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/';
}

uint64_t SizeOf(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

bool Applies(Fault fault, Call call) {
  switch (fault) {
    case Fault::kNone:
    case Fault::kIoError:
      return true;
    case Fault::kNoSpace:
      return call == Call::kWrite || call == Call::kSpace;
    case Fault::kShortRead:
      return call == Call::kRead || call == Call::kWrite;
    case Fault::kPowerLoss:
      return call != Call::kRead && call != Call::kOpen;
  }
  return false;
}

void TakeBack(const EntryChange& change) {
  static auto* const rename_file = Libc<int(const char*, const char*)>("rename");
  switch (change.kind) {
    case EntryChange::kMade:
      (void)Libc<int(const char*)>("unlink")(change.path.c_str());
      (void)rmdir(change.path.c_str());
      break;
    case EntryChange::kRenamed:
      (void)rename_file(change.path.c_str(), change.other.c_str());
      if (!change.buried.empty()) (void)rename_file(change.buried.c_str(), change.path.c_str());
      break;
    case EntryChange::kRemoved:
      (void)rename_file(change.other.c_str(), change.path.c_str());
      break;
  }
}

// Cuts `path` to what was synced and a part of the rest.
void Tear(const std::string& path, uint64_t synced, std::mt19937_64& random) {
  const uint64_t size = SizeOf(path);
  if (size <= synced) return;
  const uint64_t kept = synced + random() % (size - synced + 1);
  (void)truncate(path.c_str(), static_cast<off_t>(kept));
  // A block that was allocated and never written reads as zeros.
  const uint64_t torn = random() % 3 == 0 ? std::min<uint64_t>(kept - synced, random() % 512) : 0;
  if (torn == 0) return;
  (void)truncate(path.c_str(), static_cast<off_t>(kept - torn));
  (void)truncate(path.c_str(), static_cast<off_t>(kept));
}

[[noreturn]] void LosePower() {
  State& s = state();
  std::mt19937_64 random(s.faults.seed);
  for (const auto& [path, synced] : s.synced) Tear(path, synced, random);
  // What is inside of a directory before the directory itself.
  for (auto it = s.changes.rbegin(); it != s.changes.rend(); ++it) {
    const std::vector<EntryChange>& changes = it->second;
    const size_t kept = random() % (changes.size() + 1);
    for (size_t i = changes.size(); i > kept; --i) TakeBack(changes[i - 1]);
  }
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// What the call shall do: 0 = go on, an errno = fail with it, -1 = half of it. Precondition: the mutex is held.
int Due(Call call) {
  State& s = state();
  const FileFaults& faults = s.faults;
  if (!Applies(faults.fault, call)) return 0;
  const uint64_t number = ++s.calls;
  if (faults.fault == Fault::kNone || number < faults.at || number - faults.at >= faults.calls) return 0;
  ++s.failed;
  switch (faults.fault) {
    case Fault::kIoError:
      return EIO;
    case Fault::kNoSpace:
      return ENOSPC;
    case Fault::kShortRead:
      return -1;
    default:
      LosePower();
  }
}

// Of a call on a descriptor. -1 = half, as above.
int DueOn(int fd, Call call) {
  if (!armed || fd < 0 || static_cast<size_t>(fd) >= kDescriptors) return 0;
  State& s = state();
  std::lock_guard lock(s.mutex);
  const std::string& path = s.paths[static_cast<size_t>(fd)];
  if (path.empty()) return 0;
  const int due = Due(call);
  if (due == 0 && call == Call::kWrite) s.synced.emplace(path, SizeOf(path));
  return due;
}

int DueAt(const char* path, Call call) {
  if (!armed) return 0;
  State& s = state();
  std::lock_guard lock(s.mutex);
  return IsOurs(path) ? Due(call) : 0;
}

// Keeps a file whose name is taken away until that is durable. Empty if there is none. Precondition: mutex.
std::string Bury(const std::string& path) {
  static auto* const link_file = Libc<int(const char*, const char*)>("link");
  const std::string directory = Graveyard();
  (void)Libc<int(const char*, mode_t)>("mkdir")(directory.c_str(), 0755);
  std::string at = directory + "/" + std::to_string(state().buried++);
  return link_file(path.c_str(), at.c_str()) == 0 ? at : std::string();
}

void Note(EntryChange change) {
  State& s = state();
  if (s.faults.fault == Fault::kPowerLoss) s.changes[DirectoryOf(change.path)].push_back(std::move(change));
}

void Opened(int fd, const char* path, bool made) {
  if (!armed || fd < 0 || static_cast<size_t>(fd) >= kDescriptors) return;
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.paths[static_cast<size_t>(fd)] = IsOurs(path) || s.faults.root == path ? path : "";
  if (made && IsOurs(path)) Note({EntryChange::kMade, path, {}, {}});
}

void Synced(int fd) {
  if (!armed || fd < 0 || static_cast<size_t>(fd) >= kDescriptors) return;
  State& s = state();
  std::lock_guard lock(s.mutex);
  const std::string& path = s.paths[static_cast<size_t>(fd)];
  s.synced.erase(path);
  s.changes.erase(path);
}

void Renamed(const std::string& from, const std::string& to, std::string buried) {
  State& s = state();
  std::lock_guard lock(s.mutex);
  if (!IsOurs(to)) return;
  const auto moved = [&](const std::string& path) {
    return path == from || path.starts_with(from + "/") ? to + path.substr(from.size()) : path;
  };
  for (std::string& path : s.paths) path = moved(path);
  std::map<std::string, uint64_t> synced;
  for (const auto& [path, bytes] : s.synced) synced[moved(path)] = bytes;
  s.synced = std::move(synced);
  std::map<std::string, std::vector<EntryChange>> changes;
  for (auto& [directory, list] : s.changes) {
    if (directory.starts_with(from)) {
      for (EntryChange& change : list) {
        change.path = moved(change.path);
        if (change.kind == EntryChange::kRenamed) change.other = moved(change.other);
      }
    }
    changes[moved(directory)] = std::move(list);
  }
  s.changes = std::move(changes);
  Note({EntryChange::kRenamed, to, from, std::move(buried)});
}

int Fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

void ArmFileFaults(const FileFaults& faults) {
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.faults = faults;
  s.calls = s.failed = 0;
  s.synced.clear();
  s.changes.clear();
  armed = !faults.root.empty();
}

FileFaults ParseFileFaults(const std::string& text, const std::string& root) {
  FileFaults faults;
  if (text.empty()) return faults;
  faults.root = root;
  const std::string name = text.substr(0, text.find(':'));
  for (const auto& [known, fault] : {std::pair("io-error", Fault::kIoError), std::pair("no-space", Fault::kNoSpace),
                                     std::pair("short-read", Fault::kShortRead), std::pair("power-loss", Fault::kPowerLoss)}) {
    if (name == known) faults.fault = fault;
  }
  unsigned long long numbers[3] = {0, 1, 0};
  std::sscanf(text.c_str() + name.size(), ":%llu:%llu:%llu", &numbers[0], &numbers[1], &numbers[2]);
  faults.at = numbers[0];
  faults.calls = numbers[1];
  faults.seed = numbers[2];
  return faults;
}

uint64_t FileCalls() {
  std::lock_guard lock(state().mutex);
  return state().calls;
}

uint64_t FailedFileCalls() {
  std::lock_guard lock(state().mutex);
  return state().failed;
}

}  // namespace tessera::crash

// libc's calls, as the libraries of this process find them.
extern "C" {

using namespace tessera::crash;  // NOLINT(google-build-using-namespace)

int open(const char* path, int flags, ...) {
  static auto* const real = Libc<int(const char*, int, ...)>("open");
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list args;
    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
  }
  const bool makes = armed && (flags & O_CREAT) && access(path, F_OK) != 0;
  if (const int due = DueAt(path, makes ? Call::kSpace : Call::kOpen); due > 0) return Fail(due);
  const int fd = real(path, flags, mode);
  Opened(fd, path, makes);
  return fd;
}

int close(int fd) {
  static auto* const real = Libc<int(int)>("close");
  if (armed && fd >= 0 && static_cast<size_t>(fd) < kDescriptors) {
    State& s = state();
    std::lock_guard lock(s.mutex);
    s.paths[static_cast<size_t>(fd)].clear();
  }
  return real(fd);
}

ssize_t write(int fd, const void* bytes, size_t count) {
  static auto* const real = Libc<ssize_t(int, const void*, size_t)>("write");
  const int due = DueOn(fd, Call::kWrite);
  if (due > 0) return Fail(due);
  return real(fd, bytes, due < 0 ? (count + 1) / 2 : count);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  static auto* const real = Libc<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  const int due = DueOn(fd, Call::kWrite);
  if (due > 0) return Fail(due);
  return real(fd, bytes, due < 0 ? (count + 1) / 2 : count, offset);
}

ssize_t pread(int fd, void* bytes, size_t count, off_t offset) {
  static auto* const real = Libc<ssize_t(int, void*, size_t, off_t)>("pread");
  const int due = DueOn(fd, Call::kRead);
  if (due > 0) return Fail(due);
  return real(fd, bytes, due < 0 ? count / 2 : count, offset);
}

size_t fread_unlocked(void* bytes, size_t size, size_t count, FILE* file) {
  static auto* const real = Libc<size_t(void*, size_t, size_t, FILE*)>("fread_unlocked");
  const int due = DueOn(fileno(file), Call::kRead);
  if (due > 0) {
    // As the stream would: ferror() is what RocksDB asks.
    file->_flags |= _IO_ERR_SEEN;
    errno = due;
    return 0;
  }
  return real(bytes, size, due < 0 ? count / 2 : count, file);
}

int fsync(int fd) {
  static auto* const real = Libc<int(int)>("fsync");
  if (const int due = DueOn(fd, Call::kSync); due > 0) return Fail(due);
  const int result = real(fd);
  if (result == 0) Synced(fd);
  return result;
}

int fdatasync(int fd) {
  static auto* const real = Libc<int(int)>("fdatasync");
  if (const int due = DueOn(fd, Call::kSync); due > 0) return Fail(due);
  const int result = real(fd);
  if (result == 0) Synced(fd);
  return result;
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  static auto* const real = Libc<int(int, int, off_t, off_t)>("fallocate");
  if (const int due = DueOn(fd, Call::kSpace); due > 0) return Fail(due);
  return real(fd, mode, offset, length);
}

int ftruncate(int fd, off_t length) {
  static auto* const real = Libc<int(int, off_t)>("ftruncate");
  if (const int due = DueOn(fd, Call::kName); due > 0) return Fail(due);
  return real(fd, length);
}

int rename(const char* from, const char* to) {
  static auto* const real = Libc<int(const char*, const char*)>("rename");
  if (const int due = DueAt(to, Call::kName); due > 0) return Fail(due);
  std::string buried;
  if (armed && state().faults.fault == Fault::kPowerLoss) {
    std::lock_guard lock(state().mutex);
    if (IsOurs(to)) buried = Bury(to);
  }
  const int result = real(from, to);
  if (result == 0 && armed) Renamed(from, to, std::move(buried));
  return result;
}

int unlink(const char* path) {
  static auto* const real = Libc<int(const char*)>("unlink");
  if (const int due = DueAt(path, Call::kName); due > 0) return Fail(due);
  std::string buried;
  if (armed && state().faults.fault == Fault::kPowerLoss) {
    std::lock_guard lock(state().mutex);
    if (IsOurs(path)) buried = Bury(path);
  }
  const int result = real(path);
  if (result == 0 && !buried.empty()) {
    std::lock_guard lock(state().mutex);
    Note({EntryChange::kRemoved, path, buried, {}});
  }
  return result;
}

int link(const char* from, const char* to) {
  static auto* const real = Libc<int(const char*, const char*)>("link");
  if (const int due = DueAt(to, Call::kSpace); due > 0) return Fail(due);
  const int result = real(from, to);
  if (result == 0 && armed) {
    std::lock_guard lock(state().mutex);
    if (IsOurs(to)) Note({EntryChange::kMade, to, {}, {}});
  }
  return result;
}

int statvfs(const char* path, struct statvfs* found) {
  static auto* const real = Libc<int(const char*, struct statvfs*)>("statvfs");
  const int result = real(path, found);
  if (result != 0 || !armed) return result;
  std::lock_guard lock(state().mutex);
  const bool full = state().faults.fault == Fault::kNoSpace && state().failed > 0;
  const uint64_t blocks = full ? 0 : state().faults.free_bytes / found->f_bsize;
  if (IsOurs(path)) {
    found->f_bfree = std::min<fsblkcnt_t>(found->f_bfree, blocks);
    found->f_bavail = std::min<fsblkcnt_t>(found->f_bavail, blocks);
  }
  return result;
}

int mkdir(const char* path, mode_t mode) {
  static auto* const real = Libc<int(const char*, mode_t)>("mkdir");
  const Call call = armed && access(path, F_OK) != 0 ? Call::kSpace : Call::kOpen;
  if (const int due = DueAt(path, call); due > 0) return Fail(due);
  const int result = real(path, mode);
  if (result == 0 && armed) {
    std::lock_guard lock(state().mutex);
    if (IsOurs(path)) Note({EntryChange::kMade, path, {}, {}});
  }
  return result;
}

}  // extern "C"

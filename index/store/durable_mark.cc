#include "index/store/durable_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include "index/base/bytes.h"

namespace tessera::store {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kCovered = sizeof(kVersion) + sizeof(uint64_t);
constexpr size_t kBytes = kCovered + sizeof(uint32_t);

std::string FileIn(const std::string& directory) { return directory + "/" + kDurableMarkFile; }

}  // namespace

std::string DurableMark::Encode(uint64_t number) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kVersion);
  out.Put(number);
  out.Put(Crc32c(bytes));
  return bytes;
}

uint64_t DurableMark::Decode(std::string_view bytes) {
  ByteReader in(bytes);
  const auto version = in.Get<uint8_t>();
  const auto number = in.Get<uint64_t>();
  const auto crc = in.Get<uint32_t>();
  const bool whole = in.Finished() && crc == Crc32c(bytes.substr(0, kCovered));
  return whole && version == kVersion ? number : 0;
}

uint64_t DurableMark::Read(const std::string& directory) {
  const int fd = open(FileIn(directory).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  std::string bytes(kBytes + 1, 0);
  const ssize_t got = pread(fd, bytes.data(), bytes.size(), 0);
  close(fd);
  return got < 0 ? 0 : Decode(std::string_view(bytes).substr(0, static_cast<size_t>(got)));
}

DurableMark::DurableMark(const std::string& directory, bool writable) {
  if (writable) fd_ = open(FileIn(directory).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
}

DurableMark::~DurableMark() {
  if (fd_ >= 0) close(fd_);
}

void DurableMark::Raise(uint64_t number) {
  if (fd_ < 0) return;
  const std::string bytes = Encode(number);
  // A number that is not written is a lower one that stays.
  [[maybe_unused]] const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), 0);
}

}  // namespace tessera::store

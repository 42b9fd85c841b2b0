#include "index/store/table_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace tessera::store {
namespace {

namespace fs = std::filesystem;

// The end of a file of format version 5: checksum type, handles of the meta index and the index (varints, padded),
// version, magic.
constexpr uint64_t kFooterBytes = 53;
constexpr uint64_t kMostMetaIndexBytes = 1 << 20;
constexpr std::string_view kPropertiesKey = "rocksdb.properties";

// Where a block is, without its trailer.
struct Handle {
  uint64_t offset = 0;
  uint64_t size = 0;
};

// Advances `bytes`; nothing if there is no whole one.
std::optional<uint64_t> Varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 127u} << shift;
    if (byte < 128) return value;
  }
  return std::nullopt;
}

// Of a block of at least its restart count, within `end` bytes.
std::optional<Handle> ReadHandle(std::string_view bytes, uint64_t end) {
  const auto offset = Varint(bytes);
  const auto size = Varint(bytes);
  if (!offset || !size || *offset > end || *size > end - *offset || *size < sizeof(uint32_t)) return std::nullopt;
  return Handle{*offset, *size};
}

// Empty at an error.
std::string Read(std::ifstream& file, uint64_t at, uint64_t size) {
  std::string bytes(size, '\0');
  file.seekg(static_cast<std::streamoff>(at));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) bytes.clear();
  return bytes;
}

// Where RocksDB will look for the properties; nothing if it will not come so far.
std::optional<Handle> FindProperties(std::ifstream& file, uint64_t file_bytes) {
  if (file_bytes < kFooterBytes) return std::nullopt;
  const uint64_t end = file_bytes - kFooterBytes;
  const std::string footer = Read(file, end, kFooterBytes);
  if (footer.empty()) return std::nullopt;
  const auto meta = ReadHandle(std::string_view(footer).substr(1), end);
  if (!meta || meta->size > kMostMetaIndexBytes) return std::nullopt;
  const std::string index = Read(file, meta->offset, meta->size);
  // Keys of the meta index are whole, each with its value behind it.
  const size_t key = index.find(kPropertiesKey);
  if (key == std::string::npos) return std::nullopt;
  return ReadHandle(std::string_view(index).substr(key + kPropertiesKey.size()), end);
}

bool ArePropertiesWhole(std::ifstream& file, uint64_t file_bytes) {
  const auto properties = FindProperties(file, file_bytes);
  if (!properties) return true;
  // It is one run of keys: the count of its restarts, its last four bytes, is 1.
  const std::string count = Read(file, properties->offset + properties->size - sizeof(uint32_t), sizeof(uint32_t));
  return count.empty() || count == std::string_view("\1\0\0\0", 4);
}

class RestOfFiles final : public rocksdb::FileSystemWrapper {
 public:
  RestOfFiles(const std::shared_ptr<rocksdb::FileSystem>& base, std::vector<std::string> left_out)
      : FileSystemWrapper(base), left_out_(std::move(left_out)) {}
  const char* Name() const override { return "RestOfFiles"; }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    const std::string path = fs::path(name).lexically_normal().string();
    if (std::ranges::find(left_out_, path) == left_out_.end()) {
      return FileSystemWrapper::NewRandomAccessFile(name, options, file, debug);
    }
    return rocksdb::IOStatus::Corruption(name, "its properties are damaged");
  }

 private:
  const std::vector<std::string> left_out_;
};

}  // namespace

StatusOr<std::vector<std::string>> DamagedTableFiles(const std::string& directory) {
  std::vector<std::string> damaged;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".sst") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    if (!file) return Unavailable("cannot read " + entry.path().string() + ": " + std::strerror(errno));
    std::error_code gone;
    const uint64_t bytes = entry.file_size(gone);
    if (!gone && !ArePropertiesWhole(file, bytes)) damaged.push_back(entry.path().lexically_normal().string());
  }
  // No directory yet: a database that is to be created.
  if (error && error != std::errc::no_such_file_or_directory) {
    return Unavailable("cannot read " + directory + ": " + error.message());
  }
  return damaged;
}

std::shared_ptr<rocksdb::FileSystem> WithoutFiles(const std::shared_ptr<rocksdb::FileSystem>& base,
                                                  std::vector<std::string> files) {
  return std::make_shared<RestOfFiles>(base, std::move(files));
}

}  // namespace tessera::store

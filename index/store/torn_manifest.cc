#include "index/store/torn_manifest.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "index/store/log_files.h"

namespace tessera::store {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// The first `left` bytes of a file, from front to back.
class FirstBytes final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  FirstBytes(std::unique_ptr<rocksdb::FSSequentialFile> file, uint64_t left)
      : FSSequentialFileOwnerWrapper(std::move(file)), left_(left) {}

  IOStatus Read(size_t bytes, const IOOptions& options, rocksdb::Slice* result, char* scratch,
                IODebugContext* debug) override {
    const auto most = static_cast<size_t>(std::min<uint64_t>(bytes, left_));
    IOStatus read = FSSequentialFileOwnerWrapper::Read(most, options, result, scratch, debug);
    if (read.ok()) left_ -= result->size();
    return read;
  }
  IOStatus Skip(uint64_t bytes) override {
    const uint64_t most = std::min(bytes, left_);
    left_ -= most;
    return FSSequentialFileOwnerWrapper::Skip(most);
  }

 private:
  uint64_t left_;
};

class WholeManifests final : public rocksdb::FileSystemWrapper {
 public:
  explicit WholeManifests(const std::shared_ptr<rocksdb::FileSystem>& base) : FileSystemWrapper(base) {}
  const char* Name() const override { return "WholeManifests"; }

  IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file, IODebugContext* debug) override {
    IOStatus opened = target()->NewSequentialFile(name, options, file, debug);
    if (!opened.ok() || !std::filesystem::path(name).filename().string().starts_with("MANIFEST-")) return opened;
    std::string bytes;
    opened = rocksdb::ReadFileToString(target(), name, &bytes);
    if (!opened.ok()) return opened;
    const size_t whole = BytesBeforeTornEnd(bytes);
    if (whole < bytes.size()) *file = std::make_unique<FirstBytes>(std::move(*file), whole);
    return opened;
  }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> WithoutTornEnds(const std::shared_ptr<rocksdb::FileSystem>& base) {
  return std::make_shared<WholeManifests>(base);
}

}  // namespace tessera::store

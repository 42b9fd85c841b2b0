#include "index/store/ingested_files.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tessera::store {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

namespace {

// A staged file, whose failed and short reads are noted.
class StagedFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  StagedFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, IngestedFiles& files, std::string name, uint64_t size)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), files_(files), name_(std::move(name)), size_(size) {}

  IOStatus Read(uint64_t offset, size_t bytes, const IOOptions& options, rocksdb::Slice* result, char* scratch,
                IODebugContext* debug) const override {
    const IOStatus read = FSRandomAccessFileOwnerWrapper::Read(offset, bytes, options, result, scratch, debug);
    const uint64_t there = size_ - std::min(size_, offset);
    if (!read.ok() || result->size() < std::min<uint64_t>(bytes, there)) files_.NoteFailedRead(name_);
    return read;
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* debug) override {
    for (size_t i = 0; i < count; ++i) {
      rocksdb::FSReadRequest& r = requests[i];
      r.status = Read(r.offset, r.len, options, &r.result, r.scratch, debug);
    }
    return IOStatus::OK();
  }

 private:
  IngestedFiles& files_;
  const std::string name_;
  const uint64_t size_;
};

}  // namespace

IOStatus IngestedFiles::NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                                            std::unique_ptr<rocksdb::FSRandomAccessFile>* file, IODebugContext* debug) {
  IOStatus opened = target()->NewRandomAccessFile(name, options, file, debug);
  if (!opened.ok() || !name.starts_with(staging_)) return opened;
  uint64_t size = 0;
  opened = target()->GetFileSize(name, options.io_options, &size, debug);
  if (opened.ok()) *file = std::make_unique<StagedFile>(std::move(*file), *this, name, size);
  return opened;
}

void IngestedFiles::NoteFailedRead(const std::string& staged) {
  std::lock_guard lock(mutex_);
  unread_.insert(staged);
}

IOStatus IngestedFiles::LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                                 IODebugContext* debug) {
  {
    std::lock_guard lock(mutex_);
    if (unread_.contains(from)) return IOStatus::IOError(from, "could not be read");
  }
  const IOStatus linked = target()->LinkFile(from, to, options, debug);
  if (linked.ok() && from.starts_with(staging_)) {
    std::lock_guard lock(mutex_);
    links_[to] = {from, false};
  }
  return linked;
}

IOStatus IngestedFiles::DeleteFile(const std::string& name, const IOOptions& options, IODebugContext* debug) {
  {
    std::lock_guard lock(mutex_);
    if (const auto found = links_.find(name); found != links_.end()) {
      found->second.kept = true;
      return IOStatus::OK();
    }
  }
  const IOStatus deleted = target()->DeleteFile(name, options, debug);
  if (name.starts_with(staging_) && deleted.ok()) {
    std::lock_guard lock(mutex_);
    std::erase_if(links_, [&](const auto& link) { return link.second.staged == name; });
    unread_.erase(name);
  }
  return deleted;
}

IOStatus IngestedFiles::RemoveKept() {
  std::vector<std::string> kept;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, link] : links_) {
      if (link.kept) kept.push_back(name);
    }
    std::erase_if(links_, [](const auto& link) { return link.second.kept; });
  }
  for (const std::string& name : kept) {
    if (IOStatus deleted = target()->DeleteFile(name, {}, nullptr); !deleted.ok()) return deleted;
  }
  return IOStatus::OK();
}

}  // namespace tessera::store

#include "index/store/watched_files.h"

#include <algorithm>
#include <utility>

#include "index/base/failpoint.h"

namespace tessera::store {
namespace {

class WatchedFile final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  WatchedFile(std::unique_ptr<rocksdb::FSSequentialFile> file, ReadWatch& watch)
      : FSSequentialFileOwnerWrapper(std::move(file)), watch_(watch) {}

  rocksdb::IOStatus Read(size_t size, const rocksdb::IOOptions& options, rocksdb::Slice* result,
                         char* scratch, rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus read =
        FSSequentialFileOwnerWrapper::Read(size, options, result, scratch, debug);
    if (read.ok() && !watch_.OnRead(result->size()).ok()) return rocksdb::IOStatus::Aborted("stopped");
    return read;
  }

 private:
  ReadWatch& watch_;
};

}  // namespace

Status ReadWatch::OnRead(uint64_t bytes) {
  Status status = transfer_.check ? transfer_.check() : OkStatus();
  if (status.ok()) status = Failpoint(failpoint_);
  if (!status.ok()) {
    std::lock_guard lock(mutex_);
    if (cause_.ok()) cause_ = status;
    return status;
  }
  const uint64_t read = read_ += bytes;
  // The end is told when it is reached: how much is read is known only about.
  if (transfer_.progress && total_ > 0) {
    transfer_.progress(std::min(0.99, static_cast<double>(read) / static_cast<double>(total_)));
  }
  return status;
}

Status ReadWatch::cause() const {
  std::lock_guard lock(mutex_);
  return cause_;
}

rocksdb::IOStatus WatchedFs::NewSequentialFile(const std::string& name,
                                               const rocksdb::FileOptions& options,
                                               std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                               rocksdb::IODebugContext* debug) {
  const rocksdb::IOStatus opened =
      FileSystemWrapper::NewSequentialFile(name, options, file, debug);
  if (opened.ok()) *file = std::make_unique<WatchedFile>(std::move(*file), watch_);
  return opened;
}

std::unique_ptr<rocksdb::Env> WatchedEnv(rocksdb::Env& base, ReadWatch& watch) {
  return rocksdb::NewCompositeEnv(std::make_shared<WatchedFs>(base.GetFileSystem(), watch));
}

}  // namespace tessera::store

#include "index/store/sink_files.h"

#include <rocksdb/file_system.h>

#include <string>
#include <utility>
#include <vector>

namespace tessera::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr std::string_view kTemporary = ".tmp";

class SinkFile final : public rocksdb::FSWritableFile {
 public:
  SinkFile(FileSink& sink, Status& cause) : sink_(sink), cause_(cause) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions&, IODebugContext*) override {
    size_ += data.size();
    return Pass(sink_.Append({data.data(), data.size()}));
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Truncate(uint64_t, const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    if (closed_) return IOStatus::OK();
    closed_ = true;
    return Pass(sink_.End());
  }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

 private:
  IOStatus Pass(const Status& status) {
    if (status.ok()) return IOStatus::OK();
    if (cause_.ok()) cause_ = status;
    return IOStatus::Aborted("the sink failed");
  }

  FileSink& sink_;
  Status& cause_;
  uint64_t size_ = 0;
  bool closed_ = false;
};

class NoDirectory final : public rocksdb::FSDirectory {
 public:
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
};

class SinkFs final : public rocksdb::FileSystemWrapper {
 public:
  SinkFs(FileSink& sink, Status& cause)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), sink_(sink), cause_(cause) {}
  const char* Name() const override { return "SinkFs"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext*) override {
    std::string name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(kTemporary)) name.resize(name.size() - kTemporary.size());
    if (const Status begun = sink_.Begin(name); !begun.ok()) {
      if (cause_.ok()) cause_ = begun;
      return IOStatus::Aborted("the sink failed");
    }
    *file = std::make_unique<SinkFile>(sink_, cause_);
    return IOStatus::OK();
  }
  IOStatus NewDirectory(const std::string&, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext*) override {
    *directory = std::make_unique<NoDirectory>();
    return IOStatus::OK();
  }
  IOStatus GetChildren(const std::string&, const IOOptions&, std::vector<std::string>* names,
                       IODebugContext*) override {
    names->clear();
    return IOStatus::OK();
  }
  IOStatus FileExists(const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotFound();
  }
  IOStatus CreateDir(const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus CreateDirIfMissing(const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string&, const std::string&, const IOOptions&,
                      IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  FileSink& sink_;
  Status& cause_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> SinkEnv(FileSink& sink, Status& cause) {
  return rocksdb::NewCompositeEnv(std::make_shared<SinkFs>(sink, cause));
}

}  // namespace tessera::store

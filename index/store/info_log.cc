#include "index/store/info_log.h"

#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <mutex>

namespace tessera::store {
namespace {

constexpr long kMostBytes = 1 << 20;

class InfoLog final : public rocksdb::Logger {
 public:
  explicit InfoLog(std::string path) : Logger(rocksdb::WARN_LEVEL), path_(std::move(path)) {}
  ~InfoLog() override { CloseFile(); }

  using Logger::Logv;
  void Logv(const char* format, va_list args) override {
    std::lock_guard lock(mutex_);
    if (!file_ && !OpenFile()) return;
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char time[32];
    std::strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ ", &parts);
    std::fputs(time, file_);
    std::vfprintf(file_, format, args);
    std::fputc('\n', file_);
    // A disk that was full may have space again: then the next note begins with a new file.
    if (std::fflush(file_) != 0) return CloseFile();
    if (std::ftell(file_) < kMostBytes) return;
    CloseFile();
    (void)std::rename(path_.c_str(), (path_ + ".old").c_str());
  }

 private:
  bool OpenFile() {
    file_ = std::fopen(path_.c_str(), "ae");
    return file_ != nullptr;
  }
  void CloseFile() {
    if (file_) (void)std::fclose(file_);
    file_ = nullptr;
  }

  const std::string path_;
  std::mutex mutex_;
  std::FILE* file_ = nullptr;  // guarded by mutex_; null until there is something to say
};

}  // namespace

std::shared_ptr<rocksdb::Logger> OpenInfoLog(const std::string& database) {
  return std::make_shared<InfoLog>(database + "/LOG");
}

}  // namespace tessera::store

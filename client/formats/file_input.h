// Sequential bytes of a file, pipe or standard input, by read(2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "index/status.h"

namespace tessera::formats {

// Where bytes come from. One thread at a time.
class ByteInput {
 public:
  virtual ~ByteInput() = default;
  // Fills up to n > 0 bytes, at least one unless at the end (0).
  virtual StatusOr<size_t> Read(uint8_t* out, size_t n) = 0;
};

class FileInput final : public ByteInput {
 public:
  // "-" is standard input, which is not closed. NotFound or FailedPrecondition with the system's
  // reason.
  static StatusOr<std::unique_ptr<FileInput>> Open(const std::string& path);
  ~FileInput() override;
  FileInput(const FileInput&) = delete;
  FileInput& operator=(const FileInput&) = delete;

  StatusOr<size_t> Read(uint8_t* out, size_t n) override;
  // Passes over up to n bytes without reading; precondition: size().has_value(). Returns how many,
  // less than n only at the end.
  StatusOr<uint64_t> Seek(uint64_t n);

  const std::string& name() const { return name_; }       // for messages
  std::optional<uint64_t> size() const { return size_; }  // of a regular file, from where we began
  uint64_t position() const { return position_; }         // bytes read or passed over

 private:
  FileInput(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  Status Failed(const std::string& what) const;

  int fd_;
  std::string name_;
  std::optional<uint64_t> size_;
  uint64_t position_ = 0;
};

}  // namespace tessera::formats

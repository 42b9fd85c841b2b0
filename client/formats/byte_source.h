// The bytes of a vector file through one growing window: plain or gzip, file or pipe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "client/formats/file_input.h"
#include "client/formats/gzip_input.h"
#include "client/formats/vector_reader.h"
#include "index/status.h"

namespace tessera::formats {

// Errors end the bytes like the end of the file does, and status() then tells which it was: so
// whatever came before the damage can be used first. One thread at a time.
class ByteSource {
 public:
  // This many bytes after the window may be read (their values mean nothing): simdjson does.
  static constexpr size_t kPadding = 64;

  static StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& path);

  // The next bytes, at least `want` of them unless the source ends before. Valid until the next
  // call of Window or Skip. Memory grows with what was really read, to at most twice the largest
  // `want`.
  std::span<const uint8_t> Window(size_t want);
  // Passes over the first n bytes of the last window; precondition: it has them.
  void Consume(size_t n);
  // Passes over up to n bytes, positioning the file where it can; returns how many.
  uint64_t Skip(uint64_t n);

  // Why the source ended; OK at its true end and before.
  const Status& status() const { return status_; }
  // Of the next byte, counted after decompression.
  uint64_t offset() const { return offset_; }
  const std::string& name() const { return file_->name(); }
  bool compressed() const { return gzip_ != nullptr; }
  // Bytes in all, after decompression; unknown for pipes and gzip.
  std::optional<uint64_t> size() const { return compressed() ? std::nullopt : file_->size(); }
  ReadProgress progress() const { return {file_->position(), file_->size()}; }

 private:
  explicit ByteSource(std::unique_ptr<FileInput> file);
  void Reserve(size_t capacity);
  bool ReadMore();

  std::unique_ptr<FileInput> file_;
  std::unique_ptr<GzipInput> gzip_;
  std::unique_ptr<uint8_t[]> buffer_;  // capacity_ + kPadding bytes, in use: [begin_, end_)
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t offset_ = 0;
  bool ended_ = false;
  Status status_;
};

}  // namespace tessera::formats

// Streaming decompression of gzip data (RFC 1952), several members in a row included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "client/formats/file_input.h"
#include "index/status.h"

namespace tessera::formats {

// True if the bytes begin a gzip member of the deflate method.
bool IsGzip(std::span<const uint8_t> head);

class GzipInput final : public ByteInput {
 public:
  // Decompresses `head` (bytes already read) followed by the rest of `file`, which must outlive it.
  static StatusOr<std::unique_ptr<GzipInput>> Open(FileInput* file, std::span<const uint8_t> head);
  ~GzipInput() override;

  // DataLoss on corrupt, truncated or trailing data, after all bytes before the damage.
  StatusOr<size_t> Read(uint8_t* out, size_t n) override;

 private:
  struct Stream;  // zlib's state stays in the .cc file
  GzipInput(FileInput* file, std::unique_ptr<Stream> stream);
  StatusOr<bool> Refill();
  StatusOr<bool> NextMember();
  Status Damaged(const char* what) const;

  FileInput* file_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace tessera::formats

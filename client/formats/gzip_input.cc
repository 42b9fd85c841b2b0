#include "client/formats/gzip_input.h"

#include <zlib.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace tessera::formats {
namespace {

constexpr size_t kInputBytes = 128 << 10;
constexpr int kGzipWindowBits = 16 + MAX_WBITS;  // zlib's way to say "gzip header and trailer"

}  // namespace

struct GzipInput::Stream {
  z_stream z = {};
  bool initialized = false;
  bool between_members = false;
  bool finished = false;
  std::vector<uint8_t> input;
  ~Stream() {
    if (initialized) inflateEnd(&z);
  }
};

bool IsGzip(std::span<const uint8_t> head) {
  // Magic, method 8 (deflate), no reserved flag. As a little-endian dim the first four bytes would
  // be far above kMaxDim, so no -vecs file is taken for gzip.
  return head.size() >= 4 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 &&
         (head[3] & 0xe0) == 0;
}

GzipInput::GzipInput(FileInput* file, std::unique_ptr<Stream> stream)
    : file_(file), stream_(std::move(stream)) {}
GzipInput::~GzipInput() = default;

StatusOr<std::unique_ptr<GzipInput>> GzipInput::Open(FileInput* file,
                                                     std::span<const uint8_t> head) {
  auto stream = std::make_unique<Stream>();
  if (inflateInit2(&stream->z, kGzipWindowBits) != Z_OK) {
    return ResourceExhausted("zlib cannot start: out of memory");
  }
  stream->initialized = true;
  stream->input.assign(head.begin(), head.end());
  stream->input.resize(std::max(head.size(), kInputBytes));
  stream->z.next_in = stream->input.data();
  stream->z.avail_in = static_cast<uInt>(head.size());
  return std::unique_ptr<GzipInput>(new GzipInput(file, std::move(stream)));
}

Status GzipInput::Damaged(const char* what) const {
  uint64_t at = file_->position() - stream_->z.avail_in;
  return DataLoss(file_->name() + ": " + what + " at compressed offset " + std::to_string(at));
}

// Makes sure that there is input. False at the end of the file.
StatusOr<bool> GzipInput::Refill() {
  z_stream& z = stream_->z;
  if (z.avail_in > 0) return true;
  TESSERA_ASSIGN_OR_RETURN(size_t got, file_->Read(stream_->input.data(), stream_->input.size()));
  z.next_in = stream_->input.data();
  z.avail_in = static_cast<uInt>(got);
  return got > 0;
}

// After the end of a member: false at the end of the file, true if another member follows.
StatusOr<bool> GzipInput::NextMember() {
  TESSERA_ASSIGN_OR_RETURN(bool more, Refill());
  if (!more) return false;
  if (stream_->z.next_in[0] != 0x1f) return Damaged("bytes after the end of the gzip data");
  inflateReset(&stream_->z);
  return true;
}

// Returns as soon as there is any output: an error then meets a call of its own and costs no bytes.
StatusOr<size_t> GzipInput::Read(uint8_t* out, size_t n) {
  z_stream& z = stream_->z;
  const auto limit = static_cast<uInt>(std::min<size_t>(n, 1u << 30));
  z.next_out = out;
  z.avail_out = limit;
  while (z.avail_out == limit && !stream_->finished) {
    if (stream_->between_members) {
      TESSERA_ASSIGN_OR_RETURN(bool another, NextMember());
      stream_->between_members = false;
      stream_->finished = !another;
      continue;
    }
    TESSERA_ASSIGN_OR_RETURN(bool more, Refill());
    if (!more) return Damaged("gzip data ends in the middle");
    int code = inflate(&z, Z_NO_FLUSH);
    stream_->between_members = code == Z_STREAM_END;
    if (code != Z_OK && code != Z_STREAM_END && z.avail_out == limit) {
      return Damaged("corrupt gzip data");
    }
  }
  return limit - z.avail_out;
}

}  // namespace tessera::formats

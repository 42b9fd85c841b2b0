#include "client/formats/byte_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tessera::formats {
namespace {

// Fits in the second-level cache, so that copying rows out of it costs no memory traffic.
constexpr size_t kInitialCapacity = 256 << 10;

}  // namespace

ByteSource::ByteSource(std::unique_ptr<FileInput> file) : file_(std::move(file)) {
  Reserve(kInitialCapacity);
}

StatusOr<std::unique_ptr<ByteSource>> ByteSource::Open(const std::string& path) {
  TESSERA_ASSIGN_OR_RETURN(auto file, FileInput::Open(path));
  std::unique_ptr<ByteSource> source(new ByteSource(std::move(file)));
  std::span<const uint8_t> head = source->Window(4);
  TESSERA_RETURN_IF_ERROR(source->status());
  if (IsGzip(head)) {
    TESSERA_ASSIGN_OR_RETURN(source->gzip_, GzipInput::Open(source->file_.get(), head));
    source->begin_ = source->end_ = 0;
    source->ended_ = false;
  }
  return source;
}

void ByteSource::Reserve(size_t capacity) {
  auto grown = std::make_unique_for_overwrite<uint8_t[]>(capacity + kPadding);
  std::memset(grown.get() + capacity, 0, kPadding);
  if (end_ > begin_) std::memcpy(grown.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  buffer_ = std::move(grown);
  capacity_ = capacity;
}

bool ByteSource::ReadMore() {
  ByteInput* input = gzip_ ? static_cast<ByteInput*>(gzip_.get()) : file_.get();
  StatusOr<size_t> got = input->Read(buffer_.get() + end_, capacity_ - end_);
  if (!got.ok()) status_ = got.status();
  ended_ = !got.ok() || *got == 0;
  if (!ended_) end_ += *got;
  return !ended_;
}

std::span<const uint8_t> ByteSource::Window(size_t want) {
  while (end_ - begin_ < want && !ended_) {
    if (begin_ > 0) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == capacity_) Reserve(2 * capacity_);
    ReadMore();
  }
  return {buffer_.get() + begin_, end_ - begin_};
}

void ByteSource::Consume(size_t n) {
  begin_ += n;
  offset_ += n;
}

uint64_t ByteSource::Skip(uint64_t n) {
  uint64_t done = std::min<uint64_t>(n, end_ - begin_);
  Consume(static_cast<size_t>(done));
  if (done < n && size().has_value() && !ended_) {
    StatusOr<uint64_t> sought = file_->Seek(n - done);
    if (!sought.ok()) {
      status_ = sought.status();
      ended_ = true;
      return done;
    }
    offset_ += *sought;
    return done + *sought;
  }
  while (done < n) {
    uint64_t step = std::min<uint64_t>(n - done, Window(1).size());
    if (step == 0) break;
    Consume(static_cast<size_t>(step));
    done += step;
  }
  return done;
}

}  // namespace tessera::formats

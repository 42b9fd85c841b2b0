// Little- and big-endian integers in byte strings, with bounds checked on reading. Every record on
// disk is written and read through these.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "index/status.h"

namespace tessera {

static_assert(std::endian::native == std::endian::little, "records are written by memcpy");

// crc32c (Castagnoli) of `data`; with the crc of what stands before it, of both together.
uint32_t Crc32c(std::string_view data, uint32_t before = 0);

// Appends to a string it does not own.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  template <typename T>
  void Put(T value) {  // little-endian integer or float
    static_assert(std::is_arithmetic_v<T>);
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    out_.append(raw, sizeof(T));
  }
  void PutBe32(uint32_t v) { Put(__builtin_bswap32(v)); }
  void PutBe64(uint64_t v) { Put(__builtin_bswap64(v)); }
  void PutBytes(const void* data, size_t size) { out_.append(static_cast<const char*>(data), size); }
  // u32 length, then the bytes.
  void PutString(std::string_view s) {
    Put(static_cast<uint32_t>(s.size()));
    PutBytes(s.data(), s.size());
  }
  // u64 count, then the floats.
  void PutFloats(const float* data, size_t count) {
    Put(static_cast<uint64_t>(count));
    PutBytes(data, count * sizeof(float));
  }

 private:
  std::string& out_;
};

// Reads from borrowed bytes. After a failed read ok() is false, and every later read gives zero.
class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}

  template <typename T>
  T Get() {
    static_assert(std::is_arithmetic_v<T>);
    T value{};
    if (Take(sizeof(T))) std::memcpy(&value, in_.data() + pos_ - sizeof(T), sizeof(T));
    return value;
  }
  uint32_t GetBe32() { return __builtin_bswap32(Get<uint32_t>()); }
  uint64_t GetBe64() { return __builtin_bswap64(Get<uint64_t>()); }
  std::string_view GetBytes(size_t size) {
    return Take(size) ? in_.substr(pos_ - size, size) : std::string_view();
  }
  std::string_view GetString() { return GetBytes(Get<uint32_t>()); }
  // False, and not ok, if the count is not `expected` or the bytes are not there.
  template <typename Vector>
  bool GetFloats(Vector& out, uint64_t expected) {
    if (Get<uint64_t>() != expected || expected > remaining() / sizeof(float)) return ok_ = false;
    const std::string_view raw = GetBytes(expected * sizeof(float));
    out.resize(expected);
    if (expected > 0) std::memcpy(out.data(), raw.data(), raw.size());
    return ok_;
  }

  bool ok() const { return ok_; }
  size_t remaining() const { return in_.size() - pos_; }
  std::string_view rest() const { return in_.substr(pos_); }
  // All was read, and nothing failed.
  bool Finished() const { return ok_ && remaining() == 0; }

 private:
  bool Take(size_t size) {
    if (!ok_ || size > remaining()) return ok_ = false;
    pos_ += size;
    return true;
  }
  std::string_view in_;
  size_t pos_ = 0;
  bool ok_ = true;
};

}  // namespace tessera

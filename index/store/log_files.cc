#include "index/store/log_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "index/base/bytes.h"

namespace tessera::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;  // crc, length, type
enum RecordType : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

bool AreZeros(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// Where the whole records end, and why.
struct LogEnd {
  size_t at = 0;
  bool whole = true;           // with the last record of several pieces, and nothing but zeros behind it
  size_t damaged_bytes = 0;    // of a piece there whose checksum is another
};

LogEnd FindEnd(std::string_view bytes) {
  LogEnd end;
  bool inside = false;  // of a record in several pieces
  for (size_t& at = end.at; at < bytes.size();) {
    const size_t left = kBlockBytes - at % kBlockBytes;
    if (left < kHeaderBytes) {
      at += left;
      continue;
    }
    if (bytes.size() - at < kHeaderBytes) return {at, !inside && AreZeros(bytes.substr(at)), 0};
    ByteReader in(bytes.substr(at, kHeaderBytes));
    const auto crc = in.Get<uint32_t>();
    const size_t length = in.Get<uint16_t>();
    const auto type = in.Get<uint8_t>();
    if (type == kZero && length == 0) return {at, !inside && AreZeros(bytes.substr(at)), 0};
    if (type > kLast || kHeaderBytes + length > std::min(left, bytes.size() - at)) return {at, false, 0};
    if (Masked(Crc32c(bytes.substr(at + kHeaderBytes - 1, 1 + length))) != crc) return {at, false, kHeaderBytes + length};
    if ((type == kMiddle || type == kLast) != inside) return {at, false, 0};
    inside = type == kFirst || type == kMiddle;
    at += kHeaderBytes + length;
  }
  end.whole = !inside;
  return end;
}

}  // namespace

bool IsWholeLog(std::string_view bytes) { return FindEnd(bytes).whole; }

size_t BytesBeforeTornEnd(std::string_view bytes) {
  const LogEnd end = FindEnd(bytes);
  if (end.damaged_bytes == 0) return bytes.size();
  const bool torn = AreZeros(bytes.substr(end.at + end.damaged_bytes - 1));
  return torn ? end.at : bytes.size();
}

StatusOr<bool> AreLogsWhole(const std::string& directory) {
  std::string manifest;
  std::getline(std::ifstream(directory + "/CURRENT"), manifest);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".log" && entry.path().filename() != manifest) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (in.bad()) return Unavailable("cannot read " + entry.path().string() + ": " + std::strerror(errno));
    if (!IsWholeLog(bytes)) return false;
  }
  if (error) return Unavailable("cannot read " + directory + ": " + error.message());
  return true;
}

}  // namespace tessera::store

// The number of the last commit that is known to be on disk, in a file beside the database. RocksDB ends the replay of a
// log at the first record whose checksum is wrong, since after a power failure that is where it ends; whether it ended
// there or was damaged, only somebody else can tell.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tessera::store {

inline constexpr char kDurableMarkFile[] = "DURABLE";

// Raise() is not thread-safe. The file is written in place and never synced: a number may be lost, but one that is
// there was durable when it was written.
class DurableMark {
 public:
  // 0: no file, or none that is whole.
  static uint64_t Read(const std::string& directory);
  // The bytes of the file, and the number in them: 0 where they are not whole, or of another version.
  static std::string Encode(uint64_t number);
  static uint64_t Decode(std::string_view bytes);
  // Opens the file, or makes it, unless it is not to be written. Where that fails, nothing is kept.
  DurableMark(const std::string& directory, bool writable);
  ~DurableMark();
  DurableMark(const DurableMark&) = delete;
  DurableMark& operator=(const DurableMark&) = delete;

  void Raise(uint64_t number);

 private:
  int fd_ = -1;
};

}  // namespace tessera::store

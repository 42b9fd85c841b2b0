// What is run on arbitrary bytes: by libFuzzer (preset `fuzz`: programs fuzz_<name>), and over the corpora of tests/fuzz/corpus
// as plain tests. Whatever the bytes are, a target returns; what it finds wrong ends the process.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "index/payload.h"

namespace tessera::fuzz {

struct Target {
  const char* name;
  void (*run)(std::string_view bytes);
};

// Every decoder, parser, reader and conversion, by the folder it is in.
void RunStoreRecords(std::string_view bytes);
void RunEngineRecords(std::string_view bytes);
void RunModels(std::string_view bytes);
void RunQuantizerSpec(std::string_view bytes);
void RunFilter(std::string_view bytes);
void RunPayload(std::string_view bytes);
void RunVectorFile(std::string_view bytes);
void RunRequests(std::string_view bytes);
void RunReplies(std::string_view bytes);
void RunSettings(std::string_view bytes);
void RunBackupArchive(std::string_view bytes);

inline const std::vector<Target>& Targets() {
  static const std::vector<Target> targets = {
      {"store_records", RunStoreRecords}, {"engine_records", RunEngineRecords}, {"models", RunModels},
      {"quantizer_spec", RunQuantizerSpec}, {"filter", RunFilter},           {"payload", RunPayload},
      {"vector_file", RunVectorFile},     {"requests", RunRequests},             {"replies", RunReplies},
      {"settings", RunSettings},          {"backup_archive", RunBackupArchive},
  };
  return targets;
}

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// A file without a disk, as long as this lives.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes);
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

// Fields a to f of each type, g.h without an index, t the partition.
PayloadSchema TypedSchema();

// Takes the first byte as a choice among n.
inline size_t Choose(std::string_view& bytes, size_t n) {
  if (bytes.empty()) return 0;
  const auto first = static_cast<unsigned char>(bytes[0]);
  bytes.remove_prefix(1);
  return first % n;
}

}  // namespace tessera::fuzz

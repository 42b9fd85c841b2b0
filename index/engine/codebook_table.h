// What is known of each codebook of a collection, in one small record; the codebooks' own bytes are records beside
// it, one a version.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "index/codebook.h"
#include "index/engine/code_error.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::engine {

inline constexpr const char* kCodebooksRecord = "codebooks";
std::string CodebookRecord(uint32_t version);  // "codebook/<8 hex digits>"

struct CodebookEntry {
  uint32_t version = 0;
  Generation generation;  // that it serves or served last; 0 = never
  int64_t created_seconds = 0;
  QuantizerSpec asked;
  QuantizerSpec spec;  // resolved
  uint64_t bytes = 0;
  uint32_t checksum = 0;
  uint64_t trained_rows = 0;
  double training_error = 0;
  ErrorSums held_out;
  std::string label;
};

struct CodebookTable {
  uint32_t next_version = 1;
  std::vector<CodebookEntry> entries;  // by version, ascending

  CodebookEntry* Find(uint32_t version);  // null if there is none
  const CodebookEntry* Find(uint32_t version) const;
  // The one that serves `active`; null if there is none (untrained).
  const CodebookEntry* Active(Generation active) const;
  // The one that was in force last before; null if none is kept.
  const CodebookEntry* Previous(Generation active) const;
  void Remove(uint32_t version);
  // Removes what is neither active nor a candidate, has no label, and is not among the `kept` last in force.
  // Returns the versions.
  std::vector<uint32_t> Retire(Generation active, size_t kept);
};

CodebookInfo Describe(const CodebookEntry& entry, Generation active);
// InvalidArgument unless it is short printable ASCII.
Status CheckLabel(const std::string& label);

// Bytes are described in index/engine/README.md. DataLoss.
std::string EncodeCodebooks(const CodebookTable& table);
StatusOr<CodebookTable> DecodeCodebooks(const std::string& bytes);

// The table in force, or why it cannot be read. Thread-safe; changed in an exclusive turn of the committer only.
class CurrentCodebooks {
 public:
  StatusOr<CodebookTable> Get() const {
    std::lock_guard lock(mutex_);
    return table_;
  }
  void Set(StatusOr<CodebookTable> table) {
    std::lock_guard lock(mutex_);
    table_ = std::move(table);
  }

 private:
  mutable std::mutex mutex_;
  StatusOr<CodebookTable> table_ = CodebookTable();
};

}  // namespace tessera::engine

// Whether all that a collection keeps is whole, and agrees with itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "index/deadline.h"
#include "index/executor.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera {

struct VerifyOptions {
  // Encode every vector anew as well, in its list and under the model in force, and compare with the codes kept.
  bool deep = false;
  size_t max_findings = 100;     // told one by one; all are counted
  Executor* executor = nullptr;  // encodes; null = the calling thread
  StopToken stop;                // asked every few thousand rows
  // As TrainingContext::progress. Called on the calling thread; may be empty.
  std::function<void(double fraction, const char* stage)> progress;
};

// Something damaged, missing, or at odds with something else.
struct Finding {
  std::string where;             // family of records, "files" or "memory"
  std::optional<PointId> point;  // that it is about, where its id can be read
  std::optional<uint32_t> list;
  std::string message;
};

// What was read, of the state after `commit`.
struct VerifyReport {
  std::string collection;
  uint64_t commit = 0;
  Generation generation;  // 0: not trained, and neither lists nor codes
  uint64_t files = 0;     // sorted files of RocksDB, block by block
  uint64_t file_bytes = 0;
  uint64_t records = 0;   // small records: spec, model, codebooks, curves
  uint64_t rows = 0;
  uint64_t ids = 0;
  uint64_t vectors = 0;
  uint64_t payloads = 0;
  uint64_t requests = 0;  // kept replies
  uint64_t lists = 0;
  uint64_t assignments = 0;
  uint64_t postings = 0;
  uint64_t memory_rows = 0;    // compared with the lists in memory
  uint64_t encoded_rows = 0;   // encoded anew (deep)
  // Of these the ones whose new code is another, but as near to the vector: the products of matrices that encoding is
  // made of are rounded as the size of the batch and the machine have it, and decide where two codewords are as near.
  uint64_t tied_rows = 0;
  double seconds = 0;

  uint64_t found = 0;  // all findings
  std::vector<Finding> findings;  // the first max_findings

  bool clean() const { return found == 0; }
};

// Of a data directory that nobody has open: the collection, or all of them. Nothing is written. One that cannot even be
// opened is a report with one finding. FailedPrecondition: in use, or of a newer format; NotFound: no such directory or
// collection.
StatusOr<std::vector<VerifyReport>> VerifyData(const std::string& data, const std::string& collection,
                                               const VerifyOptions& options);

}  // namespace tessera

// What is left of a damaged collection, made whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "index/deadline.h"
#include "index/executor.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera {

struct RepairOptions {
  size_t max_lost = 1000;        // lost points told one by one; all are counted
  Executor* executor = nullptr;  // encodes and trains; null = the calling thread
  StopToken stop;
  // As TrainingContext::progress. Called on the calling thread; may be empty.
  std::function<void(double fraction, const char* stage)> progress;
};

struct RepairReport {
  std::string collection;
  uint64_t rows = 0;           // points that are there now, their vectors as they were
  uint64_t kept_codes = 0;     // of them, whose codes were there and are those of their vectors
  uint64_t encoded_rows = 0;   // of them, encoded anew
  uint64_t lost_points = 0;    // whose vector, or id, cannot be read
  std::vector<std::string> lost;  // the first max_lost: an id, or "row 17" where not even the id can be read
  uint64_t lost_payloads = 0;  // of points that are there
  std::vector<std::string> lost_payload_points;  // the first max_lost: ids
  std::vector<std::string> notes;  // what else is not as it was
  bool trained = false;        // no model could be read, and one was trained anew
  std::string damaged;         // the directory that the damaged collection stands in now
};

// Makes the collection anew from its raw vectors: beside the old one, which nothing is written to, and takes its place by
// one rename when all is durable and verifies clean. What was damaged stays, in <data>/damaged, until somebody deletes it:
// there must be room for both. Row ids, versions and codes stay what they were, so that answers do, where only what is
// derived from vectors was damaged. Nobody may have the directory open. Blocks.
// NotFound: no such collection. FailedPrecondition: in use, or of a newer format. DataLoss: cannot be repaired, since not
// even its description can be read; a backup is what helps then.
StatusOr<RepairReport> RepairCollection(const std::string& data, const std::string& collection,
                                        const RepairOptions& options);

}  // namespace tessera

// Bytes accounted against a limit: of a collection, and of all that a catalog holds.
#pragma once

#include <cstdint>
#include <string>

namespace tessera {

struct MemoryBudget {
  uint64_t limit = 0;     // bytes; 0 = none
  uint64_t used = 0;      // by what is in force
  uint64_t reserved = 0;  // by what is under way: trainings, evaluations, restores
  uint64_t refused = 0;   // requests, trainings and restores, for want of memory, since opening
  std::string last_refusal;  // what the last of them was told

  bool exceeded() const { return limit > 0 && used > limit; }
};

// budget.used is the sum of the components.
struct CatalogMemory {
  MemoryBudget budget;
  uint64_t collections = 0;  // MemoryUsage::total() of each
  uint64_t queues = 0;       // writes that wait for their commit
  uint64_t store = 0;        // RocksDB's block cache and memtables: all that they may grow to
};

}  // namespace tessera

// How much of the machine background work may take, and whether it goes on.
#pragma once

#include <cstdint>

#include "index/status.h"

namespace tessera {

struct UpkeepLimits {
  // Of a processor, for each thread that works, above 0 to 1. Below 1 a thread rests after every piece of some milliseconds,
  // as long as queries come: until a second after the last one.
  double cpu_share = 1;
  // Written by RocksDB's flushes (which go first) and compactions, and by backups that have no rate of their own; 0 = no limit.
  // Below the rate of writes it holds up writes, too.
  uint64_t bytes_per_second = 0;
};

// Of all collections of a catalog: trainings, rebuilds, evaluations, tunings, changes of lists, reclaims, backups. Thread-safe.
class Upkeep {
 public:
  virtual ~Upkeep() = default;
  virtual UpkeepLimits limits() const = 0;
  // InvalidArgument names the field.
  virtual Status SetLimits(const UpkeepLimits& limits) = 0;
  // While paused, work under way waits where it is, with the memory that it has, and what begins waits at once; queries
  // and writes go on, and so do flushes and compactions that RocksDB has begun. Work that waits can be cancelled. Not
  // kept over a restart, after which unfinished work is taken up again.
  virtual void Pause() = 0;
  virtual void Resume() = 0;
  virtual bool paused() const = 0;
};

}  // namespace tessera

// Faults of files under one directory, between the program and libc: the calls that RocksDB and the catalog make
// (open, read, write, sync, rename, ...) are defined here anew and go on to libc's unless a fault is due. A program gets
// them by linking this file.
#pragma once

#include <cstdint>
#include <string>

namespace tessera::crash {

enum class Fault {
  kNone,       // calls are counted, that is all
  kIoError,    // EIO from any call
  kNoSpace,    // ENOSPC from calls that need space; from then on statvfs says that nothing is free
  kShortRead,  // half of what was asked for, as at the end of a file; of writes, half is written
  kPowerLoss,  // what was not synced is lost, the last write torn, and the process killed
};

struct FileFaults {
  std::string root;    // absolute; other files are left alone
  Fault fault = Fault::kNone;
  uint64_t at = 0;     // the call that fails, from 1 on, counted among those that the fault applies to
  uint64_t calls = 1;  // that fail from then on
  uint64_t seed = 0;   // of what a power loss keeps
  uint64_t free_bytes = UINT64_MAX;  // what statvfs says at most
};

// From now on; the count begins anew. What happened before is taken as synced. Thread-safe.
//
// A power loss keeps of each file what was synced and a random part of what was appended since, the last bytes of that
// perhaps as zeros; and of each directory a random first part of the entries that were made, renamed or removed since
// its last fsync.
void ArmFileFaults(const FileFaults& faults);

// "io-error", "no-space", "short-read", "power-loss", then ":AT[:CALLS[:SEED]]"; kNone if empty. `root` as above.
FileFaults ParseFileFaults(const std::string& text, const std::string& root);

// Calls since arming that the fault applies to, failed ones included.
uint64_t FileCalls();
// Of these, how many failed.
uint64_t FailedFileCalls();

}  // namespace tessera::crash

// What a process that was killed had said, and whether its files agree.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace tessera::crash {

// With the first every batch of rows is ingested and every delete goes through the log; with the second all
// go through the log.
inline constexpr size_t kIngestAll = 100;
inline constexpr size_t kIngestNone = 1 << 20;

// What the child said before it ended; lives outside the child, as acknowledgements must.
struct Witness {
  std::set<uint64_t> acknowledged;
  std::set<uint64_t> patched;
  std::set<uint64_t> deleted;
  std::map<uint32_t, uint64_t> backups;  // made and not deleted since: batches acknowledged when each was begun
  uint64_t next_batch = 0;
  uint64_t file_calls = 0;  // that a fault could have met, if the child came to its end
  bool killed = false;
  bool failed = false;  // said why and ended by itself
  bool done = false;
};

// How the child's life is made hard: failpoints that it passes, a fault of its files (file_faults.h), a number of
// acknowledgements after which it is killed (0 = never).
struct Hardship {
  std::string failpoints{};
  std::string file_fault{};
  uint64_t kill_after = 0;
  bool backups = false;  // it makes, restores and deletes backups all the time
};

// Runs the child from witness.next_batch on. A failure of the test if it ends otherwise than by SIGKILL, in peace, or,
// with a fault of its files, by saying what failed.
void RunChild(const std::string& directory, const Hardship& hardship, uint64_t batches, size_t ingest_rows,
              Witness& witness);

// Opens what the dead process left and compares it with the witness.
void Check(const std::string& directory, const Witness& witness);

// Of a long run: a line for every fiftieth round that is over.
void TellProgress(uint64_t rounds_done, uint64_t rounds);

}  // namespace tessera::crash

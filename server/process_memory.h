// What the process occupies, as the kernel counts it.
#pragma once

#include <cstdint>
#include <string>

namespace tessera::server {

struct ProcessMemory {
  uint64_t resident = 0;       // bytes in RAM
  uint64_t anonymous = 0;      // of these, not backed by a file
  uint64_t peak_resident = 0;  // since the start
};

// The fields of the text of /proc/<pid>/status; 0 where absent.
ProcessMemory ParseProcessStatus(const std::string& text);
// Of this process.
ProcessMemory ReadProcessMemory();

// Tells malloc to keep few arenas and to give large blocks back at once. Call first thing in
// main().
void LimitHeapGrowth();
// Gives free heap pages back to the system. Takes milliseconds; for idle moments.
void TrimHeap();

}  // namespace tessera::server

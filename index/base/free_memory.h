// Memory that was freed, given back to the operating system.
#pragma once

namespace tessera {

// What the allocator keeps for later allocations leaves the process. Takes a millisecond a few MiB; a no-op where the
// allocator has no such call. Thread-safe.
void ReturnFreeMemory();

}  // namespace tessera

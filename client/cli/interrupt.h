// Ctrl-C as a request, for commands that have something to bring to an end first.
#pragma once

#include <atomic>

namespace tessera::cli {

// Set by the signal handler, never reset.
extern std::atomic<bool> interrupt_flag;
inline bool InterruptRequested() { return interrupt_flag.load(std::memory_order_relaxed); }

// From now on the first SIGINT or SIGTERM sets the flag; a second one ends the process at once.
void CatchInterrupts();

}  // namespace tessera::cli

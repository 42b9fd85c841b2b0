#include "client/cli/interrupt.h"

#include <signal.h>

namespace tessera::cli {

std::atomic<bool> interrupt_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "written by a signal handler");

void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupt_flag.store(true, std::memory_order_relaxed); };
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace tessera::cli

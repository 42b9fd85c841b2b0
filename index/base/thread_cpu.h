// CPU time of the calling thread, for measurements that must not see who else runs.
#pragma once

#include <time.h>

namespace tessera {

inline double ThreadCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace tessera

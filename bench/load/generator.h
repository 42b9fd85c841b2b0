// Sends a workload to a server, in a closed or an open loop.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/load/workload.h"
#include "index/status.h"

namespace tessera::bench {

struct LoadOptions {
  std::string address;
  pid_t server = -1;       // whose processor time is read
  double seconds = 2;      // measured, after the warm-up
  double warmup = 0.5;     // seconds
  size_t connections = 1;  // requests go over them in turn
  // Closed loop: as many requests are under way at any time, and one thread does it all.
  size_t outstanding = 8;
  // Open loop if above 0: requests a second, sent at fixed times whether replies come or not.
  // Latency counts from the time when a request should have been sent. Two threads.
  double rate = 0;
};

struct LoadResult {
  uint64_t requests = 0;  // answered in the measured time, errors included
  uint64_t errors = 0;    // of the whole run
  std::string first_error;
  double seconds = 0;
  double server_cpu = 0;           // seconds
  double client_cpu = 0;           // of this process
  std::vector<double> latency_us;  // ascending, one a request
  size_t reply_bytes = 0;          // of the last good reply

  // Of the latencies, p in [0, 1]. 0 if there are none.
  double Percentile(double p) const;
};

// Blocks. Unavailable if the server cannot be reached, NotFound if its process is gone.
StatusOr<LoadResult> RunLoad(const Workload& workload, const LoadOptions& options);

}  // namespace tessera::bench

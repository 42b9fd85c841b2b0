// A server as a child of the benchmark, and the processor time of any process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "index/status.h"

namespace tessera::bench {

// User and system time of all threads of a process, those that have ended included, in seconds:
// what getrusage says, in nanoseconds and of a process that still runs.
StatusOr<double> CpuSeconds(pid_t pid);

// A program that writes its address to the file of `--port-file` once it serves. One thread.
class ServerProcess {
 public:
  // words: program and arguments, to which --listen and --port-file are added. Waits until it
  // serves; Unavailable if it ends before.
  static StatusOr<ServerProcess> Start(std::vector<std::string> words);
  ServerProcess(ServerProcess&& other) noexcept;
  ServerProcess& operator=(ServerProcess&&) = delete;
  ~ServerProcess();  // SIGTERM, and waits

  pid_t pid() const { return pid_; }
  const std::string& address() const { return address_; }

 private:
  ServerProcess(pid_t pid, std::string address) : pid_(pid), address_(std::move(address)) {}

  pid_t pid_ = -1;
  std::string address_;
};

}  // namespace tessera::bench

#include "bench/load/process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

extern char** environ;

namespace tessera::bench {
namespace {

constexpr std::chrono::milliseconds kPoll{20};

// A name that no other process has; the server makes the file.
std::string PortFile() {
  const char* folder = std::getenv("TMPDIR");
  static int count = 0;
  return std::string(folder != nullptr ? folder : "/tmp") + "/bench_load." +
         std::to_string(getpid()) + "." + std::to_string(count++);
}

StatusOr<pid_t> Spawn(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ);
  if (error != 0) return NotFound("cannot start " + words[0] + ": " + std::strerror(error));
  return pid;
}

StatusOr<std::string> WaitForAddress(pid_t pid, const std::string& port_file) {
  for (;;) {
    std::string address;
    if (std::ifstream file(port_file); std::getline(file, address)) return address;
    if (waitpid(pid, nullptr, WNOHANG) == pid) {
      return Unavailable("the server ended before it served");
    }
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

StatusOr<double> CpuSeconds(pid_t pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return NotFound("no process " + std::to_string(pid));
  }
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

StatusOr<ServerProcess> ServerProcess::Start(std::vector<std::string> words) {
  const std::string port_file = PortFile();
  words.insert(words.end(), {"--listen", "127.0.0.1:0", "--port-file", port_file});
  TESSERA_ASSIGN_OR_RETURN(const pid_t pid, Spawn(words));
  StatusOr<std::string> address = WaitForAddress(pid, port_file);
  std::remove(port_file.c_str());
  if (!address.ok()) return address.status();
  return ServerProcess(pid, *std::move(address));
}

ServerProcess::ServerProcess(ServerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), address_(std::move(other.address_)) {}

ServerProcess::~ServerProcess() {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace tessera::bench

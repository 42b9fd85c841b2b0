// tesserad. Exit codes: 0 clean, 1 failure, 2 usage.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>

#include "index/catalog.h"
#include "index/simd/kernels.h"
#include "server/config.h"
#include "server/log.h"
#include "server/maintenance.h"
#include "server/process_memory.h"
#include "server/server.h"

namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

int signal_pipe[2];
std::atomic<int> signals_seen{0};

// The first signal wakes main(); who sends a second does not want to wait.
void OnSignal(int) {
  if (signals_seen.fetch_add(1) > 0) _exit(kFailure);
  const char byte = 0;
  if (write(signal_pipe[1], &byte, 1) != 1) _exit(kFailure);
}

bool CatchSignals() {
  if (pipe2(signal_pipe, O_CLOEXEC) != 0) return false;
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigemptyset(&action.sa_mask);
  return sigaction(SIGTERM, &action, nullptr) == 0 && sigaction(SIGINT, &action, nullptr) == 0;
}

void WaitForSignal() {
  char byte;
  while (read(signal_pipe[0], &byte, 1) < 0) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tessera::server;
  LimitHeapGrowth();
  signal(SIGPIPE, SIG_IGN);  // a closed log pipe or connection is no reason to die
  if (const auto code = RunMaintenance(argc, argv)) return *code;
  const ParsedConfig parsed = ParseConfig(argc, argv);
  if (!parsed.config) {
    std::fputs(parsed.text.c_str(), parsed.exit_code == 0 ? stdout : stderr);
    return parsed.exit_code;
  }
  InitLog(parsed.config->log_level);
  if (const tessera::Status kernels = tessera::simd::InitKernels(); !kernels.ok()) {
    std::fprintf(stderr, "tesserad: %s\n", tessera::MessageOf(kernels).c_str());
    return kUsage;
  }
  // Before the start, so that whoever sees the address may send one: it is served when the start is
  // done.
  if (!CatchSignals()) {
    std::perror("tesserad: cannot catch signals");
    return kFailure;
  }
  auto server = Server::Start(*parsed.config, tessera::Catalog::Open);
  if (!server.ok()) {
    std::fprintf(stderr, "tesserad: %s\n", tessera::MessageOf(server.status()).c_str());
    return kFailure;
  }
  WaitForSignal();
  LogInfo("signal received, shutting down; a second one exits at once");
  (*server)->Stop();
  return 0;
}

// bench_load: what a query costs through gRPC, beside the library alone and a gRPC echo, in turn.
#include <cstdio>
#include <memory>
#include <optional>
#include <sstream>

#include "bench/load/echo_server.h"
#include "bench/load/generator.h"
#include "bench/load/library_run.h"
#include "bench/load/options.h"
#include "bench/load/process.h"
#include "bench/load/report.h"
#include "bench/load/workload.h"

namespace tessera::bench {
namespace {

// Where one mode is sent.
struct Target {
  std::string mode;
  Workload workload;
  LoadOptions load;
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  Status Run(const char* self) {
    TESSERA_ASSIGN_OR_RETURN(queries_, ReadQueries(options_.queries, options_.max_queries));
    if (!options_.library.empty()) {
      TESSERA_ASSIGN_OR_RETURN(LibraryRun library,
                               LibraryRun::Open(options_.library, options_.collection));
      library_.emplace(std::move(library));
    }
    TESSERA_RETURN_IF_ERROR(StartServer());
    TESSERA_RETURN_IF_ERROR(AddTargets(self));
    for (size_t round = 0; round < options_.rounds; ++round) TESSERA_RETURN_IF_ERROR(Round());
    report_.Print();
    return OkStatus();
  }

 private:
  bool Wants(const char* mode) const { return options_.mode == "all" || options_.mode == mode; }

  Status StartServer() {
    if (options_.tesserad.empty()) {
      address_ = options_.server;
      pid_ = options_.server_pid;
      return OkStatus();
    }
    std::vector<std::string> words = {options_.tesserad, "--data", options_.data, "--log-level",
                                      "warn"};
    std::istringstream more(options_.server_flags);
    for (std::string word; more >> word;) words.push_back(word);
    TESSERA_ASSIGN_OR_RETURN(ServerProcess started, ServerProcess::Start(std::move(words)));
    server_.emplace(std::move(started));
    address_ = server_->address();
    pid_ = server_->pid();
    return OkStatus();
  }

  LoadOptions LoadOf(const std::string& address, pid_t pid, size_t outstanding) const {
    LoadOptions load;
    load.address = address;
    load.server = pid;
    load.seconds = options_.seconds;
    load.connections = options_.connections;
    load.outstanding = outstanding;
    load.rate = options_.rate;
    return load;
  }

  Status AddTargets(const char* self) {
    TESSERA_ASSIGN_OR_RETURN(const Workload single,
                             QueryWorkload(queries_, options_.collection, options_.params, 0));
    const LoadOptions load = LoadOf(address_, pid_, options_.outstanding);
    if (Wants("echo")) {
      // A short run first tells how large the replies are.
      LoadOptions probe = load;
      probe.rate = 0;
      probe.seconds = 0.1;
      TESSERA_ASSIGN_OR_RETURN(const LoadResult probed, RunLoad(single, probe));
      if (probed.errors > 0) return Unavailable("query: " + probed.first_error);
      TESSERA_ASSIGN_OR_RETURN(ServerProcess echo, ServerProcess::Start({self}));
      echo_.emplace(std::move(echo));
      targets_.push_back({"echo", EchoWorkload(single, probed.reply_bytes),
                          LoadOf(echo_->address(), echo_->pid(), options_.outstanding)});
    }
    if (Wants("query")) targets_.push_back({"query", single, load});
    if (!Wants("batch")) return OkStatus();
    TESSERA_ASSIGN_OR_RETURN(Workload batches, QueryWorkload(queries_, options_.collection,
                                                             options_.params, options_.batch));
    // A rate is of single requests: batches stay in a closed loop beside them.
    LoadOptions batch_load = LoadOf(address_, pid_, options_.batch_outstanding);
    if (options_.mode == "all") batch_load.rate = 0;
    targets_.push_back({"batch", std::move(batches), batch_load});
    return OkStatus();
  }

  Status Round() {
    for (const Target& target : targets_) {
      if (library_ && target.mode != "echo") {
        const size_t batch = target.mode == "batch" ? options_.batch : 0;
        TESSERA_ASSIGN_OR_RETURN(
            const double us,
            library_->CpuMicroseconds(queries_, options_.params, batch, options_.seconds / 2));
        report_.AddLibrary(target.mode, us);
      }
      TESSERA_ASSIGN_OR_RETURN(const LoadResult result, RunLoad(target.workload, target.load));
      if (result.errors > 0) {
        std::fprintf(stderr, "bench_load: %s: %llu errors, first: %s\n", target.mode.c_str(),
                     static_cast<unsigned long long>(result.errors), result.first_error.c_str());
      }
      report_.Add(target.mode, result, target.workload.queries_per_request);
    }
    return OkStatus();
  }

  const Options& options_;
  QuerySet queries_;
  std::optional<LibraryRun> library_;
  std::optional<ServerProcess> server_;
  std::optional<ServerProcess> echo_;
  std::string address_;
  pid_t pid_ = -1;
  std::vector<Target> targets_;
  Report report_;
};

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  using namespace tessera::bench;
  Options options;
  if (const int code = ParseOptions(argc, argv, options); code != 0) return code - 1;
  if (!options.echo_port_file.empty()) return ServeEcho(options.listen, options.echo_port_file);
  const tessera::Status status = Bench(options).Run(argv[0]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "bench_load: %s\n", tessera::MessageOf(status).c_str());
  return 1;
}

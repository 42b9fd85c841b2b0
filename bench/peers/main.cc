// bench_peers: see README.md beside.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/peers/contest.h"
#include "bench/peers/options.h"
#include "bench/report/machine.h"
#include "bench/report/row.h"

namespace tessera::bench {
namespace {

void Log(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream out(path);
  out << text;
  out.close();
  return out ? OkStatus() : Unavailable("--csv: cannot write " + path);
}

Status Run(const PeerOptions& options) {
  std::vector<std::string> comments = MachineFacts();
  TESSERA_ASSIGN_OR_RETURN(const Contest contest, RunContest(options, Log));
  comments.insert(comments.end(), contest.remarks.begin(), contest.remarks.end());
  comments.push_back("command: OMP_NUM_THREADS=1 " + options.run.command);
  for (const std::string& line : comments) std::printf("# %s\n", line.c_str());
  std::printf("%s", ToTable(contest.rows).c_str());
  if (options.run.csv.empty() || options.build_only) return OkStatus();
  return WriteFile(options.run.csv, ToCsv(comments, contest.rows));
}

int Main(const std::vector<std::string>& args) {
  std::string help;
  const StatusOr<PeerOptions> options = ParsePeerOptions(args, help);
  if (!help.empty()) {
    std::printf("%s", help.c_str());
    return 0;
  }
  if (!options.ok()) {
    Log("bench_peers: " + MessageOf(options.status()));
    return 2;
  }
  // Faiss' OpenMP and OpenBLAS read it when they are loaded: later is too late.
  const char* threads = std::getenv("OMP_NUM_THREADS");
  if (threads == nullptr || std::string_view(threads) != "1") {
    Log("bench_peers: run it with OMP_NUM_THREADS=1, one thread is what is compared");
    return 2;
  }
  const Status status = Run(*options);
  if (!status.ok()) Log("bench_peers: " + MessageOf(status));
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) { return tessera::bench::Main({argv + 1, argv + argc}); }

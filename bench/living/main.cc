// A collection that lives: what rows that come, go and drift do to recall, memory and disk. README.md has the commands.
#include <cstdio>
#include <string>
#include <vector>

#include "bench/living/living.h"

namespace {

constexpr const char* kUsage =
    "usage: bench_living replaced|deleted|deleted-clusters|drift BASE QUERIES DIRECTORY [QUANTIZER] [ROWS] [background]\n"
    "       bench_living stream BASE QUERIES DIRECTORY [QUANTIZER] [SHARE] [ROWS]\n"
    "       bench_living reclaim BASE DIRECTORY [QUANTIZER] [ROWS]\n";

}  // namespace

int main(int argc, char** argv) {
  using namespace tessera::bench;
  const std::vector<std::string> args(argv + 1, argv + argc);
  const std::string what = args.empty() ? "" : args[0];
  const std::vector<std::string> rest(args.begin() + (args.empty() ? 0 : 1), args.end());
  const bool streams = what == "stream";
  const bool reclaims = what == "reclaim";
  if (args.size() < (reclaims ? 3u : 4u)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const tessera::Status status = streams ? RunStream(rest) : reclaims ? RunReclaim(rest) : RunRecall(args);
  if (!status.ok()) std::fprintf(stderr, "bench_living: %s\n", tessera::MessageOf(status).c_str());
  return status.ok() ? 0 : 1;
}

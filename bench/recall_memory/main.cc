// bench_recall_memory: see README.md beside.
#include <cstdio>
#include <string>
#include <vector>

#include "bench/recall_memory/code_trial.h"
#include "bench/recall_memory/options.h"
#include "bench/recall_memory/result_file.h"
#include "bench/report/machine.h"
#include "index/simd/kernels.h"

namespace tessera::bench {
namespace {

void Log(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

std::vector<std::string> Comments(const Options& options) {
  std::vector<std::string> lines = MachineFacts();
  lines.push_back(std::string("instruction set: ") + simd::ActiveKernels().name);
  if (!options.commit.empty()) lines.push_back("commit: " + options.commit);
  lines.push_back("command: " + options.command);
  return lines;
}

Status Run(const LadderOptions& options) {
  TESSERA_ASSIGN_OR_RETURN(ResultFile file,
                           ResultFile::Open(options.run.csv, Comments(options.run)));
  std::vector<std::string> missing;
  for (const std::string& spec : options.specs) {
    if (!file.Has(options.run.name, spec, options.speed)) missing.push_back(spec);
  }
  if (missing.empty()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const auto subject, Subject::Open(options.run, Log));
  TESSERA_ASSIGN_OR_RETURN(const LadderData data,
                           ReadLadderData(options, subject->collection().Count()));
  for (size_t i = 0; i < missing.size(); ++i) {
    Log(options.run.name + " " + missing[i] + " (" + std::to_string(i + 1) + " of " +
        std::to_string(missing.size()) + ")");
    TESSERA_ASSIGN_OR_RETURN(const std::vector<Row> rows,
                             MeasureSpec(options, missing[i], data, *subject, Log));
    TESSERA_RETURN_IF_ERROR(file.Append(rows));
    std::fprintf(stderr, "%s", ToTable(rows).c_str());
  }
  return OkStatus();
}

int Main(const std::vector<std::string>& args) {
  std::string help;
  const StatusOr<LadderOptions> options = ParseLadderOptions(args, help);
  if (!help.empty()) {
    std::printf("%s", help.c_str());
    return 0;
  }
  if (!options.ok()) {
    Log("bench_recall_memory: " + MessageOf(options.status()));
    return 2;
  }
  const Status status = Run(*options);
  if (!status.ok()) Log("bench_recall_memory: " + MessageOf(status));
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) { return tessera::bench::Main({argv + 1, argv + argc}); }

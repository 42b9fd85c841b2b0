// bench_ann: see bench/README.md.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "bench/ann/options.h"
#include "bench/ann/queries.h"
#include "bench/ann/subject.h"
#include "bench/ann/sweep.h"
#include "bench/report/machine.h"
#include "bench/report/row.h"
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

Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream out(path);
  out << text;
  out.close();
  return out ? OkStatus() : Unavailable("--csv: cannot write " + path);
}

Status Run(const Options& options) {
  const std::vector<std::string> comments = Comments(options);
  TESSERA_ASSIGN_OR_RETURN(const auto subject, Subject::Open(options, Log));
  const uint64_t base_rows = subject->collection().Count();
  TESSERA_ASSIGN_OR_RETURN(QuerySet queries, ReadQueries(options, base_rows));
  if (options.truth.empty()) {
    Log("true neighbours by exact search of " + std::to_string(queries.size()) + " queries");
    TESSERA_RETURN_IF_ERROR(ComputeTruth(subject->collection(), options.k, queries));
  }
  std::vector<Trial> trials = AllTrials(options);
  if (!options.tune_recall.empty()) {
    const size_t half = queries.size() / 2;
    if (half == 0) return InvalidArgument("--tune-recall needs at least two queries");
    TESSERA_ASSIGN_OR_RETURN(trials, Tune(*subject, queries.Part(0, half), options, Log));
    queries = queries.Part(half, queries.size() - half);
  }
  TESSERA_ASSIGN_OR_RETURN(const std::vector<Row> rows, Sweep(*subject, queries, options, trials));
  for (const std::string& line : comments) std::printf("# %s\n", line.c_str());
  std::printf("%s", ToTable(rows).c_str());
  return options.csv.empty() ? OkStatus() : WriteFile(options.csv, ToCsv(comments, rows));
}

int Main(const std::vector<std::string>& args) {
  std::string help;
  const StatusOr<Options> options = ParseOptions(args, help);
  if (!help.empty()) {
    std::printf("%s", help.c_str());
    return 0;
  }
  if (!options.ok()) {
    Log("bench_ann: " + MessageOf(options.status()));
    return 2;
  }
  const Status status = Run(*options);
  if (!status.ok()) Log("bench_ann: " + MessageOf(status));
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) { return tessera::bench::Main({argv + 1, argv + argc}); }

// bench_plot: see bench/README.md.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "bench/plot/series.h"

namespace tessera::bench {
namespace {

struct Arguments {
  std::vector<std::string> files;
  std::string speed;
  std::string bytes;
  PlotChoice choice;
};

StatusOr<std::vector<Result>> ReadAll(const std::vector<std::string>& files) {
  std::vector<Result> all;
  for (const std::string& file : files) {
    std::ifstream in(file);
    if (!in) return NotFound("cannot read " + file);
    std::ostringstream text;
    text << in.rdbuf();
    TESSERA_ASSIGN_OR_RETURN(
        auto some, ParseResults(text.str(), file, {"engine", "data", "mode", "recall_at_10"}));
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

Status WriteChart(const std::string& path, const StatusOr<Chart>& chart) {
  TESSERA_RETURN_IF_ERROR(chart.status());
  std::ofstream out(path);
  out << ToSvg(*chart);
  out.close();
  return out ? OkStatus() : Unavailable("cannot write " + path);
}

Status Run(const Arguments& arguments) {
  TESSERA_ASSIGN_OR_RETURN(const auto results, ReadAll(arguments.files));
  if (!arguments.speed.empty()) {
    TESSERA_RETURN_IF_ERROR(WriteChart(arguments.speed, SpeedChart(results, arguments.choice)));
  }
  if (arguments.bytes.empty()) return OkStatus();
  return WriteChart(arguments.bytes, BytesChart(results, arguments.choice));
}

int Main(int argc, char** argv) {
  CLI::App app("Charts of result files (CSV) as SVG.", "bench_plot");
  Arguments arguments;
  app.add_option("files", arguments.files, "CSV files of bench_ann or bench/peers")->required();
  app.add_option("--speed", arguments.speed, "SVG to write: recall against QPS");
  app.add_option("--bytes", arguments.bytes, "SVG to write: recall against bytes a vector");
  app.add_option("--data", arguments.choice.data, "data set, if the files have several");
  app.add_option("--mode", arguments.choice.mode, "single or batch");
  app.add_option("--threads", arguments.choice.threads, "rows of so many threads");
  app.add_flag("--cpu", arguments.choice.cpu_time, "QPS of CPU time, not of wall time");
  app.add_flag("--fronts", arguments.choice.fronts,
               "Pareto fronts over all indexes, by bytes of codes, corrections and refine codes");
  CLI11_PARSE(app, argc, argv);
  const Status status = Run(arguments);
  if (!status.ok()) std::fprintf(stderr, "bench_plot: %s\n", MessageOf(status).c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) { return tessera::bench::Main(argc, argv); }

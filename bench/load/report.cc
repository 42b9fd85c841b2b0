#include "bench/load/report.h"

#include <algorithm>
#include <cstdio>

namespace tessera::bench {

void Report::Add(const std::string& mode, const LoadResult& result, size_t queries_per_request) {
  const double requests = static_cast<double>(std::max<uint64_t>(result.requests, 1));
  const double queries = requests * static_cast<double>(queries_per_request);
  auto& figures = rounds_[mode];
  figures["requests/s"].push_back(requests / result.seconds);
  figures["queries/s"].push_back(queries / result.seconds);
  figures["server us"].push_back(result.server_cpu * 1e6 / queries);
  figures["client us"].push_back(result.client_cpu * 1e6 / queries);
  figures["server cores"].push_back(result.server_cpu / result.seconds);
  figures["client cores"].push_back(result.client_cpu / result.seconds);
  figures["p50"].push_back(result.Percentile(0.5));
  figures["p99"].push_back(result.Percentile(0.99));
  figures["p99.9"].push_back(result.Percentile(0.999));
  figures["reply bytes"].push_back(static_cast<double>(result.reply_bytes));
}

void Report::AddLibrary(const std::string& mode, double cpu_us) {
  rounds_["library " + mode]["us"].push_back(cpu_us);
}

double Report::Median(const std::string& mode, const std::string& figure) const {
  Values values = rounds_.at(mode).at(figure);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Report::PrintRow(const std::string& mode) const {
  if (!Has(mode)) return;
  std::printf("%-6s %10.0f %10.0f %9.0f %9.0f %9.0f %10.2f %10.2f %7.2f %7.2f\n", mode.c_str(),
              Median(mode, "requests/s"), Median(mode, "queries/s"), Median(mode, "p50"),
              Median(mode, "p99"), Median(mode, "p99.9"), Median(mode, "server us"),
              Median(mode, "client us"), Median(mode, "server cores"),
              Median(mode, "client cores"));
}

void Report::Print() const {
  std::printf("%-6s %10s %10s %9s %9s %9s %10s %10s %7s %7s\n", "mode", "requests/s", "queries/s",
              "p50 us", "p99 us", "p99.9 us", "server us", "client us", "server", "client");
  std::printf("%-6s %10s %10s %29s %10s %10s %7s %7s\n", "", "", "", "of a request", "a query",
              "a query", "cores", "cores");
  for (const char* mode : {"echo", "query", "batch"}) PrintRow(mode);
  PrintRatios();
}

void Report::PrintRatios() const {
  if (Has("library batch") && Has("batch")) {
    const double library = Median("library batch", "us");
    std::printf("batch: library %.2f us, server %.2f us: %.2f of the library\n", library,
                Median("batch", "server us"), Median("batch", "server us") / library);
  }
  if (Has("library query") && Has("query") && Has("echo")) {
    const double library = Median("library query", "us");
    const double echo = Median("echo", "server us");
    const double server = Median("query", "server us");
    std::printf(
        "query: library %.2f us + echo %.2f us = %.2f us, server %.2f us: %.2f of the sum\n",
        library, echo, library + echo, server, server / (library + echo));
  }
  if (Has("query") && Has("echo")) {
    std::printf("query: %.2f of the echo's throughput\n",
                Median("query", "requests/s") / Median("echo", "requests/s"));
  }
}

}  // namespace tessera::bench

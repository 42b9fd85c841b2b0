// Figures of several rounds, as medians.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/load/generator.h"

namespace tessera::bench {

// One thread.
class Report {
 public:
  // mode: "query", "batch", "echo". A round of load with its queries a request.
  void Add(const std::string& mode, const LoadResult& result, size_t queries_per_request);
  // Processor microseconds a query of the library alone, for mode "query" or "batch".
  void AddLibrary(const std::string& mode, double cpu_us);
  // A table, and below it how the server compares with library and echo. To standard output.
  void Print() const;

 private:
  using Values = std::vector<double>;
  double Median(const std::string& mode, const std::string& figure) const;
  bool Has(const std::string& mode) const { return rounds_.count(mode) > 0; }
  void PrintRow(const std::string& mode) const;
  void PrintRatios() const;

  std::map<std::string, std::map<std::string, Values>> rounds_;  // mode, figure
};

}  // namespace tessera::bench

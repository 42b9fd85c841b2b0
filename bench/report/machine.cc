#include "bench/report/machine.h"

#include <stdlib.h>
#include <time.h>

#include <fstream>
#include <thread>

namespace tessera::bench {
namespace {

// The value of the first line "name : value" of a file in the manner of /proc/cpuinfo.
std::string Field(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(name)) continue;
    const std::string before = line.substr(0, colon);
    if (before.substr(0, before.find_last_not_of(" \t") + 1) != name) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

void Add(const char* name, const std::string& value, std::vector<std::string>& facts) {
  if (!value.empty()) facts.push_back(std::string(name) + ": " + value);
}

std::string Now() {
  const time_t now = time(nullptr);
  tm utc{};
  gmtime_r(&now, &utc);
  char text[64];
  return std::string(text, strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc));
}

}  // namespace

std::vector<std::string> MachineFacts() {
  std::vector<std::string> facts;
  Add("date", Now(), facts);
  Add("cpu", Field("/proc/cpuinfo", "model name"), facts);
  const std::string family = Field("/proc/cpuinfo", "cpu family");
  if (!family.empty())
    Add("cpu family", family + " model " + Field("/proc/cpuinfo", "model"), facts);
  Add("cores", std::to_string(std::thread::hardware_concurrency()), facts);
  Add("memory", Field("/proc/meminfo", "MemTotal"), facts);
  std::ifstream load("/proc/loadavg");
  std::string minute;
  if (load >> minute) Add("load of the last minute at start", minute, facts);
  return facts;
}

}  // namespace tessera::bench

#include "index/base/failpoint.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <sstream>

namespace tessera {
namespace {

struct Point {
  std::string action;  // "kill" or "error"
  long countdown = 1;
};

struct Registry {
  std::mutex mutex;
  std::atomic<bool> armed{false};
  std::map<std::string, Point> points;

  Registry() {
    if (const char* spec = std::getenv("TESSERA_FAILPOINTS")) Set(spec);
  }

  void Set(const std::string& spec) {
    std::lock_guard lock(mutex);
    points.clear();
    std::istringstream in(spec);
    for (std::string item; std::getline(in, item, ',');) {
      const size_t equals = item.find('=');
      if (equals == std::string::npos) continue;
      Point point;
      point.action = item.substr(equals + 1);
      if (const size_t colon = point.action.find(':'); colon != std::string::npos) {
        point.countdown = std::strtol(point.action.c_str() + colon + 1, nullptr, 10);
        point.action.resize(colon);
      }
      points[item.substr(0, equals)] = point;
    }
    armed = !points.empty();
  }
};

Registry& TheRegistry() {
  static Registry* registry = new Registry;  // never destroyed: used by threads at exit
  return *registry;
}

}  // namespace

Status Failpoint(const char* name) {
  Registry& registry = TheRegistry();
  if (!registry.armed.load(std::memory_order_relaxed)) return OkStatus();
  std::lock_guard lock(registry.mutex);
  const auto it = registry.points.find(name);
  if (it == registry.points.end() || --it->second.countdown != 0) return OkStatus();
  if (it->second.action == "kill") kill(getpid(), SIGKILL);
  if (it->second.action == "error") return Unavailable(std::string("failpoint ") + name);
  return OkStatus();
}

void SetFailpoints(const std::string& spec) { TheRegistry().Set(spec); }

}  // namespace tessera

#include "server/process_memory.h"

#include <malloc.h>

#include <fstream>
#include <sstream>

namespace tessera::server {
namespace {

uint64_t FieldBytes(const std::string& text, const std::string& name) {
  const size_t at = text.find(name + ':');
  if (at == std::string::npos) return 0;
  std::istringstream line(text.substr(at + name.size() + 1, 64));
  uint64_t kib = 0;
  line >> kib;
  return kib * 1024;
}

}  // namespace

ProcessMemory ParseProcessStatus(const std::string& text) {
  return {FieldBytes(text, "VmRSS"), FieldBytes(text, "RssAnon"), FieldBytes(text, "VmHWM")};
}

ProcessMemory ReadProcessMemory() {
  std::ifstream file("/proc/self/status");
  std::stringstream text;
  text << file.rdbuf();
  return ParseProcessStatus(text.str());
}

void LimitHeapGrowth() {
#ifdef __GLIBC__
  // An arena a thread (8 a core by default) each keeps its own high-water mark of message buffers.
  mallopt(M_ARENA_MAX, 2);
  // Left alone, glibc raises the threshold up to 32 MiB as large blocks are freed; messages and
  // chunks would then fragment the heap instead of going back to the system.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

void TrimHeap() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace tessera::server

#include <cstdlib>
#include <cstring>

#if defined(TESSERA_SIMD_X86)
#include <cpuid.h>
#endif

#include "index/simd/kernels.h"

namespace tessera::simd {
namespace {

// Names that mean something in some build, also where this one lacks them.
constexpr const char* kKnownNames[] = {"scalar", "ssse3", "avx2", "avx512", "avx512vbmi", "neon"};

// What measurement says of a family (README.md has the figures). Only families that were measured
// have a line; all others take the best that they support.
struct Preference {
  const char* vendor;
  uint32_t family;
  const char* isa;
};
constexpr Preference kMeasured[] = {
    {"AuthenticAMD", 25, "avx512vbmi"},  // Zen 4: halves of 64 bytes, yet the fastest scans
    {"AuthenticAMD", 26, "avx512vbmi"},  // Zen 5: fastest scans and products, at full width
};

// __builtin_cpu_supports asks CPUID and, for the wide registers, XGETBV: a processor whose
// operating system does not save them counts as lacking them.
std::vector<Isa> DetectIsas() {
  std::vector<Isa> isas = {{"scalar", true, &kScalarKernels}};
#if defined(TESSERA_SIMD_X86)
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
  const bool vbmi = avx512 && __builtin_cpu_supports("avx512vbmi") &&
                    __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vnni");
  isas.push_back({"ssse3", __builtin_cpu_supports("ssse3") != 0, &kSsse3Kernels});
  isas.push_back({"avx2", __builtin_cpu_supports("avx2") != 0, &kAvx2Kernels});
  isas.push_back({"avx512", avx512, &kAvx512Kernels});
  isas.push_back({"avx512vbmi", vbmi, &kAvx512VbmiKernels});
#elif defined(TESSERA_SIMD_ARM64)
  isas.push_back({"neon", true, &kNeonKernels});  // every processor of this architecture
#endif
  return isas;
}

std::string KnownNames() {
  std::string list;
  for (const char* name : kKnownNames) list += std::string(list.empty() ? "" : ", ") + name;
  return list;
}

bool IsKnown(const char* name) {
  for (const char* known : kKnownNames) {
    if (std::strcmp(name, known) == 0) return true;
  }
  return false;
}

// Made once, before the first use of any kernel; the environment is read here only.
struct Choice {
  const Kernels* kernels = &kScalarKernels;
  Status status;
};

const Choice& ProcessChoice() {
  static const Choice choice = [] {
    Choice made;
    StatusOr<const Kernels*> found = FindKernels(std::getenv("TESSERA_ISA"));
    if (found.ok()) {
      made.kernels = *found;
    } else {
      made.status = Annotate(found.status(), "TESSERA_ISA: ");
    }
    return made;
  }();
  return choice;
}

}  // namespace

const std::vector<Isa>& AllIsas() {
  static const std::vector<Isa> isas = DetectIsas();
  return isas;
}

CpuFamily ThisCpu() {
  CpuFamily cpu;
#if defined(TESSERA_SIMD_X86)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx)) return cpu;
  for (const unsigned word : {ebx, edx, ecx}) {
    cpu.vendor.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return cpu;
  cpu.family = (eax >> 8) & 15;
  if (cpu.family == 15) cpu.family += (eax >> 20) & 255;
#endif
  return cpu;
}

const char* PreferredIsa(const CpuFamily& cpu) {
  for (const Preference& measured : kMeasured) {
    if (cpu.vendor == measured.vendor && cpu.family == measured.family) return measured.isa;
  }
  return nullptr;
}

StatusOr<const Kernels*> FindKernels(const char* name, const std::vector<Isa>& isas,
                                     const char* preferred) {
  const bool best = name == nullptr || *name == '\0';
  const Kernels* found = nullptr;
  for (const Isa& isa : isas) {
    if (!isa.supported) continue;
    if (best && preferred != nullptr && std::strcmp(isa.name, preferred) == 0) return isa.kernels;
    if (best || std::strcmp(isa.name, name) == 0) found = isa.kernels;
  }
  if (found != nullptr) return found;
  if (best) return FailedPrecondition("no supported instruction set in this build");
  if (!IsKnown(name)) {
    return InvalidArgument("unknown instruction set \"" + std::string(name) + "\"; one of " +
                           KnownNames() + " is expected");
  }
  return FailedPrecondition("instruction set \"" + std::string(name) +
                            "\" is not supported by this processor or build");
}

const Kernels& ActiveKernels() { return *ProcessChoice().kernels; }

Status InitKernels() { return ProcessChoice().status; }

}  // namespace tessera::simd

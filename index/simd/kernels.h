// Array kernels, one table of function pointers per instruction set, chosen once per process.
//
// Contract of all: pure functions over arrays, no allocation, no state, any alignment unless said.
// Nothing outside the given arrays is read. Integer kernels give the same bytes on every
// instruction set. Float kernels use one fixed order of operations (16 interleaved lanes that start
// at 0, products rounded before they are added, a last partial group as if padded with zeros, then
// lane i + lane i+8, +4, +2, +1) on every instruction set, so that for finite inputs they too give
// the same bits, and with them the same ids.
#pragma once

#include <string>
#include <vector>

#include "index/simd/kernel_table.h"
#include "index/status.h"

namespace tessera::simd {

// The kernels of this process: those measured best on its family of processors (on a family that
// was not measured the best that it supports), or those that the environment variable TESSERA_ISA
// names (scalar, ssse3, avx2, avx512, avx512vbmi, neon; empty is as unset). Chosen once. Where
// InitKernels() fails these are the scalar ones: right everywhere, and the caller was told.
// Thread-safe.
const Kernels& ActiveKernels();
// InvalidArgument if TESSERA_ISA names nothing known, FailedPrecondition if this processor or build
// lacks it; the same answer at each call. OK otherwise. ActiveKernels() is fixed from then on.
// Whoever opens an engine or starts a program calls this first and passes the error on.
// Thread-safe.
Status InitKernels();

// One instruction set of this build, for tests and benchmarks.
struct Isa {
  const char* name;
  bool supported;          // by this processor and operating system (CPUID and XGETBV)
  const Kernels* kernels;  // never null
};
// Ascending: the last supported one is the best.
const std::vector<Isa>& AllIsas();

// A line of processors that share their behaviour, as CPUID names it; elsewhere empty.
struct CpuFamily {
  std::string vendor;  // "AuthenticAMD"
  uint32_t family = 0;
};
CpuFamily ThisCpu();
// The instruction set that measurement found best on a family; null for families not measured.
const char* PreferredIsa(const CpuFamily& cpu);

// The choice behind InitKernels(), without the environment: null or "" is `preferred` if that is
// supported, else the best of `isas`.
StatusOr<const Kernels*> FindKernels(const char* name, const std::vector<Isa>& isas = AllIsas(),
                                     const char* preferred = PreferredIsa(ThisCpu()));

}  // namespace tessera::simd

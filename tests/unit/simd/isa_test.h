// The instruction set as a test parameter: every suite runs once for each that the build knows, and
// names those that this processor lacks.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "index/simd/kernels.h"

namespace tessera::simd {

class IsaTest : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!GetParam().supported) GTEST_SKIP() << "this processor lacks " << GetParam().name;
  }
  const Kernels& kernels() const { return *GetParam().kernels; }
};

inline void PrintTo(const Isa& isa, std::ostream* out) { *out << isa.name; }

inline std::string IsaName(const ::testing::TestParamInfo<Isa>& info) { return info.param.name; }

#define TESSERA_FOR_EVERY_ISA(Suite) \
  INSTANTIATE_TEST_SUITE_P(Isas, Suite, ::testing::ValuesIn(AllIsas()), IsaName)

}  // namespace tessera::simd

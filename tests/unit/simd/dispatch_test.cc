#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "index/simd/kernels.h"

namespace tessera::simd {
namespace {

TEST(DispatchTest, EveryBuildHasScalarKernelsFirst) {
  const Isa& first = AllIsas().front();
  EXPECT_STREQ(first.name, "scalar");
  EXPECT_TRUE(first.supported);
}

TEST(DispatchTest, EveryTableIsCompleteAndBearsItsName) {
  std::set<std::string> names;
  for (const Isa& isa : AllIsas()) {
    const Kernels& k = *isa.kernels;
    EXPECT_STREQ(k.name, isa.name);
    EXPECT_TRUE(names.insert(k.name).second) << k.name << " stands twice";
    EXPECT_TRUE(k.scan8 && k.scan4 && k.scan6 && k.dot && k.l2sqr && k.dot_i8 && k.dot_rows &&
                k.table && k.quantize_table && k.nearest && k.products_u8s8 && k.score_keys &&
                k.least_score && k.bound_keys && k.select_keys && k.dot_limbs && k.dot_nibbles &&
                k.dot_bits && k.hamming)
        << k.name;
  }
}

TEST(DispatchTest, WithoutANameAFamilyNotMeasuredTakesTheBest) {
  const Kernels* best = nullptr;
  for (const Isa& isa : AllIsas()) {
    if (isa.supported) best = isa.kernels;
  }
  for (const char* name : {static_cast<const char*>(nullptr), ""}) {
    // "other": preferred, and not in this build.
    for (const char* preferred : {static_cast<const char*>(nullptr), "other"}) {
      StatusOr<const Kernels*> found = FindKernels(name, AllIsas(), preferred);
      ASSERT_TRUE(found.ok());
      EXPECT_EQ(*found, best);
    }
  }
}

TEST(DispatchTest, WithoutANameAMeasuredFamilyTakesWhatWasBestThere) {
  for (const Isa& isa : AllIsas()) {
    if (!isa.supported) continue;
    EXPECT_EQ(*FindKernels(nullptr, AllIsas(), isa.name), isa.kernels);
    EXPECT_EQ(*FindKernels("scalar", AllIsas(), isa.name), &kScalarKernels);
  }
  std::vector<Isa> isas = AllIsas();
  isas.push_back({"other", false, &kScalarKernels});
  EXPECT_EQ(*FindKernels("", isas, "other"), *FindKernels("", AllIsas(), nullptr));
}

TEST(DispatchTest, OnlyMeasuredFamiliesHaveAPreference) {
  EXPECT_STREQ(PreferredIsa({"AuthenticAMD", 25}), "avx512vbmi");
  EXPECT_STREQ(PreferredIsa({"AuthenticAMD", 26}), "avx512vbmi");
  EXPECT_EQ(PreferredIsa({"AuthenticAMD", 27}), nullptr);
  EXPECT_EQ(PreferredIsa({"GenuineIntel", 26}), nullptr);
  EXPECT_EQ(PreferredIsa(CpuFamily()), nullptr);
}

#if defined(__x86_64__)
TEST(DispatchTest, ThisProcessorHasAName) {
  EXPECT_EQ(ThisCpu().vendor.size(), 12u);
  EXPECT_GE(ThisCpu().family, 5u);
}
#endif

TEST(DispatchTest, FindsEachSupportedByItsName) {
  for (const Isa& isa : AllIsas()) {
    if (!isa.supported) continue;
    StatusOr<const Kernels*> found = FindKernels(isa.name);
    ASSERT_TRUE(found.ok()) << isa.name;
    EXPECT_EQ(*found, isa.kernels);
  }
}

TEST(DispatchTest, UnknownNameIsInvalidArgumentThatListsTheNames) {
  for (const char* name : {"avx3", "AVX2", "avx2 ", "best"}) {
    const Status status = FindKernels(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    const std::string message = MessageOf(status);
    for (const char* part : {name, "scalar", "ssse3", "avx2", "avx512", "avx512vbmi", "neon"}) {
      EXPECT_NE(message.find(part), std::string::npos) << message;
    }
  }
}

TEST(DispatchTest, UnsupportedNameIsFailedPreconditionThatNamesIt) {
  std::vector<Isa> isas = AllIsas();
  isas.push_back({"avx2", false, &kScalarKernels});
  isas.erase(isas.begin() + 1, isas.end() - 1);
  EXPECT_EQ(*FindKernels("", isas), isas.front().kernels);
  // Present but unsupported, and absent from the build.
  for (const char* name : {"avx2", "avx512"}) {
    const Status status = FindKernels(name, isas).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(MessageOf(status).find(name), std::string::npos);
  }
}

// The choice is made once a process, so each case runs in a process of its own, which leaves with 0
// if what it saw is right.
class EnvironmentDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }

  [[noreturn]] static void Leave(bool good) { std::_Exit(good ? 0 : 1); }
};

TEST_F(EnvironmentDeathTest, TheForcedKernelsAreInForce) {
  for (const Isa& isa : AllIsas()) {
    if (!isa.supported) continue;
    EXPECT_EXIT(
        {
          setenv("TESSERA_ISA", isa.name, 1);
          Leave(InitKernels().ok() && &ActiveKernels() == isa.kernels);
        },
        ::testing::ExitedWithCode(0), "")
        << isa.name;
  }
}

TEST_F(EnvironmentDeathTest, AWrongNameIsAnErrorAtEachCallAndLeavesTheScalarKernels) {
  EXPECT_EXIT(
      {
        setenv("TESSERA_ISA", "sse9", 1);
        const Status first = InitKernels();
        const bool named = MessageOf(first).find("TESSERA_ISA") != std::string::npos;
        Leave(named && first.code() == absl::StatusCode::kInvalidArgument &&
              InitKernels() == first && &ActiveKernels() == &kScalarKernels);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(EnvironmentDeathTest, TheChoiceIsMadeOnce) {
  EXPECT_EXIT(
      {
        unsetenv("TESSERA_ISA");
        const Kernels* first = &ActiveKernels();
        setenv("TESSERA_ISA", "nonsense", 1);
        Leave(&ActiveKernels() == first && InitKernels().ok());
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tessera::simd

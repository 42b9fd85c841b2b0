// Calls of libc that fail, fall short, or are the last before the power goes: at random places of a load with training,
// splitting of lists and changes of codebooks. TESSERA_CRASH_SEED replays, TESSERA_CRASH_FAULTS lengthens.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/crash/witness.h"
#include "tests/temp_dir.h"

namespace tessera {
namespace {

using crash::Check;
using crash::Hardship;
using crash::kIngestAll;
using crash::kIngestNone;
using crash::RunChild;
using crash::Witness;

constexpr uint64_t kBatches = 25;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// How many calls of the kind a whole life makes.
uint64_t CountCalls(const std::string& fault, size_t ingest_rows) {
  const testing::TempDir directory;
  Witness witness;
  RunChild(directory.path() + "/data", {.file_fault = fault + ":0"}, kBatches, ingest_rows, witness);
  EXPECT_TRUE(witness.done);
  return witness.file_calls;
}

class FaultAtRandom : public ::testing::TestWithParam<const char*> {};

TEST_P(FaultAtRandom, NothingAcknowledgedIsLost) {
  const std::string fault = GetParam();
  const uint64_t seed = FromEnvironment("TESSERA_CRASH_SEED", 1);
  const uint64_t rounds = FromEnvironment("TESSERA_CRASH_FAULTS", 5);
  std::mt19937_64 random(seed);
  const uint64_t calls[] = {CountCalls(fault, kIngestNone), CountCalls(fault, kIngestAll)};
  std::printf("seed %llu, %llu faults, among %llu and %llu calls\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(calls[0]),
              static_cast<unsigned long long>(calls[1]));
  uint64_t met = 0;
  for (uint64_t round = 0; round < rounds && !HasFatalFailure(); ++round) {
    const testing::TempDir directory;
    Witness witness;
    const bool ingests = random() % 2;
    const size_t ingest_rows = ingests ? kIngestAll : kIngestNone;
    const uint64_t at = 1 + random() % calls[ingests];
    const uint64_t lasting = random() % 2 ? 1 : 1000;
    const std::string how =
        fault + ":" + std::to_string(at) + ":" + std::to_string(lasting) + ":" + std::to_string(random());
    SCOPED_TRACE(how + (ingests ? ", ingesting" : ""));
    RunChild(directory.path() + "/data", {.file_fault = how}, kBatches, ingest_rows, witness);
    met += witness.killed || witness.failed;
    Check(directory.path() + "/data", witness);
    // The next process goes on.
    witness.done = false;
    RunChild(directory.path() + "/data", {}, 5, ingest_rows, witness);
    EXPECT_TRUE(witness.done);
    Check(directory.path() + "/data", witness);
    crash::TellProgress(round + 1, rounds);
  }
  std::printf("%llu of them ended the process\n", static_cast<unsigned long long>(met));
  EXPECT_GT(met, 0u) << "no fault was ever met";
}

INSTANTIATE_TEST_SUITE_P(Faults, FaultAtRandom,
                         ::testing::Values("io-error", "no-space", "short-read", "power-loss"),
                         [](const auto& fault) {
                           std::string name = fault.param;
                           name[name.find('-')] = '_';
                           return name;
                         });

}  // namespace
}  // namespace tessera

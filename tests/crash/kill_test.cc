// SIGKILL at every named failpoint and at random moments of load and training. After each kill: every
// acknowledged row is there with its bytes, an unacknowledged batch whole or not at all, queries are right, and
// the next process goes on from there.
#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <tuple>

#include "tests/crash/witness.h"
#include "tests/temp_dir.h"

namespace tessera {
namespace {

using crash::Check;
using crash::kIngestAll;
using crash::kIngestNone;
using crash::RunChild;
using crash::Witness;

class KillAt : public ::testing::TestWithParam<std::tuple<const char*, size_t>> {};

TEST_P(KillAt, NothingAcknowledgedIsLost) {
  const tessera::testing::TempDir directory;
  Witness witness;
  const auto [failpoint, ingest_rows] = GetParam();
  RunChild(directory.path(), {.failpoints = failpoint}, 30, ingest_rows, witness);
  EXPECT_TRUE(witness.killed) << "the failpoint was never passed";
  Check(directory.path(), witness);
  // And again: the next process goes on, and ends.
  RunChild(directory.path(), {}, 20, ingest_rows, witness);
  EXPECT_TRUE(witness.done);
  Check(directory.path(), witness);
}

std::string NameOf(const ::testing::TestParamInfo<std::tuple<const char*, size_t>>& point) {
  std::string name = std::get<0>(point.param);
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Failpoints, KillAt,
    ::testing::Combine(::testing::Values("catalog.create=kill", "store.write.before=kill:9", "store.write.after=kill:9",
                    "rebuild.train=kill", "store.create_generation=kill", "rebuild.encode=kill",
                    "rebuild.flush=kill", "store.flush=kill", "rebuild.switch=kill",
                    "rebuild.switched=kill", "store.drop_generation=kill", "rebuild.switch=kill:2",
                    "codebook.keep=kill:1", "codebook.kept=kill:1", "codebook.keep=kill:2",
                    "codebook.kept=kill:2", "rebuild.switch=kill:3", "rebuild.switched=kill:3",
                    "codebook.delete=kill", "codebook.deleted=kill", "lists.encoded=kill", "lists.changed=kill"),
                       ::testing::Values(kIngestNone)),
    NameOf);

// Batch 9 is the first after a delete; 6 families from the training on, 4 before.
INSTANTIATE_TEST_SUITE_P(
    Ingest, KillAt,
    ::testing::Combine(::testing::Values("store.write.before=kill:12", "store.write.after=kill:12",
                                         "store.ingest.file=kill:1", "store.ingest.file=kill:3",
                                         "store.ingest.file=kill:90", "store.ingest.before=kill:1",
                                         "store.ingest.before=kill:14", "rebuild.encode=kill",
                                         "rebuild.flush=kill", "rebuild.switch=kill", "rebuild.switched=kill"),
                       ::testing::Values(kIngestAll)),
    NameOf);

TEST(KillAtRandom, NothingAcknowledgedIsLost) {
  const char* text = std::getenv("TESSERA_CRASH_SEED");
  const uint64_t seed = text ? std::strtoull(text, nullptr, 10) : 1;
  const char* rounds_text = std::getenv("TESSERA_CRASH_ROUNDS");
  const int rounds = rounds_text ? std::atoi(rounds_text) : 12;
  std::printf("seed %llu, %d rounds\n", static_cast<unsigned long long>(seed), rounds);
  std::mt19937_64 random(seed);
  std::unique_ptr<tessera::testing::TempDir> directory;
  Witness witness;
  for (int round = 0; round < rounds && !::testing::Test::HasFatalFailure(); ++round) {
    // One life after another in the same files, which are read whole after each: not too many.
    if (round % 15 == 0) {
      directory = std::make_unique<tessera::testing::TempDir>();
      witness = Witness();
    }
    const uint64_t kill_after = 1 + random() % 45;
    RunChild(directory->path(), {.kill_after = kill_after}, 40, random() % 2 ? kIngestAll : kIngestNone, witness);
    Check(directory->path(), witness);
    crash::TellProgress(round + 1, rounds);
  }
}

}  // namespace
}  // namespace tessera

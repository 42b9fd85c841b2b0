// SIGKILL in the middle of backups, restores and their deletion, while rows are loaded and a training runs. After each
// kill every backup that was told to be made is whole and holds what was acknowledged before it was begun; what was
// half done is gone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "index/catalog.h"
#include "tests/crash/crash_rows.h"
#include "tests/crash/witness.h"
#include "tests/temp_dir.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;
using crash::kBatch;
using crash::Witness;

// Batches of which some rows are there; each must be whole but for a row that is deleted later on.
void CountBatches(Collection& collection, uint64_t end, std::set<uint64_t>& there) {
  for (uint64_t b = 0; b < end; ++b) {
    std::vector<PointId> ids;
    for (uint64_t i = 0; i < kBatch; ++i) ids.push_back(PointId(b * kBatch + i));
    const auto got = collection.Get(ids);
    ASSERT_TRUE(got.ok()) << got.status();
    const auto found = std::count_if(got->begin(), got->end(), [](const auto& point) { return point.has_value(); });
    if (found == 0) continue;
    ASSERT_GE(found, static_cast<int64_t>(kBatch) - 1) << "batch " << b << " is half there";
    there.insert(b);
  }
}

void CheckBackups(const std::string& directory, const Witness& witness) {
  CatalogOptions options;
  options.path = directory;
  auto catalog = Catalog::Open(options);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  for (const auto& entry : fs::directory_iterator(directory + "/collections")) {
    ASSERT_NE(entry.path().filename().string()[0], '.') << entry.path() << " was not swept";
  }
  Backups& backups = (*catalog)->backups();
  const auto all = backups.List("c");
  ASSERT_TRUE(all.ok()) << all.status();
  std::set<uint32_t> listed;
  for (const BackupInfo& info : *all) {
    listed.insert(info.id);
    ASSERT_FALSE(info.damaged);
    const Status verified = backups.Verify("c", info.id, {});
    ASSERT_TRUE(verified.ok()) << verified;
    const auto restored = backups.Restore("c", info.id, "x", {});
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ((*restored)->Stats().commit, info.commit);
    EXPECT_EQ((*restored)->Count(), info.rows);
    std::set<uint64_t> there;
    ASSERT_NO_FATAL_FAILURE(CountBatches(**restored, witness.next_batch + 1, there));
    // A prefix of the batches, with all that were acknowledged before it was begun.
    if (!there.empty()) {
      EXPECT_EQ(*there.rbegin() + 1, there.size());
    }
    const auto told = witness.backups.find(info.id);
    if (told != witness.backups.end()) {
      EXPECT_GE(there.size(), told->second);
    }
    ASSERT_TRUE((*catalog)->Drop("x").ok());
  }
  for (const auto& [id, floor] : witness.backups) EXPECT_TRUE(listed.contains(id)) << "backup " << id << " is gone";
}

class BackupKillAt : public ::testing::TestWithParam<const char*> {};

TEST_P(BackupKillAt, WhatWasMadeStaysAndNothingElse) {
  const tessera::testing::TempDir directory;
  Witness witness;
  crash::RunChild(directory.path(), {.failpoints = GetParam(), .backups = true}, 30, crash::kIngestAll, witness);
  EXPECT_TRUE(witness.killed) << "the failpoint was never passed";
  crash::Check(directory.path(), witness);
  CheckBackups(directory.path(), witness);
  crash::RunChild(directory.path(), {.backups = true}, 10, crash::kIngestNone, witness);
  EXPECT_TRUE(witness.done);
  crash::Check(directory.path(), witness);
  CheckBackups(directory.path(), witness);
}

INSTANTIATE_TEST_SUITE_P(, BackupKillAt,
                         ::testing::Values("store.checkpoint=kill:2", "backup.checkpoint=kill:2",
                                           "store.backup.copy=kill:1", "store.backup.copy=kill:40",
                                           "store.backup.copied=kill:2", "store.backup.delete=kill:1",
                                           "store.restore.copy=kill:5", "backup.restored=kill",
                                           "catalog.restore=kill"),
                         [](const auto& point) {
                           std::string name = point.param;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

TEST(BackupKillAtRandom, WhatWasMadeStaysAndNothingElse) {
  const char* text = std::getenv("TESSERA_CRASH_SEED");
  std::mt19937_64 random(text ? std::strtoull(text, nullptr, 10) : 1);
  const char* rounds_text = std::getenv("TESSERA_CRASH_ROUNDS");
  // Each opens and restores up to four backups: a tenth of the plain rounds.
  const int rounds = std::max(5, rounds_text ? std::atoi(rounds_text) / 10 : 0);
  std::unique_ptr<tessera::testing::TempDir> directory;
  Witness witness;
  for (int round = 0; round < rounds && !::testing::Test::HasFatalFailure(); ++round) {
    if (round % 10 == 0) {
      directory = std::make_unique<tessera::testing::TempDir>();
      witness = Witness();
    }
    const uint64_t kill_after = 1 + random() % 45;
    crash::RunChild(directory->path(), {.kill_after = kill_after, .backups = true}, 40, crash::kIngestNone, witness);
    crash::Check(directory->path(), witness);
    CheckBackups(directory->path(), witness);
    crash::TellProgress(round + 1, rounds);
  }
}

}  // namespace
}  // namespace tessera

// SIGKILL at every named failpoint and at random moments of load and training. After each kill: every
// acknowledged row is there with its bytes, an unacknowledged batch whole or not at all, queries are right, and
// the next process goes on from there.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>

#include "index/catalog.h"
#include "index/thread_pool.h"
#include "tests/crash/crash_rows.h"
#include "tests/temp_dir.h"

namespace tessera {
namespace {

using crash::kBatch;
using crash::kDim;

// With the first every batch of rows is ingested and every delete goes through the log; with the second all
// go through the log.
constexpr size_t kIngestAll = kBatch;
constexpr size_t kIngestNone = 1 << 20;

// What the child said before it ended; lives outside the child, as acknowledgements must.
struct Witness {
  std::set<uint64_t> acknowledged;
  std::set<uint64_t> patched;
  std::set<uint64_t> deleted;
  uint64_t next_batch = 0;
  bool killed = false;
  bool done = false;
};

// Runs the child from witness.next_batch on; kills it after `kill_after` acknowledgements (0 = never).
void RunChild(const std::string& directory, const std::string& failpoints, uint64_t batches,
              uint64_t kill_after, size_t ingest_rows, Witness& witness) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const std::string first = std::to_string(witness.next_batch);
  const std::string count = std::to_string(batches);
  const std::string ingest = std::to_string(ingest_rows);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    dup2(pipe_ends[1], 1);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    setenv("TESSERA_FAILPOINTS", failpoints.c_str(), 1);
    execl(TESSERA_CRASH_CHILD, TESSERA_CRASH_CHILD, directory.c_str(), first.c_str(), count.c_str(),
          ingest.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(pipe_ends[1]);
  FILE* lines = fdopen(pipe_ends[0], "r");
  char what[32];
  unsigned long long number = 0;
  uint64_t acknowledged = 0;
  while (std::fscanf(lines, "%31s %llu", what, &number) == 2) {
    if (std::strcmp(what, "ack") == 0) {
      witness.acknowledged.insert(number);
      witness.next_batch = number + 1;
      if (++acknowledged == kill_after) kill(child, SIGKILL);
    }
    if (std::strcmp(what, "patched") == 0) witness.patched.insert(number);
    if (std::strcmp(what, "deleted") == 0) witness.deleted.insert(number);
    if (std::strcmp(what, "done") == 0) witness.done = true;
  }
  std::fclose(lines);
  int status = 0;
  waitpid(child, &status, 0);
  witness.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  ASSERT_TRUE(witness.killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << "status " << status;
}

// Each codebook that is listed is whole, and one is in force if the collection is trained.
void CheckCodebooks(Collection& collection) {
  const auto all = collection.codebooks().List();
  ASSERT_TRUE(all.ok()) << all.status();
  size_t active = 0;
  for (const CodebookInfo& info : *all) {
    const auto file = collection.codebooks().Export(info.version);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_EQ(file->size(), info.bytes);
    active += info.state == CodebookState::kActive;
    if (info.state == CodebookState::kActive) {
      ASSERT_EQ(info.generation, collection.Stats().generation);
      ASSERT_EQ(info.spec.ToString(), collection.Stats().quantizer);
    }
  }
  ASSERT_EQ(active, collection.Stats().generation == Generation() ? 0u : 1u);
}

// The patch is there if it was acknowledged, whole or not at all otherwise; sent again under its id it is done once.
void CheckPatch(Collection& collection, uint64_t batch, const Witness& witness, const StoredPoint& second) {
  const std::string patched = crash::PatchedOf(batch);
  const bool there = second.payload == patched;
  if (!there) { ASSERT_EQ(second.payload, crash::PayloadOf(batch * kBatch + 1)); }
  if (witness.patched.count(batch)) { ASSERT_TRUE(there) << "an acknowledged patch is gone"; }
  // The child goes on with a batch that was not acknowledged, and patches it itself.
  if (!witness.acknowledged.count(batch) || (batch % 5 != 0 && batch + 1 != witness.next_batch)) return;
  const std::vector<PointId> ids{PointId(batch * kBatch + 1)};
  const auto again = collection.Patch({{ids[0], crash::PatchOf(batch)}}, {.request_id = crash::RequestOf(batch)});
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->patched, 1u);
  const auto now = collection.Get(ids);
  ASSERT_TRUE(now.ok()) << now.status();
  ASSERT_EQ((*now)[0]->payload, patched);
  ASSERT_EQ((*now)[0]->version, again->commit);
  if (there) { ASSERT_EQ((*now)[0]->version, second.version) << "done twice"; }
}

// Opens what the dead process left and compares it with the witness.
void Check(const std::string& directory, const Witness& witness) {
  ThreadPoolExecutor compute(2), io(2);
  CatalogOptions options;
  options.path = directory;
  options.compute = &compute;
  options.io = &io;
  auto catalog = Catalog::Open(options);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  auto collection = (*catalog)->Get("c");
  if (!collection.ok()) {
    ASSERT_TRUE(witness.acknowledged.empty()) << "a collection with acknowledged rows is gone";
    return;
  }
  uint64_t rows = 0;
  for (uint64_t b = 0; b <= witness.next_batch; ++b) {
    const std::vector<float> want = crash::BatchRows(b);
    std::vector<PointId> ids;
    for (uint64_t i = 0; i < kBatch; ++i) ids.push_back(PointId(b * kBatch + i));
    const auto got = (*collection)->Get(ids);
    ASSERT_TRUE(got.ok()) << got.status();
    uint64_t there = 0;
    for (uint64_t i = 0; i < kBatch; ++i) {
      if (!(*got)[i]) continue;
      ++there;
      ASSERT_EQ(std::memcmp((*got)[i]->vector.data(), want.data() + i * kDim, kDim * sizeof(float)), 0);
      if (i != 1) { ASSERT_EQ((*got)[i]->payload, crash::PayloadOf(b * kBatch + i)); }
    }
    rows += there;
    if (there > 0) { ASSERT_NO_FATAL_FAILURE(CheckPatch(**collection, b, witness, *(*got)[1])); }
    const bool first_there = (*got)[0].has_value();
    if (witness.acknowledged.count(b)) {
      ASSERT_GE(there, kBatch - 1) << "batch " << b << " was acknowledged";
      if (witness.deleted.count(b)) { ASSERT_FALSE(first_there) << "an acknowledged delete came back"; }
      // An unacknowledged delete of its first row may or may not have happened.
      if (b % 10 != 9) { ASSERT_TRUE(first_there); }
    } else {
      ASSERT_TRUE(there == 0 || there == kBatch) << "batch " << b << " is half there: " << there;
    }
  }
  ASSERT_EQ((*collection)->Count(), rows) << "the mirror and the store disagree";
  ASSERT_NO_FATAL_FAILURE(CheckCodebooks(**collection));
  QueryParams params;
  params.nprobe = 8;
  params.rerank = RerankTier::kAuto;
  params.limit = 1;
  for (const uint64_t b : witness.acknowledged) {
    if (b % 7 != 0) continue;
    const std::vector<float> row = crash::BatchRows(b);
    const auto result = (*collection)->Query(row.data() + 50 * kDim, kDim, params);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->hits.size(), 1u);
    ASSERT_EQ(result->hits[0].id, PointId(b * kBatch + 50));
  }
}

class KillAt : public ::testing::TestWithParam<std::tuple<const char*, size_t>> {};

TEST_P(KillAt, NothingAcknowledgedIsLost) {
  const tessera::testing::TempDir directory;
  Witness witness;
  const auto [failpoint, ingest_rows] = GetParam();
  RunChild(directory.path(), failpoint, 30, 0, ingest_rows, witness);
  EXPECT_TRUE(witness.killed) << "the failpoint was never passed";
  Check(directory.path(), witness);
  // And again: the next process goes on, and ends.
  RunChild(directory.path(), "", 20, 0, ingest_rows, witness);
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
  const tessera::testing::TempDir directory;
  Witness witness;
  for (int round = 0; round < rounds && !::testing::Test::HasFatalFailure(); ++round) {
    RunChild(directory.path(), "", 40, 1 + random() % 45, random() % 2 ? kIngestAll : kIngestNone, witness);
    Check(directory.path(), witness);
  }
}

}  // namespace
}  // namespace tessera

#include "tests/crash/witness.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "index/catalog.h"
#include "index/thread_pool.h"
#include "tests/crash/crash_rows.h"

namespace tessera::crash {
namespace {

constexpr int kChildFailed = 3;

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
  const std::string patched = PatchedOf(batch);
  const bool there = second.payload == patched;
  if (!there) { ASSERT_EQ(second.payload, PayloadOf(batch * kBatch + 1)); }
  if (witness.patched.count(batch)) { ASSERT_TRUE(there) << "an acknowledged patch is gone"; }
  // The child goes on with a batch that was not acknowledged, and patches it itself.
  if (!witness.acknowledged.count(batch) || (batch % 5 != 0 && batch + 1 != witness.next_batch)) return;
  const std::vector<PointId> ids{PointId(batch * kBatch + 1)};
  const auto again = collection.Patch({{ids[0], PatchOf(batch)}}, {.request_id = RequestOf(batch)});
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->patched, 1u);
  const auto now = collection.Get(ids);
  ASSERT_TRUE(now.ok()) << now.status();
  ASSERT_EQ((*now)[0]->payload, patched);
  ASSERT_EQ((*now)[0]->version, again->commit);
  if (there) { ASSERT_EQ((*now)[0]->version, second.version) << "done twice"; }
}

}  // namespace

void RunChild(const std::string& directory, const Hardship& hardship, uint64_t batches, size_t ingest_rows,
              Witness& witness) {
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
    setenv("TESSERA_FAILPOINTS", hardship.failpoints.c_str(), 1);
    if (hardship.backups) setenv("TESSERA_CRASH_BACKUPS", "1", 1);
    setenv("TESSERA_FILE_FAULT", hardship.file_fault.c_str(), 1);
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
      if (++acknowledged == hardship.kill_after) kill(child, SIGKILL);
    }
    if (std::strcmp(what, "patched") == 0) witness.patched.insert(number);
    if (std::strcmp(what, "deleted") == 0) witness.deleted.insert(number);
    if (std::strcmp(what, "calls") == 0) witness.file_calls = number;
    if (std::strcmp(what, "backup") == 0) witness.backups[static_cast<uint32_t>(number >> 32)] = number & UINT32_MAX;
    if (std::strcmp(what, "forget") == 0) witness.backups.erase(static_cast<uint32_t>(number));
    if (std::strcmp(what, "done") == 0) witness.done = true;
  }
  std::fclose(lines);
  int status = 0;
  waitpid(child, &status, 0);
  witness.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  // Debian's RocksDB has assertions on, one of which a file that is written after a write that failed does not pass: the
  // process is gone then as if it was killed.
  const bool asserted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !hardship.file_fault.empty();
  if (asserted) std::printf("aborted by an assertion: %s\n", hardship.file_fault.c_str());
  witness.killed = witness.killed || asserted;
  witness.failed = code == kChildFailed;
  ASSERT_TRUE(witness.killed || code == 0 || (witness.failed && !hardship.file_fault.empty())) << "status " << status;
}

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
    const std::vector<float> want = BatchRows(b);
    std::vector<PointId> ids;
    for (uint64_t i = 0; i < kBatch; ++i) ids.push_back(PointId(b * kBatch + i));
    const auto got = (*collection)->Get(ids);
    ASSERT_TRUE(got.ok()) << got.status();
    uint64_t there = 0;
    for (uint64_t i = 0; i < kBatch; ++i) {
      if (!(*got)[i]) continue;
      ++there;
      ASSERT_EQ(std::memcmp((*got)[i]->vector.data(), want.data() + i * kDim, kDim * sizeof(float)), 0);
      if (i != 1) { ASSERT_EQ((*got)[i]->payload, PayloadOf(b * kBatch + i)); }
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
    const std::vector<float> row = BatchRows(b);
    const auto result = (*collection)->Query(row.data() + 50 * kDim, kDim, params);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->hits.size(), 1u);
    ASSERT_EQ(result->hits[0].id, PointId(b * kBatch + 50));
  }
}

void TellProgress(uint64_t rounds_done, uint64_t rounds) {
  if (rounds_done % 50 != 0) return;
  std::printf("%llu of %llu\n", static_cast<unsigned long long>(rounds_done), static_cast<unsigned long long>(rounds));
  std::fflush(stdout);
}

}  // namespace tessera::crash

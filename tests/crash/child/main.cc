// The process that is killed: loads batches into a collection, trains, switches and splits lists on the way, and tells on stdout what was
// acknowledged. usage: crash_child DIRECTORY FIRST_BATCH BATCHES INGEST_ROWS
// With TESSERA_CRASH_BACKUPS set a thread makes backups meanwhile, restores every third and deletes the oldest.
// TESSERA_FILE_FAULT makes calls of libc fail (file_faults.h).
//
// Batch b holds ids 100 b .. 100 b + 99; vector and payload of an id are functions of the id (crash_rows.h). The
// batch's second row is patched then, by a request with an id.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <stop_token>
#include <thread>

#include "index/catalog.h"
#include "index/thread_pool.h"
#include "tests/crash/crash_rows.h"
#include "tests/crash/file_faults.h"

namespace {

// Codebooks come, are switched to and go.
tessera::Status UseCodebooks(tessera::Codebooks& codebooks) {
  TESSERA_ASSIGN_OR_RETURN(const tessera::CodebookInfo candidate, codebooks.Train({}, ""));
  TESSERA_ASSIGN_OR_RETURN(const std::string file, codebooks.Export(candidate.version));
  TESSERA_ASSIGN_OR_RETURN(const tessera::CodebookInfo imported, codebooks.Import(file, ""));
  TESSERA_RETURN_IF_ERROR(codebooks.Activate(imported.version, {}));
  return codebooks.Delete(candidate.version);
}

void Say(const char* what, uint64_t number) {
  std::printf("%s %llu\n", what, static_cast<unsigned long long>(number));
  std::fflush(stdout);
}

// Until told to stop, but a restore and a deletion at least. `acknowledged`: batches so far.
tessera::Status UseBackups(tessera::Catalog& catalog, const std::atomic<uint64_t>& acknowledged,
                           const std::stop_token& stop) {
  tessera::Backups& backups = catalog.backups();
  for (int made = 1; !stop.stop_requested() || made <= 5; ++made) {
    const uint64_t floor = acknowledged;
    TESSERA_ASSIGN_OR_RETURN(const tessera::BackupInfo info, backups.Create("c", {}));
    Say("backup", uint64_t{info.id} << 32 | floor);
    if (made % 3 == 2) {
      TESSERA_RETURN_IF_ERROR(backups.Restore("c", info.id, "r", {}).status());
      TESSERA_RETURN_IF_ERROR(catalog.Drop("r"));
    }
    TESSERA_ASSIGN_OR_RETURN(const auto all, backups.List("c"));
    if (all.size() < 4) continue;
    Say("forget", all.front().id);
    TESSERA_RETURN_IF_ERROR(backups.Delete("c", all.front().id));
  }
  return tessera::OkStatus();
}

int Fail(const tessera::Status& status) {
  std::fprintf(stderr, "crash_child: %s\n", status.ToString().c_str());
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tessera;
  if (argc != 5) return 2;
  const char* const faults = std::getenv("TESSERA_FILE_FAULT");
  crash::ArmFileFaults(crash::ParseFileFaults(faults ? faults : "", argv[1]));
  ThreadPoolExecutor compute(2), io(2);
  CatalogOptions options;
  options.path = argv[1];
  options.compute = &compute;
  options.io = &io;
  options.ingest_rows = std::strtoull(argv[4], nullptr, 10);
  auto catalog = Catalog::Open(options);
  if (!catalog.ok()) return Fail(catalog.status());
  auto collection = (*catalog)->Get("c");
  if (!collection.ok()) {
    CollectionSpec spec;
    spec.dim = crash::kDim;
    spec.quantizer = *QuantizerSpec::Parse("IVF24,PQ4,Refine(SQ8)");
    spec.auto_train = false;
    collection = (*catalog)->Create("c", spec);
    if (!collection.ok()) return Fail(collection.status());
  }
  Say("open", 0);
  const uint64_t first = std::strtoull(argv[2], nullptr, 10);
  const uint64_t count = std::strtoull(argv[3], nullptr, 10);
  std::atomic<uint64_t> acknowledged{first};
  Status kept;
  if ((*catalog)->Get("r").ok()) kept = (*catalog)->Drop("r");
  if (!kept.ok()) return Fail(kept);
  std::jthread keeper;
  if (std::getenv("TESSERA_CRASH_BACKUPS")) {
    keeper = std::jthread([&](const std::stop_token& stop) { kept = UseBackups(**catalog, acknowledged, stop); });
  }
  std::jthread trainer;  // joined whatever ends this
  for (uint64_t b = first; b < first + count; ++b) {
    const auto rows = crash::BatchRows(b);
    std::vector<PointInput> points;
    std::vector<std::string> payloads;
    for (uint64_t i = 0; i < crash::kBatch; ++i) {
      const char* bytes = reinterpret_cast<const char*>(rows.data() + i * crash::kDim);
      points.push_back({PointId(b * crash::kBatch + i), ElementType::kF32,
                        {bytes, crash::kDim * sizeof(float)}});
      payloads.push_back(crash::PayloadOf(b * crash::kBatch + i));
    }
    for (uint64_t i = 0; i < crash::kBatch; ++i) points[i].payload = payloads[i];
    const auto result = (*collection)->Upsert(points);
    if (!result.ok()) return Fail(result.status());
    acknowledged = b + 1;
    Say("ack", b);
    const std::string patch = crash::PatchOf(b);
    const auto patched = (*collection)->Patch({{PointId(b * crash::kBatch + 1), patch}},
                                              {.request_id = crash::RequestOf(b)});
    if (!patched.ok()) return Fail(patched.status());
    Say("patched", b);
    if (b == first + 5) {
      trainer = std::jthread([&] {
        // So few rows that there are fewer lists than asked for: the others come by splitting.
        TrainOptions training;
        training.sample_rows = 300;
        const Status status = (*collection)->Train(training);
        if (status.ok()) Say("trained", 0);
      });
    }
    // Deletes too: the first id of every tenth batch.
    if (b % 10 == 9) {
      const auto gone = (*collection)->Delete({PointId(b * crash::kBatch)});
      if (!gone.ok()) return Fail(gone.status());
      Say("deleted", b);
    }
  }
  keeper.request_stop();
  if (keeper.joinable()) keeper.join();
  if (!kept.ok()) return Fail(kept);
  if (trainer.joinable()) trainer.join();
  const auto split = (*collection)->Rebalance();
  if (!split.ok()) return Fail(split.status());
  Say("split", split->splits);
  const Status status = (*collection)->Train({});
  if (!status.ok()) return Fail(status);
  Say("trained", 0);
  const Status used = UseCodebooks((*collection)->codebooks());
  if (!used.ok()) return Fail(used);
  Say("calls", crash::FileCalls());
  Say("done", 0);
  return 0;
}

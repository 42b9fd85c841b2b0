#include "index/engine/resume.h"

#include "index/engine/metadata.h"

namespace tessera::engine {
namespace {

// The change that failed may have reached the log after all. Then the mirror lacks it, and only opening mends that.
bool StoreIsAt(const Core& core, uint64_t commit) {
  const auto record = core.store->GetRecord(kProgressRecord);
  if (!record.ok() || !*record) return false;
  const StatusOr<Progress> progress = DecodeProgress(**record);
  return progress.ok() && progress->commit == commit;
}

}  // namespace

void ResumeWrites(Core& core, Committer& committer) {
  if (core.store->CheckWritable().ok() || !core.store->CheckSpace(0).ok()) return;
  committer.RunExclusive([&] {
    if (!core.store->Resume().ok()) return;
    if (!StoreIsAt(core, core.snapshot.Get()->commit) || !core.requests.Open(*core.store).ok()) return;
    core.ClearReadOnly();
  });
}

}  // namespace tessera::engine

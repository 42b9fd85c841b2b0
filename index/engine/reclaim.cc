#include "index/engine/reclaim.h"

#include <algorithm>

#include "index/base/free_memory.h"
#include "index/engine/snapshot.h"

namespace tessera::engine {
namespace {

constexpr uint64_t kLeastRemoved = 8192;
constexpr uint64_t kPartRemoved = 4;

// Row ids that were given out and are no more.
uint64_t Removed(const Snapshot& snapshot) {
  return snapshot.next_row - std::min<uint64_t>(snapshot.next_row, snapshot.lists.live_rows());
}

bool IsDue(const Core& core, const Snapshot& snapshot) {
  const uint64_t removed = Removed(snapshot) - std::min<uint64_t>(Removed(snapshot), core.reclaimed_rows);
  return removed >= std::max(kLeastRemoved, snapshot.lists.live_rows() / kPartRemoved);
}

}  // namespace

Status ReclaimSpace(Core& core) {
  core.reclaimed_rows = Removed(*core.snapshot.Get());
  TESSERA_RETURN_IF_ERROR(core.store->Reclaim(core.closing));
  ReturnFreeMemory();
  return OkStatus();
}

void PostReclaim(const std::shared_ptr<Core>& core) {
  if (!core->options.background || core->read_only) return;
  const SnapshotPtr snapshot = core->snapshot.Get();
  if (!snapshot || !IsDue(*core, *snapshot) || core->reclaiming.exchange(true)) return;
  core->options.background->Post([core] {
    if (const Pass pass(core->gate); pass) {
      core->options.pace->Breathe(core->closing, StopToken());
      // What fails now is tried again when more is gone.
      while (!core->closing && IsDue(*core, *core->snapshot.Get())) (void)ReclaimSpace(*core);
    }
    core->reclaiming = false;
  });
}

}  // namespace tessera::engine

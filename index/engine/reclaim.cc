#include "index/engine/reclaim.h"

#include <algorithm>

#include "index/base/free_memory.h"
#include "index/engine/metadata.h"
#include "index/engine/snapshot.h"

namespace tessera::engine {
namespace {

constexpr uint64_t kLeastRemoved = 8192;
constexpr uint64_t kPartRemoved = 4;
constexpr uint64_t kPackedRows = 32768;  // in a turn

// Row ids that were given out and are no more.
uint64_t Removed(const Snapshot& snapshot) {
  return snapshot.next_row - std::min<uint64_t>(snapshot.next_row, snapshot.lists.live_rows());
}

bool IsDue(const Core& core, const Snapshot& snapshot) {
  const uint64_t removed = Removed(snapshot) - std::min<uint64_t>(Removed(snapshot), core.reclaimed_rows);
  return removed >= std::max(kLeastRemoved, snapshot.lists.live_rows() / kPartRemoved);
}

// Lists from `next` on whose dead rows wait for more of them, as a commit of its own: what filters let through is kept
// by the places of rows in one commit.
Status PackInTurn(Core& core, ListId& next) {
  if (core.read_only) return core.ReadOnlyStatus();
  const SnapshotPtr now = core.snapshot.Get();
  lists::ListSetEditor editor(now->lists);
  uint64_t rows = 0;
  for (; next.value < now->lists.nlist() && rows < kPackedRows; ++next.value) {
    const lists::List* list = now->lists.list(next);
    if (!list || list->live_rows == list->rows) continue;
    editor.Compact(next);
    rows += list->rows;
  }
  if (rows == 0) return OkStatus();
  const std::unique_ptr<store::Batch> batch = core.store->NewBatch();
  batch->PutRecord(kProgressRecord, EncodeProgress({now->commit + 1, now->next_row, now->written}));
  const auto durability = core.sync_writes ? store::Durability::kSync : store::Durability::kLogged;
  if (Status status = core.store->Write(*batch, durability); !status.ok()) {
    core.SetReadOnly(status);
    return status;
  }
  if (core.sync_writes) core.store->MarkDurable(now->commit + 1);
  auto packed = std::make_shared<Snapshot>(*now);
  packed->commit = now->commit + 1;
  packed->lists = editor.Finish();
  packed->store = core.store->GetSnapshot(packed->generation);
  core.Publish(std::move(packed));
  return OkStatus();
}

Status PackLists(Core& core, Committer& committer) {
  for (ListId next; next.value < core.snapshot.Get()->lists.nlist();) {
    if (core.closing) return Cancelled("the collection is being closed");
    Status status;
    committer.RunExclusive([&] { status = PackInTurn(core, next); });
    TESSERA_RETURN_IF_ERROR(status);
  }
  return OkStatus();
}

}  // namespace

Status ReclaimSpace(Core& core, Committer& committer) {
  core.reclaimed_rows = Removed(*core.snapshot.Get());
  TESSERA_RETURN_IF_ERROR(PackLists(core, committer));
  TESSERA_RETURN_IF_ERROR(core.store->Reclaim(core.closing));
  ReturnFreeMemory();
  return OkStatus();
}

void PostReclaim(const std::shared_ptr<Core>& core, const std::shared_ptr<Committer>& committer) {
  if (!core->options.background || core->read_only) return;
  const SnapshotPtr snapshot = core->snapshot.Get();
  if (!snapshot || !IsDue(*core, *snapshot) || core->reclaiming.exchange(true)) return;
  core->options.background->Post([core, committer] {
    if (const Pass pass(core->gate); pass) {
      core->options.pace->Breathe(core->closing, StopToken());
      // What fails now is tried again when more is gone.
      while (!core->closing && IsDue(*core, *core->snapshot.Get())) (void)ReclaimSpace(*core, *committer);
    }
    core->reclaiming = false;
  });
}

}  // namespace tessera::engine

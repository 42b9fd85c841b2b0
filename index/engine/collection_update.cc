#include "index/engine/collection_update.h"

#include <memory>
#include <mutex>

#include "index/engine/metadata.h"

namespace tessera::engine {
namespace {

// In the turn, as a training that switches meanwhile writes the spec, too.
Status UpdateInTurn(Core& core, const CollectionUpdate& update) {
  if (core.read_only) return core.ReadOnlyStatus();
  CollectionSpec spec;
  {
    std::lock_guard lock(core.spec_mutex);
    spec = core.spec;
  }
  if (update.memory_limit_bytes) spec.memory_limit_bytes = *update.memory_limit_bytes;
  if (update.refine_on_disk) spec.refine_on_disk = *update.refine_on_disk;
  TESSERA_RETURN_IF_ERROR(spec.Validate());
  const std::unique_ptr<store::Batch> batch = core.store->NewBatch();
  batch->PutRecord(kSpecRecord, EncodeSpec(spec));
  if (Status written = core.store->Write(*batch, store::Durability::kSync); !written.ok()) {
    core.SetReadOnly(written);
    return written;
  }
  core.memory->SetLimit(spec.memory_limit_bytes);
  std::lock_guard lock(core.spec_mutex);
  core.spec = std::move(spec);
  return OkStatus();
}

}  // namespace

Status UpdateCollection(Core& core, Committer& committer, const CollectionUpdate& update) {
  Status status;
  committer.RunExclusive([&] { status = UpdateInTurn(core, update); });
  return status;
}

}  // namespace tessera::engine

// Writes of a collection: prepared on the caller's thread, committed by the committer.
#include <utility>

#include "index/engine/collection_impl.h"
#include "index/engine/match_writes.h"
#include "index/engine/payload_upkeep.h"
#include "index/engine/waiter.h"
#include "index/engine/write_op.h"

namespace tessera::engine {

void CollectionImpl::Submit(std::unique_ptr<WriteOp> op, Ack ack) {
  if (op->rows.empty() && op->request_id.empty()) {
    return op->done(WriteResult{core_->snapshot.Get()->commit, 0, std::move(op->rejected)});
  }
  if (ack == Ack::kDurable) {
    if (const Status queued = committer_->Submit(op); !queued.ok()) op->done(queued);
    return;
  }
  OwnVectors(*op);
  const auto answer = std::move(op->done);
  WriteResult accepted{0, op->rows.size(), op->rejected};
  op->done = [core = core_, rows = op->rows.size(), told = op->rejected.size()](StatusOr<WriteResult> result) {
    core->accepted_rows_failed += result.ok() ? result->rejected.size() - told : rows;
  };
  const Status queued = committer_->Submit(op);
  queued.ok() ? answer(std::move(accepted)) : answer(queued);
}

void CollectionImpl::UpsertAsync(const std::vector<PointInput>& points, const UpsertOptions& options,
                                 UpsertDone done) {
  const Pass pass(core_->gate);
  if (!pass) return done(core_->ClosedStatus());
  StatusOr<std::unique_ptr<WriteOp>> op = PrepareUpsert(*core_, points, options);
  if (!op.ok()) return done(op.status());
  (*op)->done = [done = std::move(done)](StatusOr<WriteResult> result) {
    if (!result.ok()) return done(result.status());
    done(UpsertResult{result->commit, result->rows, std::move(result->rejected)});
  };
  Submit(*std::move(op), options.ack);
  MaybeTrain();
  MaybeTune();
  if (core_->options.background) MergePayloads(core_, committer_);
}

StatusOr<UpsertResult> CollectionImpl::Upsert(const std::vector<PointInput>& points,
                                              const UpsertOptions& options) {
  Waiter<UpsertResult> waiter;
  UpsertAsync(points, options, [&](StatusOr<UpsertResult> result) { waiter.Set(std::move(result)); });
  StatusOr<UpsertResult> result = waiter.Wait();
  PostUpkeep();
  if (!core_->options.background) MergePayloads(core_, committer_);
  return result;
}

void CollectionImpl::PatchAsync(const std::vector<PatchInput>& patches, const PatchOptions& options,
                                PatchDone done) {
  const Pass pass(core_->gate);
  if (!pass) return done(core_->ClosedStatus());
  StatusOr<std::unique_ptr<WriteOp>> op = PreparePatch(*core_, patches, options);
  if (!op.ok()) return done(op.status());
  (*op)->done = [done = std::move(done)](StatusOr<WriteResult> result) {
    if (!result.ok()) return done(result.status());
    done(PatchResult{result->commit, result->rows, std::move(result->rejected)});
  };
  Submit(*std::move(op), options.ack);
  if (core_->options.background) MergePayloads(core_, committer_);
}

StatusOr<PatchResult> CollectionImpl::Patch(const std::vector<PatchInput>& patches,
                                            const PatchOptions& options) {
  Waiter<PatchResult> waiter;
  PatchAsync(patches, options, [&](StatusOr<PatchResult> result) { waiter.Set(std::move(result)); });
  StatusOr<PatchResult> result = waiter.Wait();
  if (!core_->options.background) MergePayloads(core_, committer_);
  return result;
}

void CollectionImpl::DeleteAsync(const std::vector<PointId>& ids, const DeleteOptions& options,
                                 DeleteDone done) {
  const Pass pass(core_->gate);
  if (!pass) return done(core_->ClosedStatus());
  StatusOr<std::unique_ptr<WriteOp>> op = PrepareDelete(ids, options);
  if (!op.ok()) return done(op.status());
  (*op)->done = [done = std::move(done)](StatusOr<WriteResult> result) {
    if (!result.ok()) return done(result.status());
    done(DeleteResult{result->commit, result->rows, std::move(result->rejected)});
  };
  if (options.validate_only) return (*op)->done(TryDelete(*core_, core_->View(), **op));
  Submit(*std::move(op), options.ack);
  MaybeTune();
}

StatusOr<DeleteResult> CollectionImpl::Delete(const std::vector<PointId>& ids, const DeleteOptions& options) {
  Waiter<DeleteResult> waiter;
  DeleteAsync(ids, options, [&](StatusOr<DeleteResult> result) { waiter.Set(std::move(result)); });
  StatusOr<DeleteResult> result = waiter.Wait();
  PostUpkeep();
  return result;
}

StatusOr<DeleteResult> CollectionImpl::DeleteByFilter(const Filter& filter, const DeleteOptions& options) {
  // Held to the end: the store is read between commits. Once the collection is being closed the next of them is refused.
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  if (core_->read_only && !options.validate_only) return core_->ReadOnlyStatus();
  return DeleteMatches(*core_, core_->View(), filter, options,
                       [this](const std::vector<PointId>& ids, const DeleteOptions& some) {
                         return Delete(ids, some);
                       });
}

StatusOr<PatchResult> CollectionImpl::PatchByFilter(const Filter& filter, const PatchInput& patch,
                                                    const PatchOptions& options) {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  if (core_->read_only) return core_->ReadOnlyStatus();
  return PatchMatches(*core_, core_->View(), filter, patch, options,
                      [this](const std::vector<PatchInput>& patches, const PatchOptions& some) {
                        return Patch(patches, some);
                      });
}

StatusOr<uint64_t> CollectionImpl::RemoveExpired() {
  const Pass pass(core_->gate);
  if (!pass) return core_->ClosedStatus();
  core_->listed.Drop(core_->NowMs() - core_->options.list_retention_ms);
  const auto removed = RemoveExpiredPoints(*core_, *committer_);
  PostUpkeep();
  return removed;
}

}  // namespace tessera::engine

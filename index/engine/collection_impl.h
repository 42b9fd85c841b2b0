// The facade: checks arguments, pins a snapshot, hands work to search, committer and rebuild.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "index/backup.h"
#include "index/collection.h"
#include "index/engine/codebooks.h"
#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/store/store.h"

namespace tessera::engine {

class CollectionImpl final : public Collection {
 public:
  // Writes the first records of a new collection into an empty database at `path`.
  static Status Initialize(const std::string& path, const CollectionSpec& spec,
                           store::SharedResources& shared);
  // Opens what Initialize made and builds the mirror. DataLoss names what is damaged.
  static StatusOr<std::shared_ptr<CollectionImpl>> Open(const std::string& name, const std::string& path,
                                                        const CoreOptions& options,
                                                        store::SharedResources& shared);
  // Cancels a training, waits for calls under way, commits what is queued, closes the database. Calls
  // after it get NotFound. Once, by the catalog; not from inside a call or a callback.
  void Close();
  void EndUpkeep() { core_->closing = true; }
  // Of a restored copy: work that was under way was the other one's.
  Status ForgetUnfinished();
  // ResourceExhausted if the catalog's memory limit is exceeded with it. Before it is closed again.
  Status CheckFits();
  // Before its directory is renamed, and again if that failed.
  void SetDropping(bool dropping) { core_->dropping = dropping; }
  // The state at one commit as a database of its own in `directory` (store::Store::Checkpoint), and what a backup of
  // it says of itself. Commits wait for what has not been written to files yet, a few milliseconds' worth.
  StatusOr<BackupInfo> Checkpoint(const std::string& directory);

  const std::string& name() const override { return core_->name; }
  CollectionSpec spec() const override;
  Status Update(const CollectionUpdate& update) override;
  void UpsertAsync(const std::vector<PointInput>& points, const UpsertOptions& options,
                   UpsertDone done) override;
  StatusOr<UpsertResult> Upsert(const std::vector<PointInput>& points,
                                const UpsertOptions& options) override;
  void DeleteAsync(const std::vector<PointId>& ids, const DeleteOptions& options, DeleteDone done) override;
  StatusOr<DeleteResult> Delete(const std::vector<PointId>& ids, const DeleteOptions& options) override;
  void PatchAsync(const std::vector<PatchInput>& patches, const PatchOptions& options, PatchDone done) override;
  StatusOr<PatchResult> Patch(const std::vector<PatchInput>& patches, const PatchOptions& options) override;
  using Collection::QueryBatch;
  Status QueryBatch(MatrixView<const float> queries, const QueryParams& params,
                    std::vector<QueryResult>& results) override;
  StatusOr<QueryResult> QueryByExamples(const Examples& examples, const QueryParams& params) override;
  StatusOr<GroupResult> QueryGroups(const Examples& query, const GroupParams& groups,
                                    const QueryParams& params) override;
  StatusOr<RangeResult> QueryRange(const Examples& query, const RangeParams& params,
                                   const RangeVisitor& visit) override;
  StatusOr<std::vector<std::optional<StoredPoint>>> Get(const std::vector<PointId>& ids) override;
  StatusOr<ListResult> List(const ListParams& params) override;
  uint64_t Count() const override;
  StatusOr<uint64_t> Count(const Filter& filter) const override;
  StatusOr<std::vector<FacetCount>> Facet(std::string_view field, const Filter* filter,
                                          size_t limit) const override;
  StatusOr<DeleteResult> DeleteByFilter(const Filter& filter, const DeleteOptions& options) override;
  StatusOr<PatchResult> PatchByFilter(const Filter& filter, const PatchInput& patch,
                                      const PatchOptions& options) override;
  StatusOr<uint64_t> RemoveExpired() override;
  Status Train(const TrainOptions& options) override;
  StatusOr<EvaluateResult> Evaluate(const EvaluateOptions& options) const override;
  Codebooks& codebooks() override { return codebooks_; }
  StatusOr<TuneResult> Tune(const TuneOptions& options) override;
  StatusOr<RebalanceResult> Rebalance(const StopToken& stop) override;
  Status Reclaim() override;
  StatusOr<VerifyReport> Verify(const VerifyOptions& options) const override;
  StatusOr<EncodedVectors> Encode(MatrixView<const float> rows) override;
  Status Decode(const std::vector<uint32_t>& lists, std::string_view codes, float* out) override;
  CollectionStats Stats() const override;
  StatusOr<DriftReport> Drift() override;

 private:
  explicit CollectionImpl(std::shared_ptr<Core> core);
  // What writes leave to be done: to begin again after the disk was full, here; training, lists and space, in the background.
  // Cheap if nothing is due; nothing once closed. Not from inside a commit.
  void PostUpkeep();
  // Hands the op to the committer, or answers it at once.
  void Submit(std::unique_ptr<WriteOp> op, Ack ack);
  // Starts a training if the collection has grown or drifted enough since the last one.
  void MaybeTrain();
  bool HasGrown();
  bool HasDrifted();
  // Measures the recall curve in the background if there is none for the model in force, or the collection has
  // changed much since.
  void MaybeTune() { PostTuning(core_, committer_); }
  static void PostTuning(const std::shared_ptr<Core>& core, const std::shared_ptr<Committer>& committer);

  std::shared_ptr<Core> core_;
  std::shared_ptr<Committer> committer_;
  // Rows at which training starts by itself next; raised before each attempt, so that a failing one is not
  // repeated at every write.
  std::shared_ptr<std::atomic<uint64_t>> train_at_;
  CodebooksImpl codebooks_;
};

}  // namespace tessera::engine

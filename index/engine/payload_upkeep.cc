#include "index/engine/payload_upkeep.h"

#include <string>
#include <utility>
#include <vector>

#include "index/engine/snapshot.h"

namespace tessera::engine {
namespace {

constexpr size_t kBatchRows = 32768;

// Payloads of a scan on their way into an index, a batch at a time.
class IndexBuilder {
 public:
  explicit IndexBuilder(const PayloadSchema& schema) : index_(filter::PayloadIndex::Make(schema)) {}

  Status Add(RowId row, std::string_view payload) {
    rows_.push_back(row);
    texts_.emplace_back(payload);
    return rows_.size() < kBatchRows ? OkStatus() : Flush();
  }
  Status Flush() {
    std::vector<filter::PayloadRow> added;
    for (size_t i = 0; i < rows_.size(); ++i) added.push_back({rows_[i], texts_[i]});
    auto next = index_->With(added);
    if (!next.ok()) return DataLoss("payload index: " + MessageOf(next.status()));
    index_ = *std::move(next);
    rows_.clear();
    texts_.clear();
    return OkStatus();
  }
  std::shared_ptr<const filter::PayloadIndex> Finish() {
    while (const auto merged = index_->merge_due() ? index_->Merge() : nullptr) index_ = index_->Apply(merged);
    return index_;
  }

 private:
  std::shared_ptr<const filter::PayloadIndex> index_;
  std::vector<RowId> rows_;
  std::vector<std::string> texts_;
};

void MergeUntilDone(Core& core, Committer& committer) {
  for (;;) {
    const SnapshotPtr snapshot = core.snapshot.Get();
    if (core.closing || !snapshot || !snapshot->payloads->merge_due()) return;
    const filter::RowSet live = LiveRows(snapshot->lists);
    const auto merged = snapshot->payloads->Merge(
        [&](RowId row) { return row.value >= snapshot->next_row || live.Contains(row); });
    if (!merged) return;
    committer.RunExclusive([&] {
      const SnapshotPtr now = core.snapshot.Get();
      auto next = std::make_shared<Snapshot>(*now);
      next->payloads = now->payloads->Apply(merged);
      core.Publish(std::move(next));
    });
  }
}

}  // namespace

StatusOr<std::shared_ptr<const filter::PayloadIndex>> LoadPayloads(const store::Store& store,
                                                                   const store::StoreSnapshot& at,
                                                                   uint32_t next_row,
                                                                   const PayloadSchema& schema) {
  IndexBuilder builder(schema);
  TESSERA_RETURN_IF_ERROR(store.ScanPayloads(
      RowId{0}, RowId{next_row}, &at,
      [&](RowId row, std::string_view payload) { return builder.Add(row, payload); }));
  TESSERA_RETURN_IF_ERROR(builder.Flush());
  return builder.Finish();
}

filter::RowSet LiveRows(const lists::ListSet& lists) {
  std::vector<RowId> rows;
  rows.reserve(lists.live_rows());
  for (uint32_t l = 0; l < lists.nlist(); ++l) {
    const lists::List* list = lists.list(ListId{l});
    if (!list) continue;
    for (const lists::ChunkPtr& chunk : list->chunks) {
      for (size_t i = 0; i < chunk->rows; ++i) {
        if (chunk->is_live(i)) rows.push_back(chunk->row_id(i));
      }
    }
  }
  return filter::RowSet::OfRows(rows);
}

filter::RowSet LiveRows(const ReadView& view) {
  const filter::RowSet live = LiveRows(view.snapshot->lists);
  return view.expired.empty() ? live : live.AndNot(filter::RowSet::OfRows(view.expired));
}

void MergePayloads(const std::shared_ptr<Core>& core, const std::shared_ptr<Committer>& committer) {
  const SnapshotPtr snapshot = core->snapshot.Get();
  if (!snapshot || !snapshot->payloads->merge_due() || core->merging_payloads.exchange(true)) return;
  const auto run = [core, committer] {
    if (const Pass pass(core->gate); pass) MergeUntilDone(*core, *committer);
    core->merging_payloads = false;
  };
  if (core->options.background) {
    core->options.background->Post(run);
  } else {
    run();
  }
}

}  // namespace tessera::engine

#include "index/engine/write_set.h"

#include <utility>

#include "index/engine/metadata.h"

namespace tessera::engine {
namespace {

// A row's slice of an encoded request.
struct EncodedRow {
  ListId list;
  std::string_view code;
  float correction = 0;
  std::string_view refine;
};

EncodedRow RowOf(const quant::EncodedRows& e, const lists::RowLayout& layout, size_t i) {
  const auto* codes = reinterpret_cast<const char*>(e.codes.data());
  const auto* refine = reinterpret_cast<const char*>(e.refine.data());
  return {e.lists[i],
          {codes + i * layout.code_bytes, layout.code_bytes},
          e.corrections[i],
          {layout.record_bytes ? refine + i * layout.record_bytes : nullptr, layout.record_bytes}};
}

}  // namespace

WriteSet::Entry& WriteSet::EntryOf(const PointId& id) {
  const auto [it, added] = index_.emplace(&id, entries_.size());
  if (added) entries_.emplace_back().id = &id;
  return entries_[it->second];
}

Status WriteSet::Resolve() {
  commit_ = before_.commit + 1;
  next_row_ = before_.next_row;
  size_t rows = 0;
  for (const auto& op : group_) rows += op->size();
  entries_.reserve(rows);
  index_.reserve(rows);
  for (auto& op : group_) {
    if (op->generation != before_.generation && op->is_upsert()) EncodeOp(core_, before_, *op);
    for (const PreparedRow& row : op->rows) EntryOf(row.id);
    for (const PointId& id : op->deletes) EntryOf(id);
  }
  TESSERA_RETURN_IF_ERROR(LookUpOldRows());
  Replay();
  return CheckCapacity();
}

Status WriteSet::LookUpOldRows() {
  std::vector<const PointId*> ids;
  ids.reserve(entries_.size());
  for (const Entry& entry : entries_) ids.push_back(entry.id);
  TESSERA_ASSIGN_OR_RETURN(auto found, core_.store->GetIds(ids, nullptr));
  std::vector<RowId> old_rows;
  std::vector<size_t> owners;
  for (size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].old_row = found[i];
    entries_[i].exists = found[i].has_value();
    if (!found[i] || !before_.trained()) continue;
    old_rows.push_back(*found[i]);
    owners.push_back(i);
  }
  if (old_rows.empty()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(auto lists, core_.store->GetAssigns(before_.generation, old_rows, nullptr));
  for (size_t i = 0; i < owners.size(); ++i) {
    if (!lists[i] || lists[i]->value >= before_.lists.nlist()) {
      return DataLoss("row " + std::to_string(old_rows[i].value) + " has no valid list in family assign");
    }
    entries_[owners[i]].old_list = *lists[i];
  }
  return OkStatus();
}

void WriteSet::Replay() {
  deleted_counts_.assign(group_.size(), 0);
  for (size_t g = 0; g < group_.size(); ++g) {
    WriteOp& op = *group_[g];
    for (size_t i = 0; i < op.rows.size(); ++i) {
      Entry& entry = EntryOf(op.rows[i].id);
      entry.exists = true;
      entry.op = &op;
      entry.row = i;
    }
    for (const PointId& id : op.deletes) {
      Entry& entry = EntryOf(id);
      deleted_counts_[g] += entry.exists;
      entry.exists = false;
      entry.op = nullptr;
    }
  }
  for (Entry& entry : entries_) {
    if (entry.op) entry.new_row = RowId{next_row_++};
  }
}

Status WriteSet::CheckCapacity() {
  const uint64_t added = next_row_ - uint64_t{before_.next_row};
  if (added > 0 && uint64_t{before_.next_row} + added > uint64_t{core_.options.max_row_id} + 1) {
    return ResourceExhausted("collection \"" + core_.name + "\" has given out all its " +
                             std::to_string(uint64_t{core_.options.max_row_id} + 1) + " row numbers");
  }
  if (!before_.trained() && added > 0 &&
      (before_.lists.live_rows() + added) * core_.dim * sizeof(float) > core_.options.untrained_bytes) {
    return ResourceExhausted("collection \"" + core_.name + "\" holds as many raw vectors in memory as an " +
                             "untrained collection may (" + std::to_string(core_.options.untrained_bytes) +
                             " bytes): train it first");
  }
  return OkStatus();
}

void WriteSet::AddToBatch(store::Batch& batch, const Entry& entry) const {
  const Generation g = before_.generation;
  if (entry.old_row) {
    batch.DeleteRow(*entry.old_row);
    batch.DeleteVector(*entry.old_row);
    if (before_.trained()) {
      batch.DeleteAssign(g, *entry.old_row);
      batch.DeletePosting(g, entry.old_list, *entry.old_row);
    }
    if (!entry.op) batch.DeleteId(*entry.id);
  }
  if (!entry.op) return;
  const PreparedRow& row = entry.op->rows[entry.row];
  batch.PutId(*entry.id, entry.new_row);
  batch.PutRow(entry.new_row, {*entry.id, commit_, row.norm});
  batch.PutVector(entry.new_row, {row.type, row.vector, row.quantization});
  if (before_.trained()) {
    const EncodedRow e = RowOf(entry.op->encoded, before_.lists.layout(), entry.row);
    batch.PutAssign(g, entry.new_row, e.list);
    batch.PutPosting(g, e.list, entry.new_row, e.code, e.correction, e.refine);
  }
}

WrittenRows WriteSet::Written() const {
  WrittenRows written = before_.written;
  if (!before_.trained()) return written;
  for (const auto& op : group_) {
    written.rows += op->rows.size();
    written.errors.Add(op->errors);
  }
  return written;
}

Status WriteSet::Write() {
  const std::unique_ptr<store::Batch> batch = core_.store->NewBatch();
  for (const Entry& entry : entries_) AddToBatch(*batch, entry);
  batch->PutRecord(kProgressRecord, EncodeProgress({commit_, next_row_, Written()}));
  if (entries_.size() >= core_.options.ingest_rows) {
    return core_.store->Write(*batch, store::Durability::kIngest);
  }
  return core_.store->Write(*batch, core_.sync_writes ? store::Durability::kSync
                                                      : store::Durability::kLogged);
}

SnapshotPtr WriteSet::Publish() {
  lists::ListSetEditor editor(before_.lists);
  for (const Entry& entry : entries_) {
    if (entry.old_row) editor.Erase(before_.trained() ? entry.old_list : ListId{0}, *entry.old_row);
    if (!entry.op) continue;
    lists::NewRow row;
    row.row = entry.new_row;
    row.string_id = !entry.id->is_number();
    row.number = row.string_id ? 0 : entry.id->number();
    ListId list{0};
    if (before_.trained()) {
      const EncodedRow e = RowOf(entry.op->encoded, before_.lists.layout(), entry.row);
      list = e.list;
      row.code = reinterpret_cast<const uint8_t*>(e.code.data());
      row.correction = lists::CorrectionUnits(e.correction, before_.model->correction_step);
      row.record = reinterpret_cast<const uint8_t*>(e.refine.data());
    } else {
      row.record = reinterpret_cast<const uint8_t*>(entry.op->floats.data() + entry.row * core_.dim);
    }
    editor.Append(list, row);
  }
  auto after = std::make_shared<Snapshot>();
  after->commit = commit_;
  after->generation = before_.generation;
  after->model = before_.model;
  after->table = before_.table;
  after->lists = editor.Finish();
  after->store = core_.store->GetSnapshot();
  after->next_row = next_row_;
  after->rows_at_training = before_.rows_at_training;
  after->held_out = before_.held_out;
  after->written = Written();
  core_.snapshot.Set(after);
  return after;
}

void WriteSet::AppendChanges(RowChanges& changes) const {
  for (const Entry& entry : entries_) {
    if (entry.old_row) changes.removed.push_back(*entry.old_row);
    if (entry.op) changes.added.push_back(entry.new_row);
  }
}

void WriteSet::Complete(const Status& status, const SnapshotPtr& after) {
  for (size_t g = 0; g < group_.size(); ++g) {
    WriteOp& op = *group_[g];
    if (!status.ok()) {
      op.Finish(status);
    } else if (op.is_upsert()) {
      op.upsert_done(UpsertResult{after->commit, op.rows.size(), std::move(op.rejected)});
    } else {
      op.delete_done(DeleteResult{after->commit, deleted_counts_[g]});
    }
  }
}

}  // namespace tessera::engine

#include "index/engine/write_set.h"

#include <algorithm>
#include <utility>

#include "index/engine/memory_advice.h"
#include "index/engine/metadata.h"
#include "index/engine/sample.h"
#include "index/engine/statistics.h"
#include "index/payload.h"

namespace tessera::engine {
namespace {

std::string RowName(RowId row) { return "row " + std::to_string(row.value); }

}  // namespace

WriteSet::Entry& WriteSet::EntryOf(const PointId& id) {
  const auto [it, added] = index_.emplace(&id, entries_.size());
  if (added) entries_.emplace_back().id = &id;
  return entries_[it->second];
}

Status WriteSet::Resolve() {
  commit_ = before_.commit;
  next_row_ = before_.next_row;
  size_t rows = 0;
  for (const auto& op : group_) rows += op->rows.size();
  entries_.reserve(rows);
  index_.reserve(rows);
  for (auto& op : group_) {
    const bool encoded = op->kind == WriteKind::kUpsert;
    if (encoded && !FitsSnapshot(*op, before_)) EncodeOp(core_, before_, *op);
    for (const PreparedRow& row : op->rows) EntryOf(row.id);
  }
  TESSERA_RETURN_IF_ERROR(LookUpOldRows());
  TESSERA_RETURN_IF_ERROR(LookUpVersions());
  TESSERA_RETURN_IF_ERROR(LookUpPayloads());
  TESSERA_RETURN_IF_ERROR(Replay());
  TESSERA_RETURN_IF_ERROR(LoadCarried());
  TESSERA_RETURN_IF_ERROR(CheckCapacity());
  if (!HasChanges()) return OkStatus();
  after_ = std::make_shared<Snapshot>();
  TESSERA_RETURN_IF_ERROR(IndexPayloads());
  BuildNext();
  return TakeMemory();
}

Status WriteSet::LookUpOldRows() {
  std::vector<const PointId*> ids;
  ids.reserve(entries_.size());
  for (const Entry& entry : entries_) ids.push_back(entry.id);
  TESSERA_ASSIGN_OR_RETURN(auto found, core_.store->GetIds(ids, nullptr));
  const std::vector<RowId> expired = core_.expiry.Due(now_ms_);
  for (size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].old_row = found[i];
    // A point whose time has come is no more, though its row still has to go.
    entries_[i].exists = found[i] && !std::binary_search(expired.begin(), expired.end(), *found[i]);
  }
  return before_.trained() ? LookUpLists() : OkStatus();
}

Status WriteSet::LookUpLists() {
  std::vector<RowId> rows;
  std::vector<Entry*> owners;
  for (Entry& entry : entries_) {
    if (!entry.old_row) continue;
    rows.push_back(*entry.old_row);
    owners.push_back(&entry);
  }
  if (rows.empty()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(auto lists, core_.store->GetAssigns(before_.generation, rows, nullptr));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!lists[i] || lists[i]->value >= before_.lists.nlist()) {
      return DataLoss(RowName(rows[i]) + " has no valid list in family assign");
    }
    owners[i]->old_list = *lists[i];
  }
  return OkStatus();
}

template <typename Wanted>
std::vector<WriteSet::Entry*> WriteSet::OldEntries(const Wanted& wanted) {
  std::vector<Entry*> found;
  for (const auto& op : group_) {
    for (const PreparedRow& row : op->rows) {
      if (!wanted(*op, row)) continue;
      Entry& entry = EntryOf(row.id);
      if (entry.old_row) found.push_back(&entry);
    }
  }
  return found;
}

Status WriteSet::LookUpVersions() {
  const std::vector<Entry*> asked =
      OldEntries([](const WriteOp& op, const PreparedRow& row) { return op.conditional && row.if_version; });
  if (asked.empty()) return OkStatus();
  std::vector<RowId> rows;
  for (const Entry* entry : asked) rows.push_back(*entry->old_row);
  TESSERA_ASSIGN_OR_RETURN(const auto records, core_.store->GetRows(rows, nullptr));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!records[i]) return DataLoss(RowName(rows[i]) + " has no record");
    asked[i]->version = records[i]->version;
  }
  return OkStatus();
}

Status WriteSet::LookUpPayloads() {
  const std::vector<Entry*> merged = OldEntries([](const WriteOp& op, const PreparedRow&) {
    return op.kind == WriteKind::kPatch && op.patch_mode == PatchMode::kMerge;
  });
  if (merged.empty() || !core_.has_payloads) return OkStatus();
  std::vector<RowId> rows;
  for (const Entry* entry : merged) rows.push_back(*entry->old_row);
  TESSERA_ASSIGN_OR_RETURN(auto payloads, core_.store->GetPayloads(rows, nullptr));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (payloads[i]) merged[i]->payload = texts_.emplace_back(*std::move(payloads[i]));
  }
  return OkStatus();
}

Status WriteSet::Replay() {
  outcomes_.resize(group_.size());
  std::vector<std::string> ids;
  bool any = false;
  for (const auto& op : group_) {
    ids.push_back(op->request_id);
    any |= !op->request_id.empty();
  }
  if (any) { TESSERA_ASSIGN_OR_RETURN(kept_, core_.requests.Find(*core_.store, ids, now_ms_)); }
  for (size_t g = 0; g < group_.size(); ++g) {
    if (!group_[g]->request_id.empty()) TESSERA_RETURN_IF_ERROR(Repeat(g));
    if (!outcomes_[g].repeated) ReplayOp(g);
  }
  for (Entry& entry : entries_) {
    if (entry.changed && entry.exists) entry.new_row = RowId{next_row_++};
  }
  return OkStatus();
}

// The reply that a request before, or one of this group, was given under the same id.
Status WriteSet::Repeat(size_t g) {
  const WriteOp& op = *group_[g];
  Outcome& outcome = outcomes_[g];
  uint32_t fingerprint = 0;
  if (kept_[g]) {
    fingerprint = kept_[g]->fingerprint;
    TESSERA_ASSIGN_OR_RETURN(outcome.result, DecodeReply(kept_[g]->reply));
    outcome.repeated = true;
  }
  for (size_t before = 0; before < g && !outcome.repeated; ++before) {
    if (group_[before]->request_id != op.request_id || !outcomes_[before].status.ok()) continue;
    fingerprint = group_[before]->fingerprint;
    outcome.result = outcomes_[before].result;
    outcome.repeated = true;
  }
  if (outcome.repeated && fingerprint != op.fingerprint) {
    outcome.status = InvalidArgument("request_id \"" + op.request_id + "\" was used for another request");
  }
  return OkStatus();
}

Status WriteSet::CheckRow(const WriteOp& op, const PreparedRow& row, std::string_view& payload) {
  const Entry& entry = EntryOf(row.id);
  TESSERA_RETURN_IF_ERROR(CheckState(op, row, entry.exists, entry.version, core_.name));
  payload = row.payload;
  if (op.kind != WriteKind::kPatch || op.patch_mode != PatchMode::kMerge) return OkStatus();
  StatusOr<std::string> merged = MergePayload(entry.payload, row.payload);
  if (!merged.ok()) {
    return Annotate(merged.status(), "points[" + std::to_string(row.index) + "].payload: ");
  }
  if (const Status fits = core_.payload_schema.Validate(*merged); !fits.ok()) {
    return Annotate(fits, "points[" + std::to_string(row.index) + "].payload: ");
  }
  if (*merged == "{}") merged->clear();
  payload = texts_.emplace_back(*std::move(merged));
  return OkStatus();
}

bool WriteSet::Apply(WriteOp& op, size_t row, std::string_view payload, uint64_t version) {
  Entry& entry = EntryOf(op.rows[row].id);
  if (op.kind == WriteKind::kDelete && !entry.exists) return false;
  if (op.kind == WriteKind::kExpire && (entry.changed || entry.old_row != op.rows[row].expired_row)) return false;
  entry.changed = true;
  entry.exists = op.kind == WriteKind::kUpsert || op.kind == WriteKind::kPatch;
  entry.version = entry.exists ? version : 0;
  entry.payload = entry.exists ? payload : std::string_view();
  if (op.kind == WriteKind::kUpsert || op.rows[row].expire_at_ms) entry.expire_at_ms = op.rows[row].expire_at_ms;
  if (op.kind == WriteKind::kPatch) return true;
  entry.op = entry.exists ? &op : nullptr;
  entry.row = row;
  return true;
}

// Ids are there once in a request (or twice in a delete, where it changes nothing), so its rows are checked before
// any is applied.
void WriteSet::ReplayOp(size_t g) {
  WriteOp& op = *group_[g];
  Outcome& outcome = outcomes_[g];
  std::vector<RowError> refused;
  std::vector<std::string_view> payloads;
  if (op.needs_checks()) {
    payloads.resize(op.rows.size());
    for (size_t i = 0; i < op.rows.size(); ++i) {
      Status status = CheckRow(op, op.rows[i], payloads[i]);
      if (!status.ok()) refused.push_back({op.rows[i].index, std::move(status)});
    }
  }
  if (op.atomic && !refused.empty()) {
    outcome.status = std::move(refused.front().status);
    return;
  }
  auto next_refused = refused.begin();
  for (size_t i = 0; i < op.rows.size(); ++i) {
    if (next_refused != refused.end() && next_refused->index == op.rows[i].index) {
      ++next_refused;
      continue;
    }
    outcome.result.rows += Apply(op, i, payloads.empty() ? op.rows[i].payload : payloads[i], commit_ + 1);
  }
  if (outcome.result.rows > 0 || !op.request_id.empty()) ++commit_;
  outcome.result.commit = commit_;
  outcome.result.rejected.resize(op.rejected.size() + refused.size());
  std::merge(op.rejected.begin(), op.rejected.end(), refused.begin(), refused.end(),
             outcome.result.rejected.begin(),
             [](const RowError& a, const RowError& b) { return a.index < b.index; });
}

Status WriteSet::LoadCarried() {
  std::vector<RowId> rows;
  std::vector<ListId> lists;
  for (Entry& entry : entries_) {
    if (!entry.carries()) continue;
    entry.carried = rows.size();
    rows.push_back(*entry.old_row);
    lists.push_back(entry.old_list);
  }
  if (rows.empty()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(const auto records, core_.store->GetRows(rows, nullptr));
  TESSERA_ASSIGN_OR_RETURN(auto vectors, core_.store->GetVectors(rows, nullptr));
  std::vector<std::optional<store::StoredPosting>> postings(rows.size());
  if (before_.trained()) {
    const lists::RowLayout& layout = before_.lists.layout();
    TESSERA_ASSIGN_OR_RETURN(postings, core_.store->GetPostings(before_.generation, lists, rows, layout.code_bytes,
                                                                layout.record_bytes, nullptr));
  }
  carried_.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!records[i] || !vectors[i] || (before_.trained() && !postings[i])) {
      return DataLoss(RowName(rows[i]) + " has no record, no vector or no posting");
    }
    Carried& carried = carried_[i];
    carried.norm = records[i]->norm;
    carried.expire_at_ms = records[i]->expire_at_ms;
    carried.vector = *std::move(vectors[i]);
    if (before_.trained()) {
      carried.posting = *std::move(postings[i]);
      continue;
    }
    carried.floats.resize(core_.dim);
    TESSERA_RETURN_IF_ERROR(StoredFloats(core_, rows[i], carried.vector.view(), carried.floats.data()));
  }
  return OkStatus();
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

// Before anything is written: what cannot be indexed is refused.
Status WriteSet::IndexPayloads() {
  std::vector<filter::PayloadRow> added;
  for (const Entry& entry : entries_) {
    if (entry.changed && entry.exists && !entry.payload.empty()) added.push_back({entry.new_row, entry.payload});
  }
  after_->payloads = before_.payloads;
  if (added.empty()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(after_->payloads, before_.payloads->With(added));
  return OkStatus();
}

void WriteSet::BuildNext() {
  lists::ListSetEditor editor(before_.lists);
  for (const Entry& entry : entries_) {
    if (!entry.changed) continue;
    if (entry.old_row) editor.Erase(before_.trained() ? entry.old_list : ListId{0}, *entry.old_row);
    if (!entry.exists) continue;
    const RowData data = DataOf(entry);
    lists::NewRow row;
    row.row = entry.new_row;
    row.string_id = !entry.id->is_number();
    row.number = row.string_id ? 0 : entry.id->number();
    row.code = reinterpret_cast<const uint8_t*>(data.code.data());
    row.record = reinterpret_cast<const uint8_t*>(data.record.data());
    if (before_.trained()) row.correction = before_.model->CorrectionUnits(data.list, data.correction);
    editor.Append(data.list, row);
  }
  after_->commit = commit_;
  after_->generation = before_.generation;
  after_->model = before_.model;
  after_->table = before_.table;
  after_->lists = editor.Finish();
  after_->next_row = next_row_;
  after_->rows_at_training = before_.rows_at_training;
  after_->held_out = before_.held_out;
  after_->written = Written();
}

// What only takes away is never refused, though lists may be some bytes longer for a moment.
Status WriteSet::TakeMemory() {
  uint64_t bytes = ReadIndexBytes(core_, *after_);
  uint64_t rows = 0;
  for (const Entry& entry : entries_) {
    if (!entry.changed || !entry.exists) continue;
    ++rows;
    if (ExpiryOf(entry) > 0) bytes += ExpiryWatch::kRowBytes;
  }
  if (rows == 0 || !core_.memory->limited()) {
    core_.memory->Set(bytes);
    return OkStatus();
  }
  const uint64_t spare = RoomForTraining(core_, *after_);
  auto shortage = core_.memory->Change(bytes, spare);
  if (shortage && core_.filter_masks.bytes() > 0) {
    core_.filter_masks.Clear();
    shortage = core_.memory->Change(bytes, spare);
  }
  if (!shortage) return OkStatus();
  // Each request is tried alone then: only what does not fit by itself is refused.
  if (group_.size() > 1) return ResourceExhausted("the group takes too much memory");
  return RefuseWrite(core_, *after_, rows, *shortage);
}

int64_t WriteSet::ExpiryOf(const Entry& entry) const {
  return entry.expire_at_ms ? *entry.expire_at_ms : carried_[entry.carried].expire_at_ms;
}

WriteSet::RowData WriteSet::DataOf(const Entry& entry) const {
  if (!entry.op) {
    const Carried& carried = carried_[entry.carried];
    const auto* floats = reinterpret_cast<const char*>(carried.floats.data());
    if (!before_.trained()) {
      return {carried.norm, carried.vector.view(), {}, {}, 0, {floats, core_.dim * sizeof(float)}};
    }
    return {carried.norm,         carried.vector.view(),      entry.old_list,
            carried.posting.code, carried.posting.correction, carried.posting.refine};
  }
  const WriteOp& op = *entry.op;
  const size_t i = entry.row;
  const PreparedRow& row = op.rows[i];
  RowData data{row.norm, {row.type, row.vector, row.quantization}, {}, {}, 0, {}};
  if (!before_.trained()) {
    data.record = {reinterpret_cast<const char*>(op.floats.data() + i * core_.dim), core_.dim * sizeof(float)};
    return data;
  }
  const lists::RowLayout& layout = before_.lists.layout();
  data.list = op.encoded.lists[i];
  data.code = {reinterpret_cast<const char*>(op.encoded.codes.data()) + i * layout.code_bytes, layout.code_bytes};
  data.correction = op.encoded.corrections[i];
  if (layout.record_bytes > 0) {
    data.record = {reinterpret_cast<const char*>(op.encoded.refine.data()) + i * layout.record_bytes,
                   layout.record_bytes};
  }
  return data;
}

void WriteSet::AddToBatch(store::Batch& batch, const Entry& entry) {
  const Generation g = before_.generation;
  if (entry.old_row) {
    batch.DeleteRow(*entry.old_row);
    batch.DeleteVector(*entry.old_row);
    if (core_.has_payloads) batch.DeletePayload(*entry.old_row);
    if (before_.trained()) {
      batch.DeleteAssign(g, *entry.old_row);
      batch.DeletePosting(g, entry.old_list, *entry.old_row);
    }
    if (!entry.exists) batch.DeleteId(*entry.id);
  }
  if (!entry.exists) return;
  const RowData data = DataOf(entry);
  batch.PutId(*entry.id, entry.new_row);
  const int64_t expire_at_ms = ExpiryOf(entry);
  batch.PutRow(entry.new_row, {*entry.id, entry.version, data.norm, expire_at_ms});
  if (expire_at_ms > 0 && !core_.has_expiring.exchange(true)) batch.PutRecord(kExpiringRecord, {});
  batch.PutVector(entry.new_row, data.vector);
  if (!entry.payload.empty()) {
    batch.PutPayload(entry.new_row, entry.payload);
    core_.has_payloads = true;
  }
  if (!before_.trained()) return;
  batch.PutAssign(g, entry.new_row, data.list);
  batch.PutPosting(g, data.list, entry.new_row, data.code, data.correction, data.record);
}

WrittenRows WriteSet::Written() const {
  WrittenRows written = before_.written;
  if (!before_.trained()) return written;
  for (size_t g = 0; g < group_.size(); ++g) {
    if (group_[g]->kind != WriteKind::kUpsert || outcomes_[g].repeated || !outcomes_[g].status.ok()) continue;
    written.rows += outcomes_[g].result.rows;
    written.errors.Add(group_[g]->errors);
  }
  return written;
}

Status WriteSet::Write() {
  const std::unique_ptr<store::Batch> batch = core_.store->NewBatch();
  size_t changed = 0;
  for (const Entry& entry : entries_) {
    if (!entry.changed) continue;
    ++changed;
    AddToBatch(*batch, entry);
  }
  const RequestLog requests = core_.requests;  // as it is again if the batch is refused
  // A damaged place stays where it is; what is written now has nothing to do with it.
  if (!kept_.empty()) (void)core_.requests.Expire(*core_.store, now_ms_, *batch);
  for (size_t g = 0; g < group_.size(); ++g) {
    const Outcome& outcome = outcomes_[g];
    if (group_[g]->request_id.empty() || outcome.repeated || !outcome.status.ok()) continue;
    core_.requests.Keep(group_[g]->request_id, group_[g]->fingerprint, outcome.result, now_ms_, *batch);
  }
  batch->PutRecord(kProgressRecord, EncodeProgress({commit_, next_row_, Written()}));
  const auto durability = changed >= core_.options.ingest_rows ? store::Durability::kIngest
                          : core_.sync_writes                  ? store::Durability::kSync
                                                               : store::Durability::kLogged;
  const Status written = core_.store->Write(*batch, durability);
  if (!written.ok()) {
    core_.requests = requests;
    core_.memory->Set(ReadIndexBytes(core_, before_));
  }
  if (written.ok() && durability != store::Durability::kLogged) core_.store->MarkDurable(commit_);
  return written;
}

void WriteSet::Publish() {
  for (const Entry& entry : entries_) {
    if (!entry.changed || !entry.exists) continue;
    if (const int64_t at_ms = ExpiryOf(entry); at_ms > 0) core_.expiry.Add(entry.new_row, at_ms);
  }
  after_->store = core_.store->GetSnapshot(after_->generation);
  core_.Publish(std::move(after_));
}

void WriteSet::AppendChanges(RowChanges& changes) const {
  for (const Entry& entry : entries_) {
    if (!entry.changed) continue;
    if (entry.old_row) changes.removed.push_back(*entry.old_row);
    if (entry.exists) changes.added.push_back(entry.new_row);
  }
}

void WriteSet::Complete(const Status& status) {
  for (size_t g = 0; g < group_.size(); ++g) {
    if (!status.ok()) {
      group_[g]->done(status);
    } else if (!outcomes_[g].status.ok()) {
      group_[g]->done(outcomes_[g].status);
    } else {
      group_[g]->done(std::move(outcomes_[g].result));
    }
  }
}

}  // namespace tessera::engine

#include "index/engine/repair.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "index/engine/repair_records.h"
#include "index/engine/sample.h"
#include "index/engine/verify_codes.h"
#include "index/engine/verify_run.h"
#include "index/payload.h"
#include "index/quant/encoder.h"

namespace tessera::engine {
namespace {

constexpr size_t kPieceRows = 4096;  // read, encoded and written at a time

bool IsDamage(const Status& status) { return status.code() == absl::StatusCode::kDataLoss; }

// Looked up together, and one by one where that fails of damage: what can be read of a piece is read.
template <typename Value, typename Get>
StatusOr<std::vector<StatusOr<std::optional<Value>>>> GetEach(const std::vector<RowId>& rows, const Get& get) {
  std::vector<StatusOr<std::optional<Value>>> each;
  auto all = get(rows);
  if (all.ok()) {
    for (auto& one : *all) each.push_back(std::move(one));
    return each;
  }
  if (!IsDamage(all.status())) return all.status();
  for (const RowId row : rows) {
    auto one = get({row});
    if (!one.ok() && !IsDamage(one.status())) return one.status();
    if (one.ok()) {
      each.push_back(std::move((*one)[0]));
    } else {
      each.push_back(one.status());
    }
  }
  return each;
}

// A point on its way from one store to the other.
struct Survivor {
  RowId row;
  store::RowRecord record;
  store::RawVector vector;
  std::optional<std::string> payload;
};

class Salvage {
 public:
  Salvage(const store::Store& from, uint64_t durable, store::Store& to, const RepairOptions& options,
          RepairReport& report)
      : from_(from), durable_(durable), to_(to), options_(options), report_(report) {}

  StatusOr<bool> Run() {
    at_ = from_.GetSnapshot();
    TESSERA_ASSIGN_OR_RETURN(records_, ReadSalvagedRecords(from_, *at_, durable_, report_.notes));
    TESSERA_RETURN_IF_ERROR(ReadRows());
    TESSERA_RETURN_IF_ERROR(FindRowsByIds());
    TESSERA_RETURN_IF_ERROR(DropDuplicates());
    if (records_.model) TESSERA_RETURN_IF_ERROR(to_.CreateGeneration(records_.active.generation));
    TESSERA_RETURN_IF_ERROR(CopyRows());
    TESSERA_RETURN_IF_ERROR(CopyRequests());
    TESSERA_RETURN_IF_ERROR(WriteSalvagedRecords(records_, expiring_, to_, report_.notes));
    TESSERA_RETURN_IF_ERROR(to_.FlushAll());
    return records_.was_trained && !records_.model;
  }

 private:
  struct Entry {
    RowId row;
    uint64_t id_hash = 0;
    bool by_id = false;  // its own record cannot be read
  };

  Status ReadRows();
  Status FindRowsByIds();
  Status DropDuplicates();
  Status CopyRows();
  Status ReadPiece(size_t begin, size_t end);
  Status EncodePiece();
  Status EncodeInList(size_t i, ListId list);
  Status WritePiece();
  Status CopyRequests();

  void Lose(const std::string& name) {
    if (++report_.lost_points <= options_.max_lost) report_.lost.push_back(name);
  }
  bool IsPayload(const std::string& text) const {
    return CanonicalPayload(text).ok() && records_.spec.payload.Validate(text).ok();
  }
  void Report(double fraction, const char* stage) const {
    if (options_.progress) options_.progress(fraction, stage);
  }

  const store::Store& from_;
  const uint64_t durable_;
  store::Store& to_;
  const RepairOptions& options_;
  RepairReport& report_;
  InlineExecutor inline_;
  store::StoreSnapshotPtr at_;
  SalvagedRecords records_;
  std::vector<Entry> entries_;
  std::vector<RowId> unreadable_;
  std::map<uint32_t, PointId> ids_by_row_;  // of rows whose record cannot be read
  bool expiring_ = false;

  std::vector<Survivor> piece_;
  std::vector<float> floats_;
  quant::EncodedRows encoded_;
};

Status Salvage::ReadRows() {
  Report(0, "rows");
  uint32_t end = records_.progress.next_row;
  if (end == 0) {
    // Where the record of the last number is lost the ids tell it.
    const Status scanned = from_.ScanIds(at_.get(), [&](const PointId&, RowId row) {
      end = std::max(end, row.value + 1);
      return OkStatus();
    });
    if (!scanned.ok()) return Annotate(scanned, "neither the number of rows nor all ids can be read; restore a backup: ");
  }
  uint64_t last_version = records_.progress.commit;
  uint32_t last_row = 0;
  TESSERA_RETURN_IF_ERROR(VisitSurviving(
      end,
      [&](RowId begin, RowId stop, const auto& next) { return from_.ScanRows(begin, stop, at_.get(), next); },
      [&](RowId row, const auto& next) -> Status {
        TESSERA_ASSIGN_OR_RETURN(const auto got, from_.GetRows({row}, at_.get()));
        return got[0] ? next(row, *got[0]) : OkStatus();
      },
      [&](RowId row, const store::RowRecord& record) {
        entries_.push_back({row, HashOfId(record.id), false});
        last_version = std::max(last_version, record.version);
        last_row = row.value + 1;
        return entries_.size() % kPieceRows == 0 ? options_.stop.Check() : OkStatus();
      },
      [&](RowId row, const Status&) {
        unreadable_.push_back(row);
        return OkStatus();
      }));
  records_.progress.commit = last_version;
  records_.progress.next_row = std::max(records_.progress.next_row, last_row);
  return OkStatus();
}

// An id tells which row it stands for: all of the row's record but its version and expiry.
Status Salvage::FindRowsByIds() {
  if (unreadable_.empty()) return OkStatus();
  const Status scanned = from_.ScanIds(at_.get(), [&](const PointId& id, RowId row) {
    if (!std::binary_search(unreadable_.begin(), unreadable_.end(), row)) return OkStatus();
    ids_by_row_.emplace(row.value, id);
    entries_.push_back({row, HashOfId(id), true});
    return OkStatus();
  });
  if (!scanned.ok() && !IsDamage(scanned)) return scanned;
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.row < b.row; });
  if (!ids_by_row_.empty()) {
    report_.notes.push_back(std::to_string(ids_by_row_.size()) + " points have new versions and no expiry: theirs are lost");
  }
  if (scanned.ok()) return OkStatus();
  // Not even ids tell which of the unreadable records were points.
  report_.notes.push_back("of " + std::to_string(unreadable_.size() - ids_by_row_.size()) +
                          " rows neither record nor id can be read; those of them that were points are lost");
  return OkStatus();
}

// Where commits are lost, a row may be there beside the one that replaced it: the younger one counts.
Status Salvage::DropDuplicates() {
  std::vector<uint32_t> order(entries_.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return entries_[a].id_hash != entries_[b].id_hash ? entries_[a].id_hash < entries_[b].id_hash : a < b;
  });
  std::vector<bool> dropped(entries_.size());
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    const Entry& older = entries_[order[i]];
    const Entry& younger = entries_[order[i + 1]];
    if (older.id_hash != younger.id_hash) continue;
    TESSERA_ASSIGN_OR_RETURN(const auto records, from_.GetRows({older.row, younger.row}, at_.get()));
    dropped[order[i]] = records[0] && records[1] && records[0]->id == records[1]->id;
  }
  size_t kept = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!dropped[i]) entries_[kept++] = entries_[i];
  }
  entries_.resize(kept);
  return OkStatus();
}

Status Salvage::ReadPiece(size_t begin, size_t end) {
  piece_.clear();
  floats_.resize((end - begin) * records_.spec.dim);
  std::vector<RowId> rows;
  for (size_t i = begin; i < end; ++i) rows.push_back(entries_[i].row);
  TESSERA_ASSIGN_OR_RETURN(auto records, GetEach<store::RowRecord>(rows, [&](const std::vector<RowId>& some) {
    return from_.GetRows(some, at_.get());
  }));
  TESSERA_ASSIGN_OR_RETURN(auto vectors, GetEach<store::RawVector>(rows, [&](const std::vector<RowId>& some) {
    return from_.GetVectors(some, at_.get());
  }));
  TESSERA_ASSIGN_OR_RETURN(auto payloads, GetEach<std::string>(rows, [&](const std::vector<RowId>& some) {
    return from_.GetPayloads(some, at_.get());
  }));
  for (size_t i = 0; i < rows.size(); ++i) {
    Survivor survivor;
    survivor.row = rows[i];
    const bool by_id = entries_[begin + i].by_id;
    if (by_id) {
      survivor.record = {ids_by_row_[rows[i].value], records_.progress.commit, 0, 0};
    } else if (records[i].ok() && *records[i]) {
      survivor.record = **std::move(records[i]);
    } else {
      Lose("row " + std::to_string(rows[i].value));
      continue;
    }
    double norm = 0;
    float* floats = floats_.data() + piece_.size() * records_.spec.dim;
    if (!vectors[i].ok() || !*vectors[i] ||
        !StoredFloats(records_.spec.dim, records_.spec.metric, rows[i], (*vectors[i])->view(), floats, &norm).ok()) {
      Lose(survivor.record.id.ToString());
      continue;
    }
    survivor.vector = **std::move(vectors[i]);
    if (by_id) survivor.record.norm = static_cast<float>(norm);
    if (payloads[i].ok() && (!*payloads[i] || IsPayload(**payloads[i]))) {
      survivor.payload = *std::move(payloads[i]);
    } else if (++report_.lost_payloads <= options_.max_lost) {
      report_.lost_payload_points.push_back(survivor.record.id.ToString());
    }
    expiring_ |= survivor.record.expire_at_ms > 0;
    piece_.push_back(std::move(survivor));
  }
  return OkStatus();
}

// Codes that are there stay if they are those of their vectors, to the last byte; others are made anew, in the list that
// the row is in, if that can be read.
Status Salvage::EncodePiece() {
  Executor& executor = options_.executor ? *options_.executor : inline_;
  quant::EncodeRows(*records_.model, *records_.table, {floats_.data(), piece_.size(), records_.spec.dim}, executor, encoded_);
  if (!records_.keeps_lists) {
    report_.encoded_rows += piece_.size();
    return OkStatus();
  }
  std::vector<RowId> rows;
  for (const Survivor& survivor : piece_) rows.push_back(survivor.row);
  TESSERA_ASSIGN_OR_RETURN(const auto assigns, GetEach<ListId>(rows, [&](const std::vector<RowId>& some) {
    return from_.GetAssigns(records_.active.generation, some, at_.get());
  }));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (assigns[i].ok() && *assigns[i] && (*assigns[i])->value < records_.table->nlist()) {
      TESSERA_RETURN_IF_ERROR(EncodeInList(i, **assigns[i]));
    } else {
      ++report_.encoded_rows;
    }
  }
  return OkStatus();
}

Status Salvage::EncodeInList(size_t i, ListId list) {
  const size_t code_bytes = records_.model->code_bytes();
  const size_t refine_bytes = records_.model->refine_bytes();
  const float* vector = floats_.data() + i * records_.spec.dim;
  quant::EncodedRows alone;
  if (encoded_.lists[i] != list) {
    ListEncoder(*records_.model, *records_.table, inline_).Encode(list, {vector, 1, records_.spec.dim}, alone);
    encoded_.lists[i] = list;
    std::copy(alone.codes.begin(), alone.codes.end(), encoded_.codes.data() + i * code_bytes);
    encoded_.corrections[i] = alone.corrections[0];
    std::copy(alone.refine.begin(), alone.refine.end(), encoded_.refine.data() + i * refine_bytes);
  }
  const auto postings = from_.GetPostings(records_.active.generation, {list}, {piece_[i].row}, static_cast<uint32_t>(code_bytes),
                                          static_cast<uint32_t>(refine_bytes), at_.get());
  if (!postings.ok() || !(*postings)[0]) {
    ++report_.encoded_rows;
    return OkStatus();
  }
  const store::StoredPosting& posting = *(*postings)[0];
  const StoredCodes stored{{piece_[i].row},
                           {posting.code.begin(), posting.code.end()},
                           {posting.correction},
                           {posting.refine.begin(), posting.refine.end()}};
  if (CompareCodes(*records_.model, *records_.table, list, vector, stored, 0, encoded_, i) == CodeMatch::kOther) {
    ++report_.encoded_rows;
    return OkStatus();
  }
  ++report_.kept_codes;
  std::copy(stored.codes.begin(), stored.codes.end(), encoded_.codes.data() + i * code_bytes);
  encoded_.corrections[i] = posting.correction;
  std::copy(stored.refine.begin(), stored.refine.end(), encoded_.refine.data() + i * refine_bytes);
  return OkStatus();
}

Status Salvage::WritePiece() {
  if (piece_.empty()) return OkStatus();
  const std::unique_ptr<store::Batch> batch = to_.NewBatch();
  for (size_t i = 0; i < piece_.size(); ++i) {
    const Survivor& s = piece_[i];
    batch->PutId(s.record.id, s.row);
    batch->PutRow(s.row, s.record);
    batch->PutVector(s.row, s.vector.view());
    if (s.payload) batch->PutPayload(s.row, *s.payload);
    if (!records_.model) continue;
    const auto* codes = reinterpret_cast<const char*>(encoded_.codes.data());
    const auto* refine = reinterpret_cast<const char*>(encoded_.refine.data());
    batch->PutAssign(records_.active.generation, s.row, encoded_.lists[i]);
    batch->PutPosting(records_.active.generation, encoded_.lists[i], s.row,
                      {codes + i * records_.model->code_bytes(), records_.model->code_bytes()}, encoded_.corrections[i],
                      {refine + i * records_.model->refine_bytes(), records_.model->refine_bytes()});
  }
  report_.rows += piece_.size();
  return to_.Write(*batch, store::Durability::kIngest);
}

Status Salvage::CopyRows() {
  for (size_t begin = 0; begin < entries_.size(); begin += kPieceRows) {
    TESSERA_RETURN_IF_ERROR(options_.stop.Check());
    Report(0.1 + 0.7 * static_cast<double>(begin) / static_cast<double>(entries_.size()), "copy");
    TESSERA_RETURN_IF_ERROR(ReadPiece(begin, std::min(begin + kPieceRows, entries_.size())));
    if (records_.model && !piece_.empty()) TESSERA_RETURN_IF_ERROR(EncodePiece());
    TESSERA_RETURN_IF_ERROR(WritePiece());
  }
  return OkStatus();
}

// All or none: places must have no holes.
Status Salvage::CopyRequests() {
  const std::unique_ptr<store::Batch> batch = to_.NewBatch();
  uint64_t next = 0;
  const Status copied = from_.ScanRequests(
      0, UINT64_MAX, at_.get(), [&](uint64_t place, int64_t, std::string_view id) -> Status {
        TESSERA_ASSIGN_OR_RETURN(const auto records, from_.GetRequests({std::string(id)}, at_.get()));
        if (!records[0] || (next > 0 && place != next)) return DataLoss("place " + std::to_string(place));
        next = place + 1;
        store::RequestRecord record = *records[0];
        const uint64_t later = record.sequence;
        record.sequence = place;
        batch->PutRequest(id, record);
        // The later place of the id comes, and puts the record as it is.
        return later >= place ? OkStatus() : DataLoss("place " + std::to_string(place));
      });
  if (!copied.ok() && !IsDamage(copied)) return copied;
  if (copied.ok()) return next == 0 ? OkStatus() : to_.Write(*batch, store::Durability::kSync);
  report_.notes.push_back("the replies kept for requests with ids are lost: a request that comes again is carried out again");
  return OkStatus();
}

}  // namespace

StatusOr<bool> CopySurvivors(const store::Store& damaged, uint64_t durable, store::Store& fresh,
                             const RepairOptions& options, RepairReport& report) {
  return Salvage(damaged, durable, fresh, options, report).Run();
}

}  // namespace tessera::engine

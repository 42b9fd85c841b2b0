#include "index/engine/write_op.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "index/base/bytes.h"
#include "index/elements.h"
#include "index/engine/memory_advice.h"
#include "index/engine/vector_data.h"
#include "index/payload.h"

namespace tessera::engine {
namespace {

constexpr size_t kRowBytes = 96;  // of a prepared row beside its vector, about

struct PointerHash {
  size_t operator()(const PointId* id) const { return std::hash<PointId>()(*id); }
};
struct PointerEqual {
  bool operator()(const PointId* a, const PointId* b) const { return *a == *b; }
};
using SeenIds = std::unordered_map<const PointId*, size_t, PointerHash, PointerEqual>;

std::string Name(size_t index, const char* field) {
  return "points[" + std::to_string(index) + "]." + field;
}

// Converts the vector of points[index] into `out` and returns its norm.
StatusOr<double> ReadVector(const Core& core, const PointInput& point, size_t index, float* out) {
  const size_t want = core.dim * ElementSize(point.type);
  if (point.vector.size() != want) {
    return InvalidArgument(Name(index, "vector") + " has " + std::to_string(point.vector.size()) +
                           " bytes of " + ElementTypeName(point.type) + ", collection \"" + core.name +
                           "\" with " + std::to_string(core.dim) + " dimensions needs " +
                           std::to_string(want));
  }
  if (const Status suit = CheckQuantization(point.type, point.quantization); !suit.ok()) {
    return Annotate(suit, Name(index, "vector."));
  }
  ToFloats(point.type, point.quantization, point.vector.data(), core.dim, out);
  StatusOr<double> norm = CheckVector(out, core.dim, core.metric, std::string());
  // The name is built for a bad vector only.
  if (!norm.ok()) return Annotate(norm.status(), Name(index, "vector"));
  return norm;
}

// The canonical text; empty if there is nothing in it.
Status ReadPayload(const PayloadSchema& schema, std::string_view text, size_t index, std::string& out) {
  out.clear();
  if (text.empty() && !schema.partition()) return OkStatus();
  if (text.empty()) text = "{}";
  StatusOr<std::string> payload = CanonicalPayload(text);
  if (!payload.ok()) return Annotate(payload.status(), Name(index, "payload: "));
  if (const Status fits = schema.Validate(*payload); !fits.ok()) return Annotate(fits, Name(index, "payload: "));
  if (*payload != "{}") out = *std::move(payload);
  return OkStatus();
}

Status ReadPatch(const PayloadSchema& schema, const PatchInput& patch, PatchMode mode, size_t index,
                 std::string& out) {
  if (mode == PatchMode::kClear) {
    if (patch.payload.empty()) return ReadPayload(schema, {}, index, out);
    return InvalidArgument(Name(index, "payload") + " is given, though all of it is to be removed");
  }
  if (mode == PatchMode::kReplace) return ReadPayload(schema, patch.payload, index, out);
  StatusOr<std::string> merged = CanonicalPayload(patch.payload);
  if (!merged.ok()) return Annotate(merged.status(), Name(index, "payload: "));
  out = *std::move(merged);
  return OkStatus();
}

Status CheckExpiry(int64_t at_ms, size_t index) {
  if (at_ms >= 0) return OkStatus();
  return InvalidArgument(Name(index, "expire_at_ms") + " is " + std::to_string(at_ms) +
                         ", expected Unix milliseconds, or 0 for never");
}

// `seen`: ids of the good rows before; the id of a refused row is free for a later one.
Status CheckNewId(const PointId& id, size_t index, const SeenIds& seen) {
  TESSERA_RETURN_IF_ERROR(Annotate(CheckId(id, std::string()), Name(index, "id")));
  const auto it = seen.find(&id);
  if (it == seen.end()) return OkStatus();
  return InvalidArgument(Name(index, "id") + " " + id.ToString() + " stands at points[" +
                         std::to_string(it->second) + "] too");
}

Status CheckRequestId(const std::string& id) {
  if (id.size() <= kMaxRequestIdBytes) return OkStatus();
  return InvalidArgument("request_id is " + std::to_string(id.size()) + " bytes long, the limit is " +
                         std::to_string(kMaxRequestIdBytes));
}

template <typename Options>
StatusOr<std::unique_ptr<WriteOp>> StartOp(WriteKind kind, size_t rows, const Options& options) {
  TESSERA_RETURN_IF_ERROR(CheckRequestId(options.request_id));
  auto op = std::make_unique<WriteOp>();
  op->kind = kind;
  op->atomic = options.atomic;
  op->request_id = options.request_id;
  op->rows.reserve(rows);
  return op;
}

size_t BytesOf(const PreparedRow& row) {
  return kRowBytes + row.vector.size() + row.payload.size() + (row.id.is_number() ? 0 : row.id.key().size());
}

// A crc of all that decides what the request does.
uint32_t Fingerprint(const WriteOp& op) {
  std::string head;
  ByteWriter writer(head);
  writer.Put(static_cast<uint8_t>(op.kind));
  writer.Put(static_cast<uint8_t>(op.mode));
  writer.Put(static_cast<uint8_t>(op.patch_mode));
  writer.Put(static_cast<uint8_t>(op.atomic));
  for (const RowError& error : op.rejected) {
    writer.Put(uint64_t{error.index});
    writer.PutString(MessageOf(error.status));
  }
  uint32_t crc = Crc32c(head);
  for (const PreparedRow& row : op.rows) {
    head.clear();
    writer.Put(uint64_t{row.index});
    writer.PutString(row.id.ToString());
    writer.Put(static_cast<uint8_t>(row.if_version.has_value()));
    writer.Put(row.if_version.value_or(0));
    writer.Put(row.expire_at_ms.value_or(-1));
    writer.Put(static_cast<uint8_t>(row.type));
    writer.Put(row.quantization.scale);
    writer.Put(row.quantization.zero_point);
    writer.PutString(row.payload);
    crc = Crc32c(row.vector, Crc32c(head, crc));
  }
  return crc;
}

std::unique_ptr<WriteOp> Finished(std::unique_ptr<WriteOp> op) {
  for (const PreparedRow& row : op->rows) {
    op->bytes += BytesOf(row);
    op->conditional |= row.if_version.has_value();
  }
  if (!op->request_id.empty()) op->fingerprint = Fingerprint(*op);
  return op;
}

}  // namespace

StatusOr<std::unique_ptr<WriteOp>> PrepareUpsert(Core& core, const std::vector<PointInput>& points,
                                                 const UpsertOptions& options) {
  TESSERA_ASSIGN_OR_RETURN(auto op, StartOp(WriteKind::kUpsert, points.size(), options));
  op->mode = options.mode;
  // A request that comes again, or whose rows are refused for what is there, has an answer that takes no memory.
  if (options.request_id.empty() && options.mode == UpsertMode::kUpsert) {
    TESSERA_RETURN_IF_ERROR(CheckRoomForWrite(core, *core.snapshot.Get(), points.size()));
  }
  op->floats.resize(points.size() * core.dim);
  SeenIds seen;
  seen.reserve(points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    const PointInput& point = points[i];
    float* v = op->floats.data() + op->rows.size() * core.dim;
    PreparedRow row;
    Status status = CheckNewId(point.id, i, seen);
    double norm = 0;
    if (status.ok()) {
      StatusOr<double> read = ReadVector(core, point, i, v);
      status = read.status();
      if (read.ok()) norm = *read;
    }
    if (status.ok()) status = ReadPayload(core.payload_schema, point.payload, i, row.payload);
    if (status.ok()) status = CheckExpiry(point.expire_at_ms, i);
    if (!status.ok()) {
      if (options.atomic) return status;
      op->rejected.push_back({i, std::move(status)});
      continue;
    }
    seen.emplace(&point.id, i);
    if (core.metric == Metric::kCosine) Normalize(v, core.dim, norm);
    row.index = i;
    row.id = point.id;
    row.if_version = point.if_version;
    row.expire_at_ms = point.expire_at_ms;
    row.type = point.type;
    row.vector = point.vector;
    row.norm = static_cast<float>(norm);
    row.quantization = point.quantization;
    op->rows.push_back(std::move(row));
  }
  op->floats.resize(op->rows.size() * core.dim);
  EncodeOp(core, *core.snapshot.Get(), *op);
  return Finished(std::move(op));
}

StatusOr<std::unique_ptr<WriteOp>> PreparePatch(const Core& core, const std::vector<PatchInput>& patches,
                                                const PatchOptions& options) {
  TESSERA_ASSIGN_OR_RETURN(auto op, StartOp(WriteKind::kPatch, patches.size(), options));
  op->patch_mode = options.mode;
  SeenIds seen;
  seen.reserve(patches.size());
  for (size_t i = 0; i < patches.size(); ++i) {
    PreparedRow row;
    Status status = CheckNewId(patches[i].id, i, seen);
    if (status.ok()) status = ReadPatch(core.payload_schema, patches[i], options.mode, i, row.payload);
    if (status.ok()) status = CheckExpiry(patches[i].expire_at_ms.value_or(0), i);
    if (!status.ok()) {
      if (options.atomic) return status;
      op->rejected.push_back({i, std::move(status)});
      continue;
    }
    seen.emplace(&patches[i].id, i);
    row.index = i;
    row.id = patches[i].id;
    row.if_version = patches[i].if_version;
    row.expire_at_ms = patches[i].expire_at_ms;
    op->rows.push_back(std::move(row));
  }
  return Finished(std::move(op));
}

StatusOr<std::unique_ptr<WriteOp>> PrepareDelete(const std::vector<PointId>& ids,
                                                 const DeleteOptions& options) {
  if (!options.if_versions.empty() && options.if_versions.size() != ids.size()) {
    return InvalidArgument("if_versions has " + std::to_string(options.if_versions.size()) +
                           " versions, ids has " + std::to_string(ids.size()) + " ids");
  }
  TESSERA_ASSIGN_OR_RETURN(auto op, StartOp(WriteKind::kDelete, ids.size(), options));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (Status status = CheckId(ids[i], std::string()); !status.ok()) {
      status = Annotate(status, "ids[" + std::to_string(i) + "]");
      if (options.atomic) return status;
      op->rejected.push_back({i, std::move(status)});
      continue;
    }
    PreparedRow row;
    row.index = i;
    row.id = ids[i];
    if (!options.if_versions.empty() && options.if_versions[i] > 0) row.if_version = options.if_versions[i];
    op->rows.push_back(std::move(row));
  }
  return Finished(std::move(op));
}

Status CheckState(const WriteOp& op, const PreparedRow& row, bool exists, uint64_t version,
                  const std::string& collection) {
  const auto name = [&](const char* field) {
    if (op.kind != WriteKind::kDelete) return Name(row.index, field);
    return (field[1] == 'd' ? "ids[" : "if_versions[") + std::to_string(row.index) + "]";
  };
  const std::string id = " " + row.id.ToString() + " is ";
  const bool insert = op.kind == WriteKind::kUpsert && op.mode == UpsertMode::kInsert;
  const bool replaces = op.kind == WriteKind::kPatch ||
                        (op.kind == WriteKind::kUpsert && op.mode == UpsertMode::kUpdate);
  if (insert && exists) return AlreadyExists(name("id") + id + "in collection \"" + collection + "\" already");
  if (replaces && !exists) return NotFound(name("id") + id + "not in collection \"" + collection + "\"");
  if (!row.if_version || *row.if_version == (exists ? version : 0)) return OkStatus();
  return Aborted(name("if_version") + " is " + std::to_string(*row.if_version) + ", id " +
                 row.id.ToString() +
                 (exists ? " has version " + std::to_string(version) : std::string(" is not there")));
}

StatusOr<WriteResult> TryDelete(const Core& core, const ReadView& view, const WriteOp& op) {
  const Snapshot& snapshot = *view.snapshot;
  std::vector<const PointId*> ids;
  for (const PreparedRow& row : op.rows) ids.push_back(&row.id);
  TESSERA_ASSIGN_OR_RETURN(auto found, core.store->GetIds(ids, snapshot.store.get()));
  for (auto& row : found) {
    if (row && view.IsExpired(*row)) row.reset();
  }
  std::vector<RowId> old_rows;
  for (const auto& row : found) old_rows.push_back(row.value_or(RowId{}));
  std::vector<std::optional<store::RowRecord>> records(ids.size());
  if (op.conditional) {
    TESSERA_ASSIGN_OR_RETURN(records, core.store->GetRows(old_rows, snapshot.store.get()));
  }
  WriteResult result{snapshot.commit, 0, op.rejected};
  std::unordered_set<uint32_t> counted;
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint64_t version = found[i] && records[i] ? records[i]->version : 0;
    Status status = CheckState(op, op.rows[i], found[i].has_value(), version, core.name);
    if (status.ok()) {
      result.rows += found[i] && counted.insert(found[i]->value).second;
      continue;
    }
    if (op.atomic) return status;
    result.rejected.push_back({op.rows[i].index, std::move(status)});
  }
  std::sort(result.rejected.begin(), result.rejected.end(),
            [](const RowError& a, const RowError& b) { return a.index < b.index; });
  return result;
}

void OwnVectors(WriteOp& op) {
  size_t bytes = 0;
  for (const PreparedRow& row : op.rows) bytes += row.vector.size();
  op.owned.reserve(bytes);
  for (const PreparedRow& row : op.rows) op.owned.append(row.vector);
  size_t begin = 0;
  for (PreparedRow& row : op.rows) {
    row.vector = std::string_view(op.owned).substr(begin, row.vector.size());
    begin += row.vector.size();
  }
}

void EncodeOp(Core& core, const Snapshot& snapshot, WriteOp& op) {
  op.generation = snapshot.generation;
  op.model = snapshot.model;
  op.table = snapshot.table;
  if (op.floats.empty()) {
    op.floats.resize(op.rows.size() * core.dim);
    for (size_t i = 0; i < op.rows.size(); ++i) {
      float* v = op.floats.data() + i * core.dim;
      const PreparedRow& row = op.rows[i];
      ToFloats(row.type, row.quantization, row.vector.data(), core.dim, v);
      StatusOr<double> norm = CheckVector(v, core.dim, core.metric, std::string());
      if (core.metric == Metric::kCosine && norm.ok()) Normalize(v, core.dim, *norm);
    }
  }
  if (!snapshot.trained()) return;
  const MatrixView<const float> rows(op.floats.data(), op.rows.size(), core.dim);
  quant::EncodeRows(*snapshot.model, *snapshot.table, rows, *core.options.compute, op.encoded);
  const size_t step = WrittenStep(core.dim);
  const size_t before = core.encoded_rows.fetch_add(rows.rows()) % step;
  op.errors = MeasureEncoded(*snapshot.model, *snapshot.table, rows, op.encoded, (step - before) % step, step);
  op.floats = {};
}

bool FitsSnapshot(const WriteOp& op, const Snapshot& snapshot) {
  if (op.generation != snapshot.generation) return false;
  if (op.table == snapshot.table) return true;
  const quant::ListTable& now = *snapshot.table;
  return std::all_of(op.encoded.lists.begin(), op.encoded.lists.end(), [&](ListId list) {
    if (list.value >= now.nlist() || op.model->list_scale(list) != snapshot.model->list_scale(list)) return false;
    return std::equal(now.centroid(list), now.centroid(list) + now.dim(), op.table->centroid(list));
  });
}

}  // namespace tessera::engine

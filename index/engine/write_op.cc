#include "index/engine/write_op.h"

#include <unordered_map>
#include <utility>

#include "index/elements.h"
#include "index/engine/vector_data.h"

namespace tessera::engine {
namespace {

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

// `seen`: ids of the good rows before; the id of a refused row is free for a later one.
Status CheckNewId(const PointInput& point, size_t index, const SeenIds& seen) {
  TESSERA_RETURN_IF_ERROR(Annotate(CheckId(point.id, std::string()), Name(index, "id")));
  const auto it = seen.find(&point.id);
  if (it == seen.end()) return OkStatus();
  return InvalidArgument(Name(index, "id") + " " + point.id.ToString() + " stands at points[" +
                         std::to_string(it->second) + "] too");
}

}  // namespace

StatusOr<std::unique_ptr<WriteOp>> PrepareUpsert(Core& core, const std::vector<PointInput>& points,
                                                 const UpsertOptions& options) {
  auto op = std::make_unique<WriteOp>();
  op->rows.reserve(points.size());
  op->floats.resize(points.size() * core.dim);
  SeenIds seen;
  seen.reserve(points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    const PointInput& point = points[i];
    float* v = op->floats.data() + op->rows.size() * core.dim;
    Status status = CheckNewId(point, i, seen);
    double norm = 0;
    if (status.ok()) {
      StatusOr<double> read = ReadVector(core, point, i, v);
      status = read.status();
      if (read.ok()) norm = *read;
    }
    if (!status.ok()) {
      if (!options.partial) return status;
      op->rejected.push_back({i, std::move(status)});
      continue;
    }
    seen.emplace(&point.id, i);
    if (core.metric == Metric::kCosine) Normalize(v, core.dim, norm);
    op->rows.push_back(
        {point.id, point.type, point.vector, static_cast<float>(norm), point.quantization});
    op->bytes += point.vector.size() + 64 + (point.id.is_number() ? 0 : point.id.key().size());
  }
  op->floats.resize(op->rows.size() * core.dim);
  EncodeOp(core, *core.snapshot.Get(), *op);
  return op;
}

void EncodeOp(Core& core, const Snapshot& snapshot, WriteOp& op) {
  op.generation = snapshot.generation;
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

}  // namespace tessera::engine

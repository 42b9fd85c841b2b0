#include "index/engine/target.h"

#include <algorithm>
#include <utility>

#include "index/engine/sample.h"
#include "index/engine/vector_data.h"

namespace tessera::engine {
namespace {

constexpr double kLeastNorm = 1e-6;  // of a mean of unit vectors

// Adds up examples of one kind.
class Mean {
 public:
  explicit Mean(size_t dim) : sum_(dim) {}
  void Add(const float* row) {
    for (size_t j = 0; j < sum_.size(); ++j) sum_[j] += row[j];
    ++rows_;
  }
  bool empty() const { return rows_ == 0; }
  double operator[](size_t j) const { return sum_[j] / static_cast<double>(rows_); }

 private:
  std::vector<double> sum_;
  size_t rows_ = 0;
};

Status CheckCounts(const Core& core, const Examples& examples) {
  for (const auto* vectors : {&examples.positive_vectors, &examples.negative_vectors}) {
    if (vectors->size() % core.dim == 0) continue;
    return InvalidArgument("example vectors have " + std::to_string(vectors->size()) +
                           " components, not a multiple of the " + std::to_string(core.dim) +
                           " dimensions of collection \"" + core.name + "\"");
  }
  const size_t positive = examples.positive.size() + examples.positive_vectors.size() / core.dim;
  const size_t negative = examples.negative.size() + examples.negative_vectors.size() / core.dim;
  if (positive == 0) return InvalidArgument("no positive example is given");
  if (positive + negative > kMaxExamples) {
    return InvalidArgument("there are " + std::to_string(positive + negative) + " examples, the most is " +
                           std::to_string(kMaxExamples));
  }
  return OkStatus();
}

// Adds the vectors of stored points, and their rows to those left out.
Status AddStored(const Core& core, const ReadView& view, const std::vector<PointId>& ids, Mean& mean,
                 std::vector<RowId>& left_out) {
  std::vector<const PointId*> pointers;
  for (const PointId& id : ids) pointers.push_back(&id);
  const store::StoreSnapshot* at = view.snapshot->store.get();
  TESSERA_ASSIGN_OR_RETURN(const auto found, core.store->GetIds(pointers, at));
  std::vector<RowId> rows;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!found[i] || view.IsExpired(*found[i])) {
      return NotFound("id " + ids[i].ToString() + " is not in collection \"" + core.name + "\"");
    }
    rows.push_back(*found[i]);
  }
  TESSERA_ASSIGN_OR_RETURN(const auto vectors, core.store->GetVectors(rows, at));
  std::vector<float> row(core.dim);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!vectors[i]) return DataLoss("row " + std::to_string(rows[i].value) + " has no vector");
    TESSERA_RETURN_IF_ERROR(StoredFloats(core, rows[i], vectors[i]->view(), row.data()));
    mean.Add(row.data());
  }
  left_out.insert(left_out.end(), rows.begin(), rows.end());
  return OkStatus();
}

Status AddVectors(const Core& core, const std::vector<float>& vectors, const std::string& name, Mean& mean) {
  std::vector<float> prepared;
  TESSERA_RETURN_IF_ERROR(
      PrepareVectors(core, {vectors.data(), vectors.size() / core.dim, core.dim}, name, prepared));
  for (size_t i = 0; i < prepared.size(); i += core.dim) mean.Add(prepared.data() + i);
  return OkStatus();
}

}  // namespace

Status PrepareVectors(const Core& core, MatrixView<const float> rows, const std::string& name,
                      std::vector<float>& out) {
  if (rows.dim() != core.dim) {
    return InvalidArgument(name + " have " + std::to_string(rows.dim()) +
                           " dimensions, collection \"" + core.name + "\" has " +
                           std::to_string(core.dim));
  }
  out.resize(rows.rows() * core.dim);
  for (size_t i = 0; i < rows.rows(); ++i) {
    float* v = out.data() + i * core.dim;
    std::copy_n(rows.row(i), core.dim, v);
    StatusOr<double> norm = CheckVector(v, core.dim, core.metric, std::string());
    if (!norm.ok()) return Annotate(norm.status(), name + "[" + std::to_string(i) + "]");
    if (core.metric == Metric::kCosine) Normalize(v, core.dim, *norm);
  }
  return OkStatus();
}

StatusOr<QueryTarget> FindTarget(const Core& core, const ReadView& view, const Examples& examples) {
  TESSERA_RETURN_IF_ERROR(CheckCounts(core, examples));
  QueryTarget target;
  Mean positive(core.dim), negative(core.dim);
  TESSERA_RETURN_IF_ERROR(AddStored(core, view, examples.positive, positive, target.left_out));
  TESSERA_RETURN_IF_ERROR(AddStored(core, view, examples.negative, negative, target.left_out));
  TESSERA_RETURN_IF_ERROR(AddVectors(core, examples.positive_vectors, "positive_vectors", positive));
  TESSERA_RETURN_IF_ERROR(AddVectors(core, examples.negative_vectors, "negative_vectors", negative));
  std::sort(target.left_out.begin(), target.left_out.end());
  target.left_out.erase(std::unique(target.left_out.begin(), target.left_out.end()), target.left_out.end());
  std::vector<float> query(core.dim);
  for (size_t j = 0; j < core.dim; ++j) {
    query[j] = static_cast<float>(negative.empty() ? positive[j] : 2 * positive[j] - negative[j]);
  }
  const size_t examples_given = examples.positive.size() + examples.positive_vectors.size() / core.dim;
  if (negative.empty() && examples_given == 1) {  // a single one is prepared already, to the last bit
    target.vector = std::move(query);
    return target;
  }
  const StatusOr<double> norm = CheckVector(query.data(), core.dim, core.metric, "the mean of the examples");
  // Opposite directions leave a rest of rounding, which points anywhere.
  if (core.metric == Metric::kCosine && (!norm.ok() || *norm < kLeastNorm)) {
    return InvalidArgument("the examples cancel each other out");
  }
  TESSERA_RETURN_IF_ERROR(norm.status());
  if (core.metric == Metric::kCosine) Normalize(query.data(), core.dim, *norm);
  target.vector = std::move(query);
  return target;
}

}  // namespace tessera::engine

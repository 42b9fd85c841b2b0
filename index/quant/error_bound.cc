#include "index/quant/error_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "index/quant/blas.h"
#include "index/quant/encoder.h"
#include "index/quant/nearest.h"
#include "index/quant/query.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr uint64_t kStream = 106;  // of random numbers, beside the trainer's and mu's
constexpr size_t kQueries = 512;
constexpr size_t kMinRows = 1000;
constexpr size_t kMaxRows = 65536;
constexpr double kNeighbours = 10;
constexpr size_t kTogether = 8;  // queries whose distances are one matrix product
constexpr double kDeviations = 3;

class ErrorBoundFit {
 public:
  explicit ErrorBoundFit(const ErrorBoundInput& input) : input_(input), model_(input.model) {}

  StatusOr<float> Run() {
    const size_t n = std::min(input_.sample.rows(), kMaxRows);
    const bool known = model_.record.has_slack() || model_.metric == Metric::kInnerProduct;
    if (n < kMinRows || known) return 0.0f;
    Random random(input_.seed, kStream);
    rows_ = GatherRows(input_.sample, SampleIndices(input_.sample.rows(), n, random));
    norms_ = SquaredNorms(rows_.data(), n, model_.dim);
    std::vector<CorrectionTerms> terms;  // asked for, so that refine records are left out
    EncodeRows(model_, input_.lists, {rows_.data(), n, model_.dim}, input_.executor, encoded_,
               &terms);
    TESSERA_RETURN_IF_ERROR(input_.stop.Check());
    const double share = static_cast<double>(n) / static_cast<double>(input_.total_rows);
    neighbours_ = static_cast<size_t>(std::clamp(std::round(kNeighbours * share), 1.0, 10.0));
    queries_ = SampleIndices(n, std::min(kQueries, n / 2), random);
    errors_.resize(queries_.size() * neighbours_);
    ParallelFor(input_.executor, queries_.size(), kTogether, [&](size_t begin, size_t end) {
      if (input_.stop.Check().ok()) Measure(begin, end);
    });
    TESSERA_RETURN_IF_ERROR(input_.stop.Check());
    return Bound();
  }

 private:
  const float* Row(size_t i) const { return rows_.data() + i * model_.dim; }

  // Errors of queries [begin, end).
  void Measure(size_t begin, size_t end) {
    const size_t n = norms_.size();
    const uint32_t dim = model_.dim;
    std::vector<float> some;
    for (size_t q = begin; q < end; ++q) {
      some.insert(some.end(), Row(queries_[q]), Row(queries_[q]) + dim);
    }
    std::vector<float> products((end - begin) * n);
    MultiplyTransposed(end - begin, n, dim, some.data(), dim, rows_.data(), dim, products.data(),
                       n);
    std::vector<uint32_t> order(n);
    for (size_t q = begin; q < end; ++q) {
      float* distances = products.data() + (q - begin) * n;
      for (size_t i = 0; i < n; ++i) {
        distances[i] = norms_[i] - 2.0f * distances[i];
        order[i] = static_cast<uint32_t>(i);
      }
      distances[queries_[q]] = std::numeric_limits<float>::max();
      std::nth_element(order.begin(), order.begin() + static_cast<ptrdiff_t>(neighbours_ - 1),
                       order.end(), [distances](uint32_t a, uint32_t b) {
                         return distances[a] != distances[b] ? distances[a] < distances[b] : a < b;
                       });
      MeasureQuery(queries_[q], {order.data(), neighbours_}, errors_.data() + q * neighbours_);
    }
  }

  // A row far from all others (outliers.h) has none near: no errors then.
  void MeasureQuery(uint32_t row, std::span<const uint32_t> near, double* errors) const {
    TransformedQuery query;
    TransformQuery(model_, Row(row), query);
    const auto& kernels = simd::ActiveKernels();
    const uint32_t kept = model_.code_dim();
    const float residual =
        kernels.l2sqr(query.y.data(), input_.lists.centroid(encoded_.lists[row]), kept) + query.tail;
    if (model_.residual_limit > 0 && residual > model_.residual_limit) {
      std::fill_n(errors, near.size(), std::numeric_limits<double>::quiet_NaN());
      return;
    }
    RecordQuery record_query;
    const bool records = !model_.record.empty();
    if (records) {
      model_.record.Prepare(query.y.data(), record_query);
    }
    std::vector<float> decoded(kept);
    for (size_t k = 0; k < near.size(); ++k) {
      const uint32_t i = near[k];
      const float* centroid = input_.lists.centroid(encoded_.lists[i]);
      const float base = kernels.l2sqr(query.y.data(), centroid, kept) + query.tail;
      const uint8_t* code = encoded_.codes.data() + size_t{i} * model_.code_bytes();
      float estimate = 0;
      if (records) {
        model_.record.EnterList(centroid, record_query);
        estimate = model_.record.Score(record_query, base, code);
      } else {
        DecodeResidual(model_, encoded_.lists[i], code, decoded.data());
        estimate = base + model_.list_scale(encoded_.lists[i]) * encoded_.corrections[i] -
                   2.0f * kernels.dot(query.y.data(), decoded.data(), kept);
      }
      const float exact = kernels.l2sqr(Row(row), Row(i), model_.dim);
      const double distance = std::sqrt(std::max(double{base}, 1e-30));
      errors[k] = (double{estimate} - double{exact}) / distance;
    }
  }

  float Bound() {
    std::erase_if(errors_, [](double error) { return std::isnan(error); });
    const auto n = static_cast<double>(errors_.size());
    double mean = 0, squares = 0;
    for (const double error : errors_) mean += error / n;
    for (const double error : errors_) squares += (error - mean) * (error - mean) / n;
    const double bound = mean + kDeviations * std::sqrt(squares);
    return std::isfinite(bound) && bound > 0 ? static_cast<float>(bound) : 0.0f;
  }

  const ErrorBoundInput& input_;
  const Model& model_;
  std::vector<float> rows_;
  std::vector<float> norms_;
  EncodedRows encoded_;
  std::vector<uint32_t> queries_;
  size_t neighbours_ = 1;
  std::vector<double> errors_;  // [query][neighbour]
};

}  // namespace

StatusOr<float> MeasureErrorBound(const ErrorBoundInput& input) {
  return ErrorBoundFit(input).Run();
}

}  // namespace tessera::quant

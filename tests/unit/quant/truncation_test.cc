// Codes of fewer dimensions than rows have, against formulas computed in the rows' own dimensions.
#include "index/quant/truncation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <numeric>

#include "index/quant/coarse.h"
#include "index/quant/encoder.h"
#include "index/quant/query.h"
#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kDim = 24;
constexpr uint32_t kKept = 10;
constexpr Metric kMetrics[] = {Metric::kL2, Metric::kInnerProduct, Metric::kCosine};

// Clusters whose components become the smaller the later they are, all away from zero.
Rows DecayingRows(size_t n, uint64_t seed, Metric metric = Metric::kL2) {
  Rows rows = ClusteredRows(n, kDim, 30, seed);
  for (size_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j < kDim; ++j) {
      rows.data[i * kDim + j] = 0.7f + rows.row(i)[j] * std::exp(-0.12f * static_cast<float>(j));
    }
  }
  if (metric == Metric::kCosine) NormalizeRows({rows.data.data(), n, kDim});
  return rows;
}

// R^T y + m0, or R^T y alone, by its definition.
std::vector<double> Lift(const Model& model, const float* y, bool add_mean) {
  std::vector<double> out(model.dim);
  for (uint32_t j = 0; j < model.dim; ++j) {
    out[j] = add_mean ? model.mean[j] : 0;
    if (model.rotation.empty()) {
      if (j < model.code_dim()) out[j] += y[j];
      continue;
    }
    if (j >= model.rotated_dim()) continue;
    for (uint32_t i = 0; i < model.code_dim(); ++i) {
      out[j] += double{model.rotation[i * model.rotated_dim() + j]} * y[i];
    }
  }
  return out;
}

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// One row in all dimensions: the lifted centroid, what is left of the row beside it, what its code
// decodes to.
struct NaiveRow {
  std::vector<double> centroid, residual, decoded;
};

NaiveRow Naive(const TrainedModel& trained, const float* x, ListId list, const uint8_t* code) {
  const Model& model = *trained.model;
  std::vector<float> decoded(model.code_dim());
  DecodeResidual(model, list, code, decoded.data());
  NaiveRow row{Lift(model, trained.lists->centroid(list), false), {}, Lift(model, decoded.data(), false)};
  for (uint32_t j = 0; j < model.dim; ++j) {
    row.residual.push_back(double{x[j]} - model.mean[j] - row.centroid[j]);
  }
  return row;
}

// The estimate of encoder.h with all that a row has beside R^T (c + r^) as its error; of a record the tail alone
// is expected in near queries.
double NaiveEstimate(const Model& model, const NaiveRow& row, const float* q, const float* x) {
  const bool product = model.metric == Metric::kInnerProduct;
  std::vector<double> query(model.dim), whole(model.dim), error(model.dim), mean(model.dim);
  double mean_part = 0, away = 0, q_norm2 = 0, x_norm2 = 0;
  for (uint32_t j = 0; j < model.dim; ++j) {
    mean[j] = model.mean[j];
    query[j] = product ? q[j] : double{q[j]} - model.mean[j];
    whole[j] = row.residual[j];
    error[j] = row.residual[j] - row.decoded[j];
    mean_part += double{q[j]} * model.mean[j];
    away += (query[j] - row.centroid[j]) * (query[j] - row.centroid[j]);
    q_norm2 += double{q[j]} * q[j];
    x_norm2 += double{x[j]} * x[j];
  }
  double expected = Dot(whole, error);
  if (!model.record.empty()) {  // only what R does not keep of the residual
    std::vector<float> centred(model.dim), y(model.code_dim());
    for (uint32_t j = 0; j < model.dim; ++j) centred[j] = static_cast<float>(whole[j] + mean[j]);
    TransformRows(model, {centred.data(), 1, model.dim}, y.data());
    const std::vector<double> kept = Lift(model, y.data(), false);
    expected = Dot(whole, whole) - Dot(kept, kept);
  }
  if (product) {
    double d = -mean_part - Dot(query, row.centroid) - Dot(query, row.decoded);
    if (!model.record.empty()) return d;
    std::vector<double> tail_mean(mean);
    std::vector<float> as_floats(model.mean.begin(), model.mean.end()), y(model.code_dim());
    for (float& v : as_floats) v *= 2;  // twice the mean less the mean
    TransformRows(model, {as_floats.data(), 1, model.dim}, y.data());
    const std::vector<double> kept = Lift(model, y.data(), false);
    for (uint32_t j = 0; j < model.dim; ++j) tail_mean[j] -= kept[j];
    const double known = Dot(row.centroid, error) + Dot(tail_mean, error);
    return d - model.ip_weight * std::sqrt(q_norm2 / x_norm2) * (known + model.mu * expected);
  }
  return away + Dot(whole, whole) - 2 * model.mu * expected + 2 * Dot(row.centroid, row.decoded) -
         2 * Dot(query, row.decoded);
}

double Exact(Metric metric, const float* q, const float* x) {
  return metric == Metric::kInnerProduct ? -Product(q, x, kDim) : Distance(q, x, kDim);
}

// Estimates of the codes and of the refine records of `queries` x rows, beside what they should be.
void CompareEstimates(const std::string& spec, Metric metric) {
  SCOPED_TRACE(spec + " " + MetricName(metric));
  const Rows rows = DecayingRows(1200, 1, metric);
  const Rows queries = DecayingRows(5, 2, metric);
  const TrainedModel trained = TrainOn(spec, metric, rows);
  const Model& model = *trained.model;
  ASSERT_EQ(model.code_dim(), kKept);
  ASSERT_EQ(trained.lists->dim(), kKept);
  const bool static_refine = model.spec.refine.is_static();
  InlineExecutor executor;
  EncodedRows encoded;
  EncodeRows(model, *trained.lists, rows, executor, encoded);
  for (size_t k = 0; k < queries.n; ++k) {
    const float* q = queries.row(k);
    TransformedQuery query;
    CoarseScratch scratch;
    std::vector<ProbedList> probed;
    TransformQuery(model, q, query);
    CoarseSearch(model, *trained.lists, query, trained.lists->nlist(), scratch, probed);
    std::vector<ProbedList> lists(trained.lists->nlist());
    for (const ProbedList& list : probed) lists[list.list.value] = list;
    QueryTables tables;
    RecordQuery record, refine;
    if (model.record.empty()) {
      BuildQueryTables(model, query, tables);
    } else {
      model.record.Prepare(query.y.data(), record);
    }
    model.refine.Prepare(query.for_refine(), refine);
    for (size_t i = 0; i < rows.n; i += 29) {
      const uint8_t* code = encoded.codes.data() + i * model.code_bytes();
      const ProbedList& list = lists[encoded.lists[i].value];
      const float base = list.base;
      const NaiveRow naive = Naive(trained, rows.row(i), encoded.lists[i], code);
      const double expected = NaiveEstimate(model, naive, q, rows.row(i));
      const float estimate = model.record.empty()
                                 ? TableScore(model, tables, list, encoded.corrections[i], code)
                                 : model.record.Score(record, base, code);
      EXPECT_NEAR(estimate, expected, 2e-3 * (1 + std::fabs(expected))) << i;
      const double exact = Exact(metric, q, rows.row(i));
      EXPECT_NEAR(model.refine.Score(refine, base, encoded.refine.data() + i * model.refine_bytes()), exact,
                  (static_refine ? 4e-2 : 4e-3) * (1 + std::fabs(exact)))
          << i;
    }
  }
}

TEST(Truncation, EstimatesAreThoseOfTheirFormulasUnderEveryMetric) {
  for (const Metric metric : kMetrics) {
    for (const char* spec : {"PCA10,IVF4,PQ5x4,Refine(FP16)", "MRL10,IVF4,PQ5x4,Refine(FP16)",
                             "MRL10,RR,PQ5x4,Refine(FP16)", "PCA10,OPQ,IVF4,PQ5x4,Refine(FP16)",
                             "PCA10,RR,IVF4,RQ2x4,Refine(FP16)", "PCA10,IVF4,SQ8,Refine(FP16)",
                             "MRL10,IVF4,RaBitQ8,Refine(FP16)", "PCA10,IVF4,FP16,Refine(SQ8S)"}) {
      CompareEstimates(spec, metric);
    }
  }
}

TEST(Truncation, DirectionsAreOrthonormalAndOfTheGreatestVariance) {
  Rows rows = DecayingRows(2000, 1);
  const auto trained = TrainOn("PCA10,PQ5x4", Metric::kL2, rows);
  const Model& plain = *trained.model;
  ASSERT_EQ(plain.rotation.size(), size_t{kKept} * kDim);
  for (uint32_t a = 0; a < kKept; ++a) {
    for (uint32_t b = 0; b < kKept; ++b) {
      const double product = Product(&plain.rotation[a * kDim], &plain.rotation[b * kDim], kDim);
      EXPECT_NEAR(product, a == b ? 1 : 0, 1e-5);
    }
  }
  std::vector<float> y(rows.n * kKept);
  TransformRows(plain, rows, y.data());
  std::vector<double> variances(kKept);
  double kept = 0, all = 0, leading = 0;
  for (size_t i = 0; i < rows.n; ++i) {
    for (uint32_t j = 0; j < kKept; ++j) variances[j] += double{y[i * kKept + j]} * y[i * kKept + j];
    all += Distance(rows.row(i), plain.mean.data(), kDim);
    leading += Distance(rows.row(i), plain.mean.data(), kKept);
  }
  kept = std::accumulate(variances.begin(), variances.end(), 0.0);
  EXPECT_TRUE(std::is_sorted(variances.rbegin(), variances.rend()));
  EXPECT_GT(kept, leading);  // no ten components hold more than the principal ones
  EXPECT_LT(kept, all);
}

// The mean is a part of inner products: a direction of its own is kept for it.
TEST(Truncation, InnerProductKeepsTheMean) {
  const Rows rows = DecayingRows(2000, 1);
  const auto trained = TrainOn("PCA10,PQ5x4", Metric::kInnerProduct, rows);
  const Model& model = *trained.model;
  double kept = 0;
  for (uint32_t i = 0; i < kKept; ++i) {
    const double along = Product(&model.rotation[i * kDim], model.mean.data(), kDim);
    kept += along * along;
  }
  EXPECT_GT(kept, 0.99 * Product(model.mean.data(), model.mean.data(), kDim));
}

TEST(Truncation, LiftingIsTheTransposeAndTheTailIsWhatItLeaves) {
  const Rows rows = DecayingRows(1000, 1);
  for (const char* spec : {"PCA10,PQ5x4", "MRL10,PQ5x4", "MRL10,RR,PQ5x4"}) {
    const auto trained = TrainOn(spec, Metric::kInnerProduct, rows);
  const Model& model = *trained.model;
    std::vector<float> y(rows.n * kKept), lifted(rows.n * kDim, -7);
    std::vector<RowTail> tails(rows.n);
    TransformRows(model, rows, y.data());
    LiftRows(model, y.data(), rows.n, lifted.data());
    ComputeTails(model, rows, y.data(), tails.data());
    for (size_t i = 0; i < rows.n; i += 37) {
      const std::vector<double> expected = Lift(model, &y[i * kKept], false);
      double energy = 0, mean_product = 0;
      for (uint32_t j = 0; j < kDim; ++j) {
        EXPECT_NEAR(lifted[i * kDim + j], expected[j], 1e-5) << spec;
        const double t = double{rows.row(i)[j]} - model.mean[j] - expected[j];
        energy += t * t;
        mean_product += t * model.mean[j];
      }
      EXPECT_NEAR(tails[i].energy, energy, 1e-4) << spec;
      EXPECT_NEAR(tails[i].mean_product, mean_product, 1e-4) << spec;
    }
  }
}

TEST(Truncation, TheSameBytesAtAnyNumberOfThreads) {
  const Rows rows = DecayingRows(2000, 1);
  for (const char* spec : {"PCA10,OPQ,IVF8,PQ5x4,Refine(SQ8S)", "MRL10,IVF8,SQ4S", "PCA10,IVF8,RaBitQ2"}) {
    const TrainedModel one = TrainOn(spec, Metric::kL2, rows);
    ThreadPoolExecutor pool(3);
    TrainingContext context;
    context.executor = &pool;
    const TrainedModel many = TrainModel(Spec(spec), Metric::kL2, rows, rows.n, context).value();
    EXPECT_EQ(one.model->Serialize(), many.model->Serialize()) << spec;
    EXPECT_EQ(one.lists->centroids(), many.lists->centroids()) << spec;
  }
}

// Of rows as long as they are wide nothing but the tail tells: with mu = 0 long tails are far, with 1/2 they do
// not count. The fit lies between, and records get it like table codes.
TEST(Truncation, TheTailsShareIsFittedForRecordsToo) {
  const Rows rows = DecayingRows(3000, 3);
  for (const char* spec : {"PCA10,FP16", "PCA10,PQ10x8"}) {
    const float mu = TrainOn(spec, Metric::kL2, rows).model->mu;
    EXPECT_GT(mu, 0.0f) << spec;
    EXPECT_LT(mu, 0.6f) << spec;
    EXPECT_NE(mu, 0.35f) << spec << ": not fitted";
  }
  EXPECT_EQ(TrainOn("FP16", Metric::kL2, rows).model->mu, 0.35f) << "nothing to fit";
}

TEST(Truncation, RabitqHasNoBoundOfItsOwnBesideATail) {
  const Rows rows = DecayingRows(1500, 1);
  const auto trained = TrainOn("PCA10,RaBitQ4", Metric::kL2, rows);
  const Model& model = *trained.model;
  EXPECT_FALSE(model.record.has_slack());
  EXPECT_GT(model.error_bound, 0);
  EXPECT_EQ(TrainOn("PCA10,RaBitQ4", Metric::kInnerProduct, rows).model->error_bound, 0);
}

TEST(Truncation, NeedsAsManyRowsAsDirections) {
  EXPECT_EQ(MinTrainingRows(Spec("PCA300,PQ8"), 512), 300u);
  EXPECT_EQ(MinTrainingRows(Spec("PCA300,SQ8"), 512), 300u);
  EXPECT_EQ(MinTrainingRows(Spec("MRL300,SQ8"), 512), 1u);
  const Rows rows = GaussianRows(20, 40, 1);
  EXPECT_EQ(MessageOf(TrainModel(Spec("PCA30,SQ8"), Metric::kL2, rows, 20, {}).status()),
            "training PCA30,SQ8 needs at least 30 rows, got 20");
  EXPECT_EQ(MessageOf(TrainModel(Spec("PCA40,SQ8"), Metric::kL2, rows, 20, {}).status()),
            "quantizer: kept_dim must be less than the dimension 40, got 40");
  EXPECT_EQ(MessageOf(TrainModel(Spec("MRL8,PQ9x4"), Metric::kL2, rows, 20, {}).status()),
            "quantizer: pq_m must be at most the dimension 8, got 9");
}

TEST(Truncation, TrainingStops) {
  const Rows rows = DecayingRows(1500, 1);
  TrainingContext context;
  context.stop = StopToken(StopToken::Clock::time_point::max(), std::make_shared<std::atomic<bool>>(true));
  EXPECT_FALSE(TrainModel(Spec("PCA10,PQ5x4"), Metric::kL2, rows, rows.n, context).ok());
}

}  // namespace
}  // namespace tessera::quant

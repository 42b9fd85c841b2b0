#include "index/quant/query.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/quant/coarse.h"
#include "index/quant/encoder.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

struct Case {
  const char* spec;
  Metric metric;
  float shift;  // of all rows and queries: the mean is far from 0
};

// One trained model, its encoded rows (some of huge norm) and one query.
class QueryFormulas : public testing::TestWithParam<Case> {
 protected:
  static constexpr size_t kDim = 22;
  static constexpr size_t kRows = 900;

  void SetUp() override {
    rows_ = ClusteredRows(kRows, kDim, 30, 1, GetParam().shift);
    // An outlier; a mild one where it widens the ranges of all.
    const bool ranges = Spec(GetParam().spec).refine.is_static();
    for (size_t j = 0; j < kDim; ++j) rows_.data[5 * kDim + j] *= ranges ? 1.5f : 40.0f;
    query_ = ClusteredRows(1, kDim, 30, 77, GetParam().shift);
    if (GetParam().metric == Metric::kCosine) {
      NormalizeRows({rows_.data.data(), kRows, kDim});
      NormalizeRows({query_.data.data(), 1, kDim});
    }
    trained_ = TrainOn(GetParam().spec, GetParam().metric, rows_);
    InlineExecutor executor;
    EncodeRows(*trained_.model, *trained_.lists, rows_, executor, encoded_);
    TransformQuery(*trained_.model, query_.row(0), transformed_);
    CoarseScratch scratch;
    std::vector<ProbedList> probed;
    CoarseSearch(*trained_.model, *trained_.lists, transformed_, trained_.lists->nlist(), scratch,
                 probed);
    bases_.resize(trained_.lists->nlist());
    for (const ProbedList& list : probed) bases_[list.list.value] = list.base;
    // Products cancel at the size of what is summed.
    scale_ = std::sqrt(Product(query_.row(0), query_.row(0), kDim));
  }

  const Model& model() const { return *trained_.model; }
  bool inner_product() const { return GetParam().metric == Metric::kInnerProduct; }
  // Residual of row i, in double, from the transform by definition.
  std::vector<double> Residual(size_t i) const {
    std::vector<double> r(kDim);
    const float* c = trained_.lists->centroid(encoded_.lists[i]);
    for (size_t a = 0; a < kDim; ++a) {
      double sum = 0;
      for (size_t b = 0; b < kDim; ++b) {
        const double rotation =
            model().rotation.empty() ? double(a == b) : double{model().rotation[a * kDim + b]};
        sum += rotation * (double{rows_.row(i)[b]} - double{model().mean[b]});
      }
      r[a] = sum - double{c[a]};
    }
    return r;
  }
  // The same drawn in, as it is coded.
  std::vector<double> CodedResidual(size_t i) const {
    std::vector<double> r = Residual(i);
    double square = 0;
    for (const double v : r) square += v * v;
    const double limit = model().residual_limit;
    if (limit > 0 && square > limit) {
      for (double& v : r) v *= std::sqrt(limit / square);
    }
    return r;
  }
  double Tolerance(size_t i) const {
    return 2e-5 * (1 + scale_ + std::sqrt(Product(rows_.row(i), rows_.row(i), kDim))) *
           (1 + scale_ + std::sqrt(Product(rows_.row(i), rows_.row(i), kDim)));
  }

  Rows rows_, query_;
  TrainedModel trained_;
  EncodedRows encoded_;
  TransformedQuery transformed_;
  std::vector<float> bases_;
  double scale_ = 0;
};

// With mu = 0 and the code's error added back the estimate must be the exact distance; so
// estimate = exact + 2 <y - c, e> - 2 mu <r, e> (L2), and likewise for inner products.
TEST_P(QueryFormulas, EstimateIsExactDistanceUpToTheCodesError) {
  std::vector<float> decoded(kDim);
  for (size_t i = 0; i < kRows; ++i) {
    const std::vector<double> r = CodedResidual(i);
    const ListId list = encoded_.lists[i];
    DecodeResidual(model(), list, &encoded_.codes[i * model().code_bytes()], decoded.data());
    const float* c = trained_.lists->centroid(encoded_.lists[i]);
    double y_decoded = 0, y_e = 0, c_e = 0, r_e = 0, coded_distance = 0;
    for (size_t j = 0; j < kDim; ++j) {
      const double e = r[j] - double{decoded[j]};
      y_decoded += double{transformed_.y[j]} * double{decoded[j]};
      y_e += double{transformed_.y[j]} * e;
      c_e += double{c[j]} * e;
      r_e += r[j] * e;
      const double difference = double{transformed_.y[j]} - double{c[j]} - r[j];
      coded_distance += difference * difference;
    }
    const double b = double{encoded_.corrections[i]} * double{model().list_scale(list)};
    const double base = bases_[encoded_.lists[i].value];
    if (inner_product()) {
      const double exact = -Product(query_.row(0), rows_.row(i), kDim);
      const double s = transformed_.correction_weight;
      const double norm = std::sqrt(Product(rows_.row(i), rows_.row(i), kDim));
      EXPECT_NEAR(base + s * b - y_decoded,
                  exact + y_e - s * (c_e + double{model().mu} * r_e) / norm, Tolerance(i));
    } else {
      const bool is_far = r != Residual(i);
      EXPECT_TRUE(i == 5 || !is_far);
      const double exact =
          is_far ? coded_distance : Distance(query_.row(0), rows_.row(i), kDim);
      EXPECT_NEAR(base + b - 2 * y_decoded, exact + 2 * (y_e - c_e) - 2 * double{model().mu} * r_e,
                  Tolerance(i));
    }
  }
}

TEST_P(QueryFormulas, RefineScoreIsExactUpToTheRefineError) {
  RecordQuery refine;
  model().refine.Prepare(transformed_.y.data(), refine);
  double error = 0, spread = 0;
  for (size_t i = 0; i < kRows; ++i) {
    const float score = model().refine.Score(refine, bases_[encoded_.lists[i].value],
                                             &encoded_.refine[i * model().refine_bytes()]);
    const double exact = inner_product() ? -Product(query_.row(0), rows_.row(i), kDim)
                                         : Distance(query_.row(0), rows_.row(i), kDim);
    if (i == 5) continue;  // the outlier: static ranges, rounding
    error += std::fabs(double{score} - exact);
    spread +=
        std::fabs(exact - (inner_product() ? -Product(query_.row(0), rows_.row(0), kDim) : 0));
  }
  EXPECT_LT(error, 0.02 * spread);
}

// Sub-quantizer s of a code, as the scans read it.
uint32_t CodeAt(const uint8_t* code, uint32_t s, uint32_t bits) {
  if (bits == 8) return code[s];
  if (bits == 4) return s % 2 ? code[s / 2] >> 4 : code[s / 2] & 15;
  const uint8_t* group = code + s / 4 * 3;
  if (s % 4 < 3) return group[s % 4] % 64;
  return group[0] / 64 + 4 * (group[1] / 64) + 16 * (group[2] / 64);
}

TEST_P(QueryFormulas, TablesEqualFloatsWithinTheirStep) {
  QueryTables tables;
  BuildQueryTables(model(), transformed_, tables);
  ASSERT_GT(tables.scale, 0);
  const uint32_t m = model().code.scan_codes(), ksub = model().code.scan_entries();
  const size_t count = model().code.scan_tables();
  ASSERT_GE(count, m);
  ASSERT_GE(tables.tables.size(), count * ksub);
  for (size_t i = 0; i < count * ksub; ++i) EXPECT_LE(tables.tables.data()[i], 127);
  for (size_t i = m * ksub; i < count * ksub; ++i) EXPECT_EQ(tables.tables.data()[i], 0);
  std::vector<float> decoded(kDim);
  for (size_t i = 0; i < kRows; ++i) {
    const uint8_t* code = &encoded_.codes[i * model().code_bytes()];
    model().code.Decode(code, 1, decoded.data());
    const double exact =
        (inner_product() ? -1 : -2) * Product(transformed_.y.data(), decoded.data(), kDim);
    uint32_t sum = 0;
    for (uint32_t s = 0; s < m; ++s) {
      sum += tables.tables.data()[s * ksub + CodeAt(code, s, model().code.scan_bits())];
    }
    EXPECT_NEAR(tables.offset + double{tables.scale} * sum, exact,
                0.501 * double{tables.scale} * m + Tolerance(i));
  }
  const double factor = 256.0 * double{tables.correction_weight} * double{model().correction_step} /
                        double{tables.scale};
  EXPECT_LE(std::lround(factor), 65535);
  EXPECT_EQ(tables.correction_weight, transformed_.correction_weight);
}

INSTANTIATE_TEST_SUITE_P(Cases, QueryFormulas,
                         testing::Values(Case{"IVF8,PQ11x8,Refine(SQ8)", Metric::kL2, 0},
                                         Case{"RR,IVF8,PQ6x8,Refine(SQ8)", Metric::kL2, 100},
                                         Case{"PQ5x4,Refine(SQ8S)", Metric::kL2, 30},
                                         Case{"IVF8,PQ7x6,Refine(SQ8S)", Metric::kL2, 30},
                                         Case{"IVF8,PQ9x2,Refine(SQ8)", Metric::kL2, 0},
                                         Case{"IVF8,RQ3x8,Refine(SQ8)", Metric::kL2, 30},
                                         Case{"RR,IVF8,PRQ2x2x4,Refine(SQ8)", Metric::kInnerProduct, 0},
                                         Case{"IVF8,PQ5x4+4,Refine(SQ8)", Metric::kCosine, 3},
                                         Case{"OPQ,IVF8,MPQ5,Refine(SQ8)", Metric::kL2, 30},
                                         Case{"IVF8,MPQ9,Refine(SQ8)", Metric::kInnerProduct, 0},
                                         Case{"IVF8,PQ11x8,Refine(SQ8)", Metric::kInnerProduct, 0},
                                         Case{"RR,IVF8,PQ5x4,Refine(SQ8S)", Metric::kInnerProduct,
                                              20},
                                         Case{"RR,IVF8,PQ6x8,Refine(SQ8)", Metric::kCosine, 3},
                                         Case{"IVF8,PQ7x4,Refine(SQ8S)", Metric::kCosine, 0}));

TEST(CoarseSearch, NearestListsInOrder) {
  const Rows centroids = GaussianRows(500, 9, 1);
  const ListTable lists(9, centroids.data);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    Model model;
    model.metric = metric;
    model.dim = 9;
    model.mean.assign(9, 0.25f);
    const Rows q = GaussianRows(1, 9, 2);
    TransformedQuery query;
    TransformQuery(model, q.row(0), query);
    std::vector<std::pair<double, uint32_t>> expected;
    for (uint32_t l = 0; l < 500; ++l) {
      const double base = metric == Metric::kL2 ? Distance(query.y.data(), centroids.row(l), 9)
                                                : -Product(q.row(0), model.mean.data(), 9) -
                                                      Product(q.row(0), centroids.row(l), 9);
      expected.emplace_back(base, l);
    }
    std::sort(expected.begin(), expected.end());
    CoarseScratch scratch;
    std::vector<ProbedList> out;
    for (const size_t nprobe : {1u, 2u, 63u, 499u, 500u, 5000u}) {
      CoarseSearch(model, lists, query, nprobe, scratch, out);
      ASSERT_EQ(out.size(), std::min<size_t>(nprobe, 500));
      for (size_t i = 0; i < out.size(); ++i) {
        EXPECT_EQ(out[i].list.value, expected[i].second);
        EXPECT_NEAR(out[i].base, expected[i].first, 1e-4);
      }
    }
    CoarseSearch(model, lists, query, 0, scratch, out);
    EXPECT_TRUE(out.empty());
  }
}

// In two levels, and by bytes: the lists that are found are the nearest but for one in a thousand,
// their bases exact.
TEST(CoarseSearch, ManyListsInGroups) {
  constexpr uint32_t kLists = 8192;
  constexpr uint32_t kDim = 16;
  const Rows centroids = ClusteredRows(kLists, kDim, 200, 1);
  const Rows queries = ClusteredRows(50, kDim, 200, 2);
  const ListTable lists(kDim, centroids.data);
  ASSERT_GT(lists.groups().count(), 0u);
  ASSERT_LT(lists.groups().GroupsFor(8), lists.groups().count());
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    Model model;
    model.metric = metric;
    model.dim = kDim;
    model.mean.assign(kDim, 0.0f);
    for (const size_t nprobe : {1u, 8u, 100u, 3000u, 8192u}) {
      size_t found = 0;
      for (size_t q = 0; q < 50; ++q) {
        TransformedQuery query;
        TransformQuery(model, queries.row(q), query);
        CoarseScratch scratch;
        std::vector<ProbedList> out;
        CoarseSearch(model, lists, query, nprobe, scratch, out);
        ASSERT_EQ(out.size(), nprobe);
        std::vector<double> all;
        for (uint32_t l = 0; l < kLists; ++l) {
          all.push_back(metric == Metric::kL2 ? Distance(query.y.data(), centroids.row(l), kDim)
                                              : -Product(query.y.data(), centroids.row(l), kDim));
        }
        std::vector<double> sorted = all;
        std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(nprobe) - 1,
                         sorted.end());
        for (size_t i = 0; i < nprobe; ++i) {
          EXPECT_NEAR(out[i].base, all[out[i].list.value], 1e-3);
          if (i > 0) {
            EXPECT_LE(out[i - 1].base, out[i].base);
          }
          found += all[out[i].list.value] <= sorted[nprobe - 1] + 1e-4 ? 1 : 0;
        }
      }
      EXPECT_GE(found, 0.999 * 50 * static_cast<double>(nprobe)) << nprobe;
    }
  }
}

TEST(CoarseSearch, TiesByListAndNeverBelowZero) {
  const ListTable lists(3, std::vector<float>(300 * 3, 0.1f));
  Model model;
  model.dim = 3;
  model.mean.assign(3, 0.0f);
  const float q[3] = {0.1f, 0.1f, 0.1f};
  TransformedQuery query;
  TransformQuery(model, q, query);
  CoarseScratch scratch;
  std::vector<ProbedList> out;
  CoarseSearch(model, lists, query, 7, scratch, out);
  ASSERT_EQ(out.size(), 7u);
  for (uint32_t i = 0; i < 7; ++i) {
    EXPECT_EQ(out[i].list.value, i);
    EXPECT_GE(out[i].base, 0.0f);
  }
}

TEST(CoarseSearch, OverflowStillGivesAllLists) {
  const ListTable lists(2, {1e19f, 0, 0, 1e30f, 1, 1});
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    Model model;
    model.metric = metric;
    model.dim = 2;
    model.mean.assign(2, 0.0f);
    const float q[2] = {1e30f, -1e30f};
    TransformedQuery query;
    TransformQuery(model, q, query);
    CoarseScratch scratch;
    std::vector<ProbedList> out;
    CoarseSearch(model, lists, query, 3, scratch, out);
    ASSERT_EQ(out.size(), 3u);
    for (const ProbedList& list : out) EXPECT_TRUE(std::isfinite(list.base));
  }
}

Model TablesModel(std::vector<float> codebooks, uint32_t dim, uint32_t m) {
  Model model;
  model.dim = dim;
  model.mean.assign(dim, 0.0f);
  model.spec.pq_m = m;
  model.spec.pq_bits = 4;
  model.code = TableCode(LayoutOf(model.spec, dim), std::move(codebooks));
  return model;
}

TEST(QueryTables, EqualEntriesGiveZeroTables) {
  Model model = TablesModel(std::vector<float>(4 * 16, 2.0f), 4, 2);
  model.correction_step = 1e-30f;
  const float q[4] = {1, 2, 3, 4};
  TransformedQuery query;
  TransformQuery(model, q, query);
  QueryTables tables;
  BuildQueryTables(model, query, tables);
  EXPECT_GT(tables.scale, 0);
  EXPECT_FLOAT_EQ(tables.offset, -2 * 20);
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(tables.tables.data()[i], 0);
}

TEST(QueryTables, CoarseCorrectionsRaiseTheScale) {
  Model model = TablesModel(GaussianRows(1, 64, 3).data, 4, 2);
  model.correction_step = 1e6f;
  const float q[4] = {1, 2, 3, 4};
  TransformedQuery query;
  TransformQuery(model, q, query);
  QueryTables tables;
  BuildQueryTables(model, query, tables);
  const double factor = 256.0 * 1e6 / double{tables.scale};
  EXPECT_LE(std::lround(factor), 65535);
  EXPECT_GT(factor, 60000);
}

TEST(QueryTables, ZeroQueryUnderInnerProduct) {
  Model model = TablesModel(GaussianRows(1, 64, 3).data, 4, 2);
  model.metric = Metric::kInnerProduct;
  model.ip_weight = 1;
  const float q[4] = {};
  TransformedQuery query;
  TransformQuery(model, q, query);
  EXPECT_EQ(query.correction_weight, 0);
  QueryTables tables;
  BuildQueryTables(model, query, tables);
  EXPECT_GT(tables.scale, 0);
  EXPECT_EQ(tables.offset, 0);
}

TEST(Query, ReusesItsMemory) {
  const Rows rows = ClusteredRows(600, 16, 9, 1);
  const TrainedModel trained = TrainOn("RR,IVF8,PQ4x8,Refine(SQ8)", Metric::kL2, rows);
  TransformedQuery query;
  QueryTables tables;
  RecordQuery refine;
  const void* seen[4] = {};
  for (size_t i = 0; i < 3; ++i) {
    TransformQuery(*trained.model, rows.row(i), query);
    BuildQueryTables(*trained.model, query, tables);
    trained.model->refine.Prepare(query.y.data(), refine);
    const void* now[4] = {query.y.data(), tables.tables.data(), tables.scratch.data(),
                          refine.weights.bytes.data()};
    if (i > 0) {
      EXPECT_TRUE(std::equal(now, now + 4, seen));
    }
    std::copy(now, now + 4, seen);
  }
}

TEST(Scores, AreSimilaritiesOrDistances) {
  EXPECT_EQ(ScoreFromEstimate(Metric::kL2, 2.5f), 2.5f);
  EXPECT_EQ(ScoreFromEstimate(Metric::kL2, -1e-3f), 0.0f);
  EXPECT_EQ(ScoreFromEstimate(Metric::kInnerProduct, -3.0f), 3.0f);
  EXPECT_EQ(ScoreFromEstimate(Metric::kCosine, 0.5f), 0.75f);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    EXPECT_EQ(ScoreFromEstimate(metric, EstimateFromScore(metric, 0.75f)), 0.75f);
  }
}

TEST(Scores, ExactScoreByDefinition) {
  const Rows x = GaussianRows(2, 45, 3);
  EXPECT_NEAR(ExactScore(Metric::kL2, x.row(0), x.row(1), 45), Distance(x.row(0), x.row(1), 45),
              1e-4);
  for (const Metric metric : {Metric::kInnerProduct, Metric::kCosine}) {
    EXPECT_NEAR(ExactScore(metric, x.row(0), x.row(1), 45), Product(x.row(0), x.row(1), 45), 1e-4);
  }
}

}  // namespace
}  // namespace tessera::quant

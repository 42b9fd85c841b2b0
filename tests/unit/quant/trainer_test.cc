// TrainModel and what decides its sizes.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "index/quant/coarse.h"
#include "index/quant/encoder.h"
#include "index/quant/query.h"
#include "index/simd/kernels.h"
#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(Trainer, ChoosesListsAndSubQuantizers) {
  const auto resolved = [](size_t n, size_t dim, uint64_t total) {
    const Rows rows = GaussianRows(n, dim, 1);
    return TrainModel(Spec("IVF,PQ"), Metric::kL2, rows, total, {}).value().model->spec;
  };
  EXPECT_EQ(resolved(1000, 8, 1000).nlist, 16u);   // 39 rows a list leave 25
  EXPECT_EQ(resolved(300, 8, 300).nlist, 7u);      // below 16: no rounding
  EXPECT_EQ(resolved(2000, 8, 10000).nlist, 51u);  // the sample, not the collection, is the limit
}

// The same bytes a row either way.
TEST(Trainer, ChoosesBitsForTheProcessor) {
  const bool wide = simd::ActiveKernels().fast8;
  const auto expect = [](const std::string& spec, size_t dim, uint32_t m, uint32_t bits) {
    const Rows rows = GaussianRows(256, dim, 1);
    const auto resolved = TrainOn(spec, Metric::kL2, rows).model->spec;
    EXPECT_EQ(resolved.pq_m, m) << spec << " dim " << dim;
    EXPECT_EQ(resolved.pq_bits, bits) << spec << " dim " << dim;
  };
  expect("PQ", 300, wide ? 64 : 128, wide ? 8 : 4);
  expect("PQ", 6, wide ? 2 : 4, wide ? 8 : 4);
  expect("PQ", 1, 1, wide ? 8 : 4);
  expect("PQx8", 6, 2, 8);
  expect("PQx8", 300, 64, 8);
  expect("PQx6", 6, 2, 6);
  expect("PQx4", 300, 64, 4);
  expect("PQ3", 6, 3, 8);
  EXPECT_EQ(MinTrainingRows(Spec("IVF,PQ"), 128), wide ? 256u : 16u);
  QuantizerSpec given;
  given.pq_m = 3;
  EXPECT_EQ(MinTrainingRows(given, 128), 256u);
}

TEST(Trainer, LowersListsWhereTheSampleIsSmallAndSaysSo) {
  const Rows rows = GaussianRows(500, 4, 1);
  const TrainedModel trained = TrainOn("IVF400,PQ2x8", Metric::kL2, rows);
  EXPECT_EQ(trained.lists->nlist(), 12u);
  EXPECT_EQ(trained.model->spec.nlist, 12u);
  EXPECT_EQ(trained.model->spec.ToString(), "IVF12,PQ2x8");
}

TEST(Trainer, RefusesBadSamples) {
  Rows rows = GaussianRows(300, 4, 1);
  const auto message = [&](const std::string& spec) {
    const auto trained = TrainModel(Spec(spec), Metric::kL2, rows, 300, {});
    EXPECT_EQ(trained.status().code(), absl::StatusCode::kInvalidArgument);
    return MessageOf(trained.status());
  };
  EXPECT_EQ(message("IVF301,PQ2"), "training IVF301,PQ2x8 needs at least 301 rows, got 300");
  EXPECT_EQ(message("PQ5"), "quantizer: pq_m must be at most the dimension 4, got 5");
  EXPECT_EQ(message("VQ16"), "quantizer: VQ is for files, collections need PQ");
  EXPECT_EQ(message("PQ2,FT"), "training PQ2x8,FT needs at least 1000 rows, got 300");
  EXPECT_TRUE(message("PQ2,Aniso").starts_with("quantizer: Aniso: every code carries a correction"));
  EXPECT_EQ(MessageOf(CheckTrainable(Spec("PQ2,FT"), Metric::kInnerProduct)),
            "FT is for l2 and cosine: under inner product queries need not look like rows");
  rows.data[4 * 7 + 2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(message("PQ2"), "rows[7][2] is NaN");
}

TEST(Trainer, RecordCodesNeedNoCodebooks) {
  const Rows rows = ClusteredRows(600, 12, 10, 1);
  for (const char* spec : {"IVF4,SQ8", "IVF4,SQ4S,Refine(SQ8E)", "IVF4,RaBitQ3,Refine(BF16)"}) {
    const TrainedModel trained = TrainOn(spec, Metric::kL2, rows);
    const Model& model = *trained.model;
    EXPECT_EQ(model.spec, Spec(spec));
    EXPECT_EQ(model.code_bytes(), model.record.bytes());
    EXPECT_EQ(model.rotation.empty(), model.spec.record.kind != RecordKind::kRotatedBits);
    EXPECT_GT(model.training_error, 0);
    const Model back = Model::Parse(model.Serialize()).value();
    EXPECT_EQ(back.Serialize(), model.Serialize());
    EXPECT_EQ(back.record.ranges().low, model.record.ranges().low);
  }
}

TEST(Trainer, NamesWhatAMetricRefuses) {
  const Rows rows = ClusteredRows(600, 12, 10, 1);
  const auto trained = TrainModel(Spec("Binary"), Metric::kInnerProduct, rows, 600, {});
  EXPECT_EQ(trained.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MessageOf(trained.status()).substr(0, 44),
            "quantizer: record: Binary is for l2 and cosi");
  EXPECT_TRUE(CheckTrainable(Spec("Binary"), Metric::kCosine).ok());
  EXPECT_TRUE(CheckTrainable(Spec("RaBitQ1"), Metric::kInnerProduct).ok());
}

TEST(Trainer, SameBytesAtAnyNumberOfThreads) {
  const Rows rows = ClusteredRows(3000, 24, 40, 1, 5);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    const TrainedModel expected = TrainOn(
        metric == Metric::kL2 ? "RR,IVF20,PQ6x8,FT,Refine(SQ8S)" : "OPQ,IVF20,PQ7x4,Refine(SQ8)",
        metric, rows);
    for (const size_t threads : {1u, 2u, 4u}) {
      ThreadPoolExecutor pool(threads);
      TrainingContext context;
      context.executor = &pool;
      const auto trained = TrainModel(expected.model->spec, metric, rows, rows.n, context).value();
      EXPECT_EQ(trained.model->Serialize(), expected.model->Serialize());
      EXPECT_EQ(trained.lists->centroids(), expected.lists->centroids());
    }
  }
}

TEST(Trainer, FineTuningKeepsTheBytesAndLowersTheLoss) {
  Rows rows = ClusteredRows(3000, 24, 40, 1, 5);
  for (size_t i = 0; i < rows.data.size(); ++i) {
    rows.data[i] *= std::pow(0.85f, static_cast<float>(i % 24));
  }
  const TrainedModel start = TrainOn("OPQ,IVF20,PQ6x4", Metric::kL2, rows);
  const TrainedModel tuned = TrainOn("OPQ,IVF20,PQ6x4,FT", Metric::kL2, rows);
  EXPECT_TRUE(start.model->error_weights.empty());
  EXPECT_EQ(tuned.model->code_bytes(), start.model->code_bytes());
  EXPECT_EQ(tuned.model->rotation, start.model->rotation);
  ASSERT_EQ(tuned.model->error_weights.matrix().size(), 24u * 24u);
  // What rows lose in ranking by the codes that encoding gives them.
  const auto loss = [&](const Model& model) {
    InlineExecutor executor;
    EncodedRows encoded;
    EncodeRows(model, *start.lists, rows, executor, encoded);
    Rows errors = rows;
    TransformRows(model, rows, errors.data.data());
    std::vector<float> decoded(errors.data.size());
    model.code.Decode(encoded.codes.data(), rows.n, decoded.data());
    for (size_t i = 0; i < decoded.size(); ++i) {
      errors.data[i] -= start.lists->centroid(encoded.lists[i / 24])[i % 24] + decoded[i];
    }
    return tuned.model->error_weights.Cost(errors.data.data(), rows.n);
  };
  EXPECT_LT(loss(*tuned.model), 0.99 * loss(*start.model));
}

TEST(Trainer, ProgressRisesFromZeroToOneWithStages) {
  const Rows rows = ClusteredRows(2000, 16, 40, 1);
  TrainingContext context;
  std::vector<double> told;
  std::vector<std::string> stages;
  context.progress = [&](double fraction, const char* stage) {
    told.push_back(fraction);
    if (stages.empty() || stages.back() != stage) stages.push_back(stage);
  };
  ASSERT_TRUE(TrainModel(Spec("IVF16,PQ4"), Metric::kL2, rows, 2000, context).ok());
  EXPECT_EQ(told.front(), 0.0);
  EXPECT_EQ(told.back(), 1.0);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(stages, (std::vector<std::string>{"centroids", "codebooks", "calibration"}));
  told.clear();
  stages.clear();
  ASSERT_TRUE(TrainModel(Spec("OPQ,IVF16,PQ4"), Metric::kL2, rows, 2000, context).ok());
  EXPECT_EQ(told.front(), 0.0);
  EXPECT_EQ(told.back(), 1.0);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(stages,
            (std::vector<std::string>{"centroids", "rotation", "codebooks", "calibration"}));
  told.clear();
  stages.clear();
  ASSERT_TRUE(TrainModel(Spec("IVF16,PQ4,FT"), Metric::kL2, rows, 2000, context).ok());
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(stages,
            (std::vector<std::string>{"centroids", "codebooks", "fine-tuning", "calibration"}));
}

TEST(Trainer, StopsInEveryStage) {
  const Rows rows = ClusteredRows(2000, 16, 40, 1);
  for (const std::string stop_at : {"centroids", "rotation", "codebooks", "fine-tuning", "calibration"}) {
    auto cancelled = std::make_shared<std::atomic<bool>>(false);
    TrainingContext context;
    context.stop = StopToken(StopToken::Clock::time_point::max(), cancelled);
    context.progress = [&](double, const char* stage) {
      if (stage == stop_at) cancelled->store(true);
    };
    EXPECT_EQ(TrainModel(Spec("OPQ,IVF16,PQ4,FT"), Metric::kL2, rows, 2000, context).status().code(),
              absl::StatusCode::kCancelled)
        << stop_at;
  }
}

TEST(Trainer, EqualRowsGiveAUsableModel) {
  const Rows rows{400, 8, std::vector<float>(400 * 8, 3.5f)};
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    for (const std::string spec :
         {"IVF4,PQ2,Refine(SQ8)", "RR,IVF4,PQ2,Refine(SQ8S)", "OPQ,IVF4,PQ3x4,Refine(SQ8)"}) {
      const TrainedModel trained = TrainOn(spec, metric, rows);
      EXPECT_GT(trained.model->correction_step, 0);
      EXPECT_NEAR(trained.model->training_error, 0, 1e-6);
      EXPECT_TRUE(Model::Parse(trained.model->Serialize()).ok());
      InlineExecutor executor;
      EncodedRows out;
      EncodeRows(*trained.model, *trained.lists, rows, executor, out);
      std::vector<float> decoded(8);
      DecodeRow(*trained.model, *trained.lists, out.lists[0], out.codes.data(), decoded.data());
      for (const float v : decoded) EXPECT_NEAR(v, 3.5f, 1e-4);
    }
  }
}

// Recall of the float estimate over all rows, held-out queries.
double Recall(const std::string& spec, Metric metric, bool refine) {
  const size_t dim = 32, k = 10, queries = 60;
  Rows rows = ClusteredRows(4000, dim, 60, 1, 2);
  Rows held_out = ClusteredRows(queries, dim, 60, 555, 2);
  if (metric == Metric::kCosine) {
    NormalizeRows({rows.data.data(), rows.n, dim});
    NormalizeRows({held_out.data.data(), queries, dim});
  }
  const TrainedModel trained = TrainOn(spec, metric, rows);
  const Model& model = *trained.model;
  InlineExecutor executor;
  EncodedRows encoded;
  EncodeRows(model, *trained.lists, rows, executor, encoded);
  std::vector<float> decoded(rows.data.size());
  model.code.Decode(encoded.codes.data(), rows.n, decoded.data());
  const bool product = metric == Metric::kInnerProduct;
  size_t hits = 0;
  for (size_t q = 0; q < queries; ++q) {
    TransformedQuery query;
    TransformQuery(model, held_out.row(q), query);
    CoarseScratch scratch;
    std::vector<float> bases(trained.lists->nlist());
    std::vector<ProbedList> probed;
    CoarseSearch(model, *trained.lists, query, bases.size(), scratch, probed);
    for (const ProbedList& list : probed) bases[list.list.value] = list.base;
    RecordQuery refine_query;
    if (refine) {
      model.refine.Prepare(query.y.data(), refine_query);
    }
    std::vector<std::pair<double, size_t>> exact, estimate;
    for (size_t i = 0; i < rows.n; ++i) {
      exact.emplace_back(product ? -Product(held_out.row(q), rows.row(i), dim)
                                 : Distance(held_out.row(q), rows.row(i), dim),
                         i);
      const float base = bases[encoded.lists[i].value];
      const double code = (product ? -1 : -2) * Product(query.y.data(), &decoded[i * dim], dim);
      estimate.emplace_back(
          refine ? model.refine.Score(refine_query, base, &encoded.refine[i * model.refine_bytes()])
                 : double{base} + double{query.correction_weight} * double{encoded.corrections[i]} +
                       code,
          i);
    }
    std::sort(exact.begin(), exact.end());
    std::sort(estimate.begin(), estimate.end());
    for (size_t i = 0; i < k; ++i) {
      for (size_t j = 0; j < k; ++j) hits += exact[i].second == estimate[j].second;
    }
  }
  return static_cast<double>(hits) / static_cast<double>(queries * k);
}

TEST(Trainer, CodesFindTheNeighbours) {
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    const double fine = Recall("IVF16,PQ16x8,Refine(SQ8)", metric, false);
    const double coarse = Recall("IVF16,PQ4x8", metric, false);
    EXPECT_GT(fine, 0.65) << MetricName(metric);
    EXPECT_GT(fine, coarse + 0.05) << MetricName(metric);
    EXPECT_GT(Recall("IVF16,PQ16x8,Refine(SQ8)", metric, true), 0.95) << MetricName(metric);
    EXPECT_GT(Recall("RR,IVF16,PQ16x8,Refine(SQ8S)", metric, true), 0.95) << MetricName(metric);
  }
}

}  // namespace
}  // namespace tessera::quant

#include "index/quant/encoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

EncodedRows Encode(const TrainedModel& trained, MatrixView<const float> rows) {
  InlineExecutor executor;
  EncodedRows out;
  EncodeRows(*trained.model, *trained.lists, rows, executor, out);
  return out;
}

TEST(Encoder, NormalizesInDouble) {
  Rows rows{3, 2, {3e30f, 4e30f, 3e-30f, 4e-30f, -0.6f, 0.8f}};
  NormalizeRows({rows.data.data(), 3, 2});
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(std::fabs(rows.row(i)[0]), 0.6, 1e-6);
    EXPECT_NEAR(rows.row(i)[1], 0.8, 1e-6);
  }
}

TEST(Encoder, TransformIsAnIsometryAroundTheMean) {
  const Rows rows = ClusteredRows(600, 19, 20, 1, 1000);
  const TrainedModel trained = TrainOn("RR,IVF4,PQ4x4", Metric::kL2, rows);
  std::vector<float> out(rows.data.size());
  TransformRows(*trained.model, rows, out.data());
  for (size_t i = 1; i < rows.n; ++i) {
    EXPECT_NEAR(Distance(&out[i * 19], out.data(), 19), Distance(rows.row(i), rows.row(0), 19),
                2e-2);
  }
  EXPECT_NE(out[0], rows.data[0] - trained.model->mean[0]) << "not rotated";
  std::vector<float> in_place = rows.data;
  TransformRows(*trained.model, {in_place.data(), rows.n, 19}, in_place.data());
  EXPECT_EQ(in_place, out);
}

TEST(Encoder, RowsGoToTheNearestListAndDecodeNearThemselves) {
  for (const std::string spec :
       {"IVF16,PQ10x8", "RR,IVF16,PQ10x8", "PQ10x8", "IVF16,PQ10x4", "IVF16,PQ10x6"}) {
    const Rows rows = ClusteredRows(1500, 20, 30, 1, 500);
    const TrainedModel trained = TrainOn(spec, Metric::kL2, rows);
    const Model& model = *trained.model;
    const EncodedRows encoded = Encode(trained, rows);
    std::vector<float> transformed(rows.data.size()), decoded(20);
    TransformRows(model, rows, transformed.data());
    double error = 0;
    for (size_t i = 0; i < rows.n; ++i) {
      const float* x = &transformed[i * 20];
      const double own = Distance(x, trained.lists->centroid(encoded.lists[i]), 20);
      for (uint32_t l = 0; l < trained.lists->nlist(); ++l) {
        EXPECT_LE(own, Distance(x, trained.lists->centroid(ListId(l)), 20) + 1e-3);
      }
      DecodeRow(model, *trained.lists, encoded.lists[i], &encoded.codes[i * model.code_bytes()],
                decoded.data());
      error += Distance(decoded.data(), rows.row(i), 20);
    }
    EXPECT_NEAR(error / static_cast<double>(rows.n), model.training_error,
                0.02 * model.training_error + 1e-3)
        << spec;
    EXPECT_LT(model.training_error, 0.3 * 0.3 * 20) << spec;
  }
}

TEST(Encoder, CorrectionsAreThoseOfTheDecodedResidual) {
  const Rows rows = ClusteredRows(800, 12, 30, 1, 50);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    const TrainedModel trained = TrainOn("IVF8,PQ4x8", metric, rows);
    const Model& model = *trained.model;
    const EncodedRows encoded = Encode(trained, rows);
    std::vector<float> transformed(rows.data.size()), decoded(12);
    TransformRows(model, rows, transformed.data());
    for (size_t i = 0; i < rows.n; ++i) {
      const float* c = trained.lists->centroid(encoded.lists[i]);
      DecodeResidual(model, encoded.lists[i], &encoded.codes[i * 4], decoded.data());
      double norm = 0, error = 0, c_decoded = 0, c_error = 0;
      for (size_t j = 0; j < 12; ++j) {
        const double r = double{transformed[i * 12 + j]} - double{c[j]};
        norm += r * r;
        error += r * (r - double{decoded[j]});
        c_decoded += double{c[j]} * double{decoded[j]};
        c_error += double{c[j]} * (r - double{decoded[j]});
      }
      const double mu = model.mu;
      const double expected =
          metric == Metric::kL2
              ? norm - 2 * mu * error + 2 * c_decoded
              : (-c_error - mu * error) / std::sqrt(Product(rows.row(i), rows.row(i), 12));
      EXPECT_NEAR(encoded.corrections[i] * model.list_scale(encoded.lists[i]), expected, 1e-3);
    }
  }
}

// Lists of unlike spread: a code is that of the residual over its list's scale.
TEST(Encoder, CodesAreOfResidualsOverTheirListsScale) {
  Rows rows = ClusteredRows(1200, 12, 8, 1, 52);
  for (size_t i = 0; i < rows.n; i += 2) {  // every other row stands close to the next one's twin
    for (size_t j = 0; j < 12; ++j) rows.data[i * 12 + j] = 40 + 0.05f * rows.data[i * 12 + j];
  }
  const TrainedModel trained = TrainOn("IVF8,PQ4x8", Metric::kL2, rows);
  const Model& model = *trained.model;
  ASSERT_EQ(model.list_scales.size(), 8u);
  const auto [least, greatest] = std::minmax_element(model.list_scales.begin(), model.list_scales.end());
  EXPECT_LT(4 * *least, *greatest);
  const EncodedRows encoded = Encode(trained, rows);
  std::vector<float> scaled(rows.data.size());
  TransformRows(model, rows, scaled.data());
  for (size_t i = 0; i < rows.n; ++i) {
    for (size_t j = 0; j < 12; ++j) {
      scaled[i * 12 + j] -= trained.lists->centroid(encoded.lists[i])[j];
      scaled[i * 12 + j] /= model.list_scale(encoded.lists[i]);
    }
  }
  std::vector<uint8_t> codes(encoded.codes.size());
  model.code.Encode({scaled.data(), rows.n, 12}, codes.data());
  EXPECT_EQ(encoded.codes, codes);
  std::vector<float> decoded(12), row(12);
  model.code.Decode(codes.data(), 1, decoded.data());
  DecodeRow(model, *trained.lists, encoded.lists[0], codes.data(), row.data());
  for (size_t j = 0; j < 12; ++j) {
    const ListId list = encoded.lists[0];
    EXPECT_NEAR(row[j], model.mean[j] + trained.lists->centroid(list)[j] + model.list_scale(list) * decoded[j], 1e-4);
  }
}

TEST(Encoder, SameBytesAtAnyNumberOfThreads) {
  const Rows rows = ClusteredRows(3000, 40, 30, 1);
  const TrainedModel trained = TrainOn("RR,IVF20,PQ8x8,Refine(SQ8)", Metric::kL2, rows);
  const EncodedRows expected = Encode(trained, rows);
  for (const size_t threads : {1u, 2u, 4u}) {
    ThreadPoolExecutor pool(threads);
    EncodedRows out;
    EncodeRows(*trained.model, *trained.lists, rows, pool, out);
    EXPECT_EQ(out.lists, expected.lists);
    EXPECT_EQ(out.codes, expected.codes);
    EXPECT_EQ(out.corrections, expected.corrections);
    EXPECT_EQ(out.refine, expected.refine);
  }
}

TEST(Encoder, SizesOfAllArrays) {
  const Rows rows = ClusteredRows(600, 10, 5, 1);
  const TrainedModel trained = TrainOn("IVF3,PQ5x4,Refine(SQ8S)", Metric::kL2, rows);
  for (const size_t n : {0u, 1u, 255u, 256u, 257u}) {
    const EncodedRows out = Encode(trained, rows.view().Slice(0, n));
    EXPECT_EQ(out.lists.size(), n);
    EXPECT_EQ(out.codes.size(), n * 3);
    EXPECT_EQ(out.corrections.size(), n);
    EXPECT_EQ(out.refine.size(), n * 14);
  }
}

}  // namespace
}  // namespace tessera::quant

#include "index/quant/outliers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "index/quant/encoder.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

constexpr size_t kDim = 12;

// The first `far` rows lie at `magnitude` in a direction of their own.
Rows WithGarbage(size_t far, float magnitude) {
  Rows rows = ClusteredRows(4000, kDim, 40, 1, 5);
  const Rows garbage = GaussianRows(far, kDim, 8, magnitude);
  std::copy(garbage.data.begin(), garbage.data.end(), rows.data.begin());
  return rows;
}

TEST(Outliers, FarRowsAreFoundAndDoNotMoveTheMean) {
  InlineExecutor executor;
  const FarRows clean = FindFarRows(WithGarbage(0, 0), Metric::kL2, executor);
  EXPECT_TRUE(clean.far.empty() && clean.near.empty());
  for (const float magnitude : {40.0f, 1000.0f, 1e6f}) {
    const FarRows found = FindFarRows(WithGarbage(40, magnitude), Metric::kL2, executor);
    ASSERT_EQ(found.far.size(), 40u) << magnitude;
    ASSERT_EQ(found.near.size(), 3960u);
    for (uint32_t i = 0; i < 40; ++i) EXPECT_EQ(found.far[i], i);
    for (size_t j = 0; j < kDim; ++j) EXPECT_NEAR(found.mean[j], clean.mean[j], 0.05);
  }
}

TEST(Outliers, APopulationIsNotFar) {
  InlineExecutor executor;
  EXPECT_TRUE(FindFarRows(WithGarbage(200, 1000), Metric::kL2, executor).far.empty());
}

TEST(Outliers, UnderInnerProductLongRowsAreResults) {
  InlineExecutor executor;
  const Rows rows = WithGarbage(40, 1000);
  EXPECT_TRUE(FindFarRows(rows, Metric::kInnerProduct, executor).far.empty());
  EXPECT_EQ(TrainOn("IVF16,PQ4x4", Metric::kInnerProduct, rows).model->residual_limit, 0);
}

TEST(Outliers, EqualRowsHaveNoLimit) {
  const std::vector<float> zeros(100 * kDim, 0.0f);
  EXPECT_EQ(LimitOf({zeros.data(), 100, kDim}), 0);
  std::vector<float> row(kDim, 3.0f);
  DrawIn(0, row.data(), kDim);
  EXPECT_EQ(row, std::vector<float>(kDim, 3.0f));
}

TEST(Outliers, TheLimitIsOneAndAHalfTimesTheLengthOf39Of40) {
  std::vector<float> rows(80);
  for (size_t i = 0; i < 80; ++i) rows[i] = static_cast<float>(i < 78 ? i % 8 : 1000);
  EXPECT_EQ(LimitOf({rows.data(), 80, 1}), 2.25f * 7 * 7);
}

TEST(Outliers, DrawingInKeepsTheDirectionAtAnySize) {
  for (const float length : {2.0f, 1e4f, 1e25f, 3e38f}) {
    std::vector<float> row = {0.6f * length, 0, -0.8f * length};
    DrawIn(2.25f, row.data(), 3);
    EXPECT_NEAR(row[0], 0.9f, 1e-6) << length;
    EXPECT_EQ(row[1], 0);
    EXPECT_NEAR(row[2], -1.2f, 1e-6);
  }
  std::vector<float> row = {0.6f, 0, -0.8f};
  DrawIn(2.25f, row.data(), 3);
  EXPECT_EQ(row, (std::vector<float>{0.6f, 0, -0.8f}));
}

TEST(Outliers, ATailIsDrawnInTogetherWithItsResidual) {
  std::vector<float> row = {3, 0, 4};
  float tail = 75;
  DrawIn(1, row.data(), 3, tail);  // 25 and 75 of 100
  EXPECT_NEAR(row[0], 0.3f, 1e-6);
  EXPECT_NEAR(row[2], 0.4f, 1e-6);
  EXPECT_NEAR(tail, 0.75f, 1e-6);
  row = {0.3f, 0, 0.4f};
  tail = 0.5f;
  DrawIn(1, row.data(), 3, tail);
  EXPECT_EQ(row, (std::vector<float>{0.3f, 0, 0.4f}));
  EXPECT_EQ(tail, 0.5f);
  const float overflown = std::numeric_limits<float>::infinity();
  tail = overflown;
  DrawIn(1, row.data(), 3, tail);
  EXPECT_EQ(row, (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(tail, 1);
  row = {3e25f, 0, 4e25f};
  tail = overflown;
  DrawIn(1, row.data(), 3, tail);
  EXPECT_NEAR(row[0], 0.6f, 1e-6);
  EXPECT_EQ(tail, 0);
  EXPECT_EQ(LimitOf({row.data(), 1, 3}, {{3, 0}}), 2.25f * (row[0] * row[0] + row[2] * row[2] + 3));
}

// Whatever garbage there is, nothing that bytes share out becomes wider than twice what it was;
// rows that come later are drawn in alike; a refine record whose range is its own has the row as it
// is.
TEST(Outliers, TrainingHardlySeesThem) {
  for (const char* spec : {"IVF16,PQ4x8,Refine(SQ8)", "OPQ,IVF16,PQ4x8", "IVF16,RQ3x4,Refine(SQ8S)",
                           "IVF16,PRQ2x2x4", "PQ4x4", "IVF16,SQ8S",
                           "PCA8,IVF16,PQ4x8,Refine(SQ8S)", "MRL8,OPQ,IVF16,PQ4x8", "PCA8,IVF16,SQ8S"}) {
    const TrainedModel clean = TrainOn(spec, Metric::kL2, WithGarbage(0, 0));
    const Rows rows = WithGarbage(40, 1000);
    const TrainedModel trained = TrainOn(spec, Metric::kL2, rows);
    const Model& model = *trained.model;
    EXPECT_LT(model.residual_limit, 2 * clean.model->residual_limit) << spec;
    EXPECT_GT(model.residual_limit, 0) << spec;
    EXPECT_LT(model.training_error, 2 * clean.model->training_error + 0.05 * model.residual_limit)
        << spec;
    EXPECT_LT(model.correction_step, 2.5f * clean.model->correction_step) << spec;
    InlineExecutor executor;
    EncodedRows encoded;
    EncodeRows(model, *trained.lists, rows, executor, encoded);
    std::vector<float> decoded(kDim);
    for (size_t i = 0; i < 60; ++i) {
      DecodeResidual(model, encoded.lists[i], &encoded.codes[i * model.code_bytes()], decoded.data());
      EXPECT_LT(Product(decoded.data(), decoded.data(), model.code_dim()), 2 * model.residual_limit) << spec;
      if (model.refine.empty() || model.refine.spec().is_static()) continue;
      std::vector<float> transformed(kDim);
      ASSERT_FALSE(model.truncated());
      TransformRows(model, {rows.row(i), 1, kDim}, transformed.data());
      model.refine.Decode(&encoded.refine[i * model.refine_bytes()], decoded.data());
      const float* centroid = trained.lists->centroid(encoded.lists[i]);
      double error = 0, square = 0;
      for (size_t j = 0; j < kDim; ++j) {
        const double r = double{transformed[j]} - double{centroid[j]};
        square += r * r;
        error += (r - double{decoded[j]}) * (r - double{decoded[j]});
      }
      EXPECT_LE(error, 1e-3 * square + 1e-9) << spec << " row " << i;
    }
  }
}

}  // namespace
}  // namespace tessera::quant

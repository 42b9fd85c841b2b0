#include "index/quant/estimator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kDim = 37;

struct Record {
  std::vector<int8_t> codes;
  float scale;
  float g;
};

Record Write(const Model& model, const float* residual, const float* centroid) {
  std::vector<uint8_t> bytes(model.refine_bytes());
  std::vector<float> scratch(model.dim);
  WriteRefineRecord(model, residual, centroid, scratch.data(), bytes.data());
  Record record;
  record.codes.resize(model.dim);
  std::memcpy(record.codes.data(), bytes.data(), model.dim);
  std::memcpy(&record.scale, bytes.data() + model.dim, 4);
  std::memcpy(&record.g, bytes.data() + model.dim + 4, 4);
  return record;
}

Model RefineModel(RecordSpec kind, Metric metric) {
  Model model;
  model.dim = kDim;
  model.metric = metric;
  model.spec.refine = kind;
  return model;
}

TEST(Estimator, CorrectionsFollowTheirDefinition) {
  const Rows r = GaussianRows(1, kDim, 1), d = GaussianRows(1, kDim, 2),
             c = GaussianRows(1, kDim, 3, 50);
  const ResidualRow row = {r.row(0), d.row(0), c.row(0), 4.0f};
  const double norm = Product(r.row(0), r.row(0), kDim);
  const double error = norm - Product(r.row(0), d.row(0), kDim);
  const double c_d = Product(c.row(0), d.row(0), kDim), c_r = Product(c.row(0), r.row(0), kDim);
  for (const Metric metric : {Metric::kL2, Metric::kCosine}) {
    const CorrectionTerms terms = ComputeCorrectionTerms(metric, row, kDim);
    EXPECT_NEAR(CombineCorrection(metric, terms, 0.3f), norm - 0.6 * error + 2 * c_d, 2e-3);
  }
  const CorrectionTerms terms = ComputeCorrectionTerms(Metric::kInnerProduct, row, kDim);
  EXPECT_NEAR(CombineCorrection(Metric::kInnerProduct, terms, 0.3f),
              (-(c_r - c_d) - 0.3 * error) / 4, 2e-3);
  const ResidualRow zero = {r.row(0), d.row(0), c.row(0), 0.0f};
  EXPECT_EQ(ComputeCorrectionTerms(Metric::kInnerProduct, zero, kDim).fixed, 0);
  EXPECT_EQ(ComputeCorrectionTerms(Metric::kInnerProduct, zero, kDim).error, 0);
}

TEST(Estimator, DynamicRecordIsWithinHalfAStep) {
  const Model model = RefineModel(kDynamic8, Metric::kL2);
  const Rows r = GaussianRows(50, kDim, 1, 3), c = GaussianRows(1, kDim, 2);
  for (size_t i = 0; i < r.n; ++i) {
    const Record record = Write(model, r.row(i), c.row(0));
    double largest = 0, c_decoded = 0;
    for (uint32_t j = 0; j < kDim; ++j) {
      const double decoded = double{record.scale} * record.codes[j];
      EXPECT_NEAR(decoded, r.row(i)[j], record.scale * 0.501);
      largest = std::max(largest, std::fabs(double{r.row(i)[j]}));
      c_decoded += double{c.row(0)[j]} * decoded;
    }
    EXPECT_NEAR(record.scale, largest / 127, 1e-6);
    EXPECT_NEAR(record.g, Product(r.row(i), r.row(i), kDim) + 2 * c_decoded, 1e-2);
  }
}

TEST(Estimator, StaticRecordIsWithinHalfAStepAndClampedOutside) {
  Model model = RefineModel(kStatic8, Metric::kL2);
  for (uint32_t j = 0; j < kDim; ++j) {
    model.refine_low.push_back(-2.0f - static_cast<float>(j) / 10);
    model.refine_step.push_back(j == 5 ? 0.0f : 0.02f + 0.001f * static_cast<float>(j));
  }
  Rows r = GaussianRows(1, kDim, 1, 0.5f), c = GaussianRows(1, kDim, 2);
  r.data[3] = 1e9f;
  r.data[4] = -1e9f;
  const Record record = Write(model, r.row(0), c.row(0));
  EXPECT_EQ(record.scale, 1.0f);
  EXPECT_EQ(record.codes[3], 127);
  EXPECT_EQ(record.codes[4], -128);
  EXPECT_EQ(record.codes[5], -128);
  for (uint32_t j = 6; j < kDim; ++j) {
    const double decoded =
        model.refine_low[j] + double{model.refine_step[j]} * (record.codes[j] + 128);
    EXPECT_NEAR(decoded, r.data[j], model.refine_step[j] * 0.501);
  }
}

TEST(Estimator, InnerProductRecordHasNoConstant) {
  const Model model = RefineModel(kDynamic8, Metric::kInnerProduct);
  const Rows r = GaussianRows(1, kDim, 1), c = GaussianRows(1, kDim, 2);
  EXPECT_EQ(Write(model, r.row(0), c.row(0)).g, 0);
}

TEST(Estimator, ZeroAndTinyResiduals) {
  const Model model = RefineModel(kDynamic8, Metric::kL2);
  const std::vector<float> c(kDim, 1.0f);
  for (const float value : {0.0f, 1e-38f, 1e-44f}) {
    const std::vector<float> r(kDim, value);
    const Record record = Write(model, r.data(), c.data());
    EXPECT_TRUE(std::isfinite(record.g));
    for (const int8_t code : record.codes) EXPECT_EQ(code, 0);
  }
}

}  // namespace
}  // namespace tessera::quant

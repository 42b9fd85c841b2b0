#include "index/quant/estimator.h"

#include <gtest/gtest.h>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

constexpr uint32_t kDim = 37;

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

}  // namespace
}  // namespace tessera::quant

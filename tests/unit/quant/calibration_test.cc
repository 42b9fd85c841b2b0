#include "index/quant/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "index/quant/encoder.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(Calibration, NearlyAllCorrectionsAreBytesAndUseThem) {
  const Rows rows = ClusteredRows(8000, 16, 200, 1, 10);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    const TrainedModel trained = TrainOn("IVF16,PQ4x8", metric, rows);
    InlineExecutor executor;
    EncodedRows encoded;
    EncodeRows(*trained.model, *trained.lists, rows, executor, encoded);
    size_t outliers = 0;
    std::map<ListId, std::pair<int32_t, int32_t>> spans;
    for (size_t i = 0; i < rows.n; ++i) {
      const int32_t units = trained.model->CorrectionUnits(encoded.lists[i], encoded.corrections[i]);
      outliers += units < 0 || units > 255;
      auto& [low, high] = spans.try_emplace(encoded.lists[i], units, units).first->second;
      low = std::min(low, units);
      high = std::max(high, units);
    }
    EXPECT_LE(outliers, rows.n / 200) << MetricName(metric);
    double steps = 0;
    for (const auto& [list, span] : spans) steps += span.second - span.first;
    EXPECT_GT(steps / static_cast<double>(spans.size()), 60) << "the byte is hardly used";
  }
}

TEST(Calibration, InnerProductTrustsItsCorrectionLessWhereNormsVary) {
  Rows rows = ClusteredRows(1000, 6, 10, 1);
  EXPECT_EQ(TrainOn("IVF4,PQ2x4", Metric::kL2, rows).model->ip_weight, 0);
  NormalizeRows({rows.data.data(), rows.n, rows.dim});
  EXPECT_NEAR(TrainOn("IVF4,PQ2x4", Metric::kInnerProduct, rows).model->ip_weight, 1, 1e-4);
  // Norms 0.8 and 1.2: a variation of 0.2.
  for (size_t v = 0; v < rows.data.size(); ++v) rows.data[v] *= v / 6 % 2 == 0 ? 0.8f : 1.2f;
  EXPECT_NEAR(TrainOn("IVF4,PQ2x4", Metric::kInnerProduct, rows).model->ip_weight, 0.75, 1e-3);
  for (size_t j = 0; j < 6; ++j) rows.data[j] *= 1000.0f;
  EXPECT_EQ(TrainOn("IVF4,PQ2x4", Metric::kInnerProduct, rows).model->ip_weight, 0.25f);
}

}  // namespace
}  // namespace tessera::quant

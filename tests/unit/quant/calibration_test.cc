#include "index/quant/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "index/quant/encoder.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(Calibration, MostBlocksOfAListSpanLessThan256Steps) {
  const Rows rows = ClusteredRows(8000, 16, 200, 1, 10);
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    const TrainedModel trained = TrainOn("IVF16,PQ4x8", metric, rows);
    InlineExecutor executor;
    EncodedRows encoded;
    EncodeRows(*trained.model, *trained.lists, rows, executor, encoded);
    std::map<ListId, std::vector<float>> by_list;
    for (size_t i = 0; i < rows.n; ++i) by_list[encoded.lists[i]].push_back(encoded.corrections[i]);
    size_t blocks = 0, wide = 0;
    double steps = 0;
    for (const auto& [list, values] : by_list) {
      for (size_t begin = 0; begin < values.size(); begin += 256) {
        const auto first = values.begin() + static_cast<ptrdiff_t>(begin);
        const auto last =
            values.begin() + static_cast<ptrdiff_t>(std::min(values.size(), begin + 256));
        const auto [low, high] = std::minmax_element(first, last);
        const double span = (double{*high} - double{*low}) / double{trained.model->correction_step};
        ++blocks;
        wide += span > 255;
        steps += span;
      }
    }
    EXPECT_LE(wide, blocks / 5) << MetricName(metric);
    EXPECT_GT(steps / static_cast<double>(blocks), 60) << "the byte is hardly used";
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

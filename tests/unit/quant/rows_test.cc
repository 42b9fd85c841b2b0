#include "index/quant/rows.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(Rows, NamesRowAndDimensionOfWhatIsNotFinite) {
  for (const size_t dim : {1u, 7u, 8u, 19u}) {
    for (size_t at = 0; at < dim; ++at) {
      Rows rows = GaussianRows(3, dim, 1);
      EXPECT_TRUE(CheckFinite(rows, "rows").ok());
      rows.data[2 * dim + at] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_EQ(MessageOf(CheckFinite(rows, "rows")), "rows[2][" + std::to_string(at) + "] is NaN");
      rows.data[dim + at] = -std::numeric_limits<float>::infinity();
      const Status status = CheckFinite(rows, "vectors");
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_EQ(MessageOf(status), "vectors[1][" + std::to_string(at) + "] is infinite");
    }
  }
}

TEST(Rows, LargestFloatIsFinite) {
  const Rows rows{1, 2, {std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()}};
  EXPECT_TRUE(CheckFinite(rows, "rows").ok());
}

TEST(Rows, CopiesHonourTheStride) {
  const std::vector<float> data = {0, 1, 2, -1, 10, 11, 12, -1, 20, 21, 22, -1};
  const MatrixView<const float> view(data.data(), 3, 3, 4);
  EXPECT_EQ(CopyRows(view), (std::vector<float>{0, 1, 2, 10, 11, 12, 20, 21, 22}));
  EXPECT_EQ(GatherRows(view, {2, 0}), (std::vector<float>{20, 21, 22, 0, 1, 2}));
  EXPECT_EQ(CopyColumns(view, 1, 3), (std::vector<float>{1, 2, 11, 12, 21, 22}));
}

TEST(Rows, NormIsSummedInDouble) {
  const float x[2] = {3e30f, 4e30f};
  EXPECT_NEAR(SquaredNorm(x, 2), 2.5e61, 1e55);
}

}  // namespace
}  // namespace tessera::quant

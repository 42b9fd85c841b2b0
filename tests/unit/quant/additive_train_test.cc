#include "index/quant/additive_train.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

// Indices of each part for rows, as a code's encoder gives them.
std::vector<uint8_t> IndicesOf(const TableCode& code, const Rows& rows) {
  std::vector<uint8_t> codes(rows.n * code.code_bytes()), scan(code.scan_codes()), indices;
  code.Encode(rows, codes.data());
  for (size_t i = 0; i < rows.n; ++i) {
    code.ReadScanCodes(&codes[i * code.code_bytes()], scan.data());
    for (size_t p = 0; p < code.parts(); ++p) {
      indices.push_back(static_cast<uint8_t>(code.PartIndex(scan.data(), p)));
    }
  }
  return indices;
}

double ErrorOf(const TableCode& code, const Rows& rows, const std::vector<uint8_t>& indices) {
  double sum = 0;
  for (size_t i = 0; i < rows.n; ++i) {
    for (size_t j = 0; j < rows.dim; ++j) {
      double d = double{rows.row(i)[j]};
      for (size_t p = 0; p < code.parts(); ++p) {
        d -= double{code.codebook(p)[j * code.part(p).entries() + indices[i * code.parts() + p]]};
      }
      sum += d * d;
    }
  }
  return sum / static_cast<double>(rows.n);
}

TEST(AdditiveTrain, TheUpdateNeverRaisesTheError) {
  const Rows rows = ClusteredRows(800, 10, 30, 3);
  InlineExecutor executor;
  for (const char* spec : {"RQ3x4", "RQ2x8", "RQ5x4"}) {
    TableLayout layout = LayoutOf(Spec(spec), 10);
    const size_t floats = layout.floats();
    TableCode code(layout, GaussianRows(1, floats, 5, 0.5f).data);
    const auto indices = IndicesOf(code, rows);
    const double before = ErrorOf(code, rows, indices);
    const TableCode once(layout, UpdateCodebooks(code, rows, indices, executor).value());
    const double after = ErrorOf(once, rows, indices);
    EXPECT_LT(after, 0.9 * before) << spec;
    // Little is left to gain: the step goes to the least squares but for what the ridge holds back.
    const TableCode twice(layout, UpdateCodebooks(once, rows, indices, executor).value());
    const double again = ErrorOf(twice, rows, indices);
    EXPECT_LE(again, after * (1 + 1e-5)) << spec;
    EXPECT_GT(again, 0.8 * after) << spec;
  }
}

TEST(AdditiveTrain, CodewordsWithoutRowsStay) {
  const Rows rows = GaussianRows(20, 4, 3);
  TableLayout layout = LayoutOf(Spec("RQ2x4"), 4);
  const TableCode code(layout, GaussianRows(1, layout.floats(), 5).data);
  const std::vector<uint8_t> indices(2 * rows.n, 3);  // codeword 3 of both stages
  InlineExecutor executor;
  const auto codebooks = UpdateCodebooks(code, rows, indices, executor).value();
  for (size_t i = 0; i < codebooks.size(); ++i) {
    if (i % 16 != 3) {
      EXPECT_EQ(codebooks[i], code.codebooks()[i]);
    }
  }
}

TEST(AdditiveTrain, EachStageLosesLess) {
  const Rows rows = ClusteredRows(1200, 12, 30, 3);
  double last = 1e30;
  for (const uint32_t stages : {2u, 3u, 4u}) {
    const TableCode code = TrainAdditive(rows, stages, 4, 5, {}).value();
    const double error = ErrorOf(code, rows, IndicesOf(code, rows));
    EXPECT_LT(error, last);
    last = error;
  }
}

TEST(AdditiveTrain, StopsWhenCancelled) {
  const Rows rows = ClusteredRows(600, 12, 30, 3);
  TrainingContext context;
  context.stop = StopToken(StopToken::Clock::time_point::max(),
                           std::make_shared<const std::atomic<bool>>(true));
  EXPECT_EQ(TrainAdditive(rows, 3, 4, 5, context).status().code(), absl::StatusCode::kCancelled);
}

TEST(AdditiveTrain, TooFewRowsAreRefused) {
  EXPECT_EQ(TrainAdditive(GaussianRows(100, 4, 1), 2, 8, 5, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tessera::quant

#include "index/quant/codebooks.h"

#include <gtest/gtest.h>

#include "index/quant/kmeans.h"
#include "index/quant/nearest.h"
#include "index/quant/rows.h"
#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

const std::vector<TablePart> kParts = {{0, 3, 8}, {3, 10, 4}, {10, 12, 2}};

TEST(Codebooks, EachIsThatOfItsColumnsAlone) {
  const Rows rows = ClusteredRows(600, 12, 20, 4);
  TrainingContext context;
  const auto codebooks = TrainCodebooks(rows, kParts, 5, context).value();
  ASSERT_EQ(codebooks.size(), 3u * 256 + 7 * 16 + 2 * 4);
  const float* codebook = codebooks.data();
  for (size_t p = 0; p < kParts.size(); ++p) {
    const TablePart& part = kParts[p];
    const std::vector<float> columns = CopyColumns(rows, part.begin, part.end);
    TrainingContext alone;
    alone.seed = Random(context.seed, p + 1).Next();
    const auto expected = TrainKMeans({columns.data(), rows.n, part.dims()},
                                      {.k = part.entries(), .iterations = 5}, alone)
                              .value();
    EXPECT_EQ(std::vector<float>(codebook, codebook + part.floats()),
              Transpose(expected.centroids.data(), part.entries(), part.dims()));
    codebook += part.floats();
  }
}

TEST(Codebooks, SameBytesAtAnyNumberOfThreads) {
  const Rows rows = ClusteredRows(1000, 12, 20, 4);
  const auto expected = TrainCodebooks(rows, kParts, 3, {}).value();
  ThreadPoolExecutor pool(3);
  TrainingContext context;
  context.executor = &pool;
  EXPECT_EQ(TrainCodebooks(rows, kParts, 3, context).value(), expected);
}

TEST(Codebooks, TooFewRowsAreRefused) {
  EXPECT_EQ(TrainCodebooks(GaussianRows(255, 12, 1), kParts, 3, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tessera::quant

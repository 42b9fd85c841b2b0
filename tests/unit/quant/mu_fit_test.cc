// The fitted scalar of the correction.
#include "index/quant/mu_fit.h"

#include <gtest/gtest.h>

#include <atomic>

#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

StatusOr<float> Fit(const TrainedModel& trained, const Rows& rows, uint64_t total,
                    Executor& executor, StopToken stop = StopToken()) {
  return FitMu({*trained.model, *trained.lists, rows, total, 1, executor, stop});
}

TEST(MuFit, IsTheSameAtAnyNumberOfThreads) {
  const Rows rows = ClusteredRows(3000, 16, 50, 1);
  const TrainedModel trained = TrainOn("IVF16,PQ4x8", Metric::kL2, rows);
  InlineExecutor one;
  const float expected = Fit(trained, rows, 3000, one).value();
  EXPECT_GE(expected, 0.0f);
  EXPECT_LE(expected, 0.8f);
  ThreadPoolExecutor pool(3);
  EXPECT_EQ(Fit(trained, rows, 3000, pool).value(), expected);
}

// Rows in pairs of near twins: the query's residual is the row's, and mu = 1 would be exact. Rows
// without structure: the error has nothing to do with the query.
TEST(MuFit, RisesWithTheLikenessOfNeighbours) {
  const size_t dim = 16;
  const Rows apart = GaussianRows(3000, dim, 5);
  Rows twins = GaussianRows(3000, dim, 6);
  const Rows noise = GaussianRows(3000, dim, 7, 0.05f);
  for (size_t i = 0; i < twins.n; ++i) {
    for (size_t j = 0; j < dim; ++j) {
      twins.data[i * dim + j] = twins.data[i / 12 * 12 * dim + j] + noise.row(i)[j];
    }
  }
  InlineExecutor executor;
  const float low = Fit(TrainOn("PQ4x4", Metric::kL2, apart), apart, 3000, executor).value();
  const float high = Fit(TrainOn("PQ4x4", Metric::kL2, twins), twins, 3000, executor).value();
  EXPECT_LT(low, 0.5f);
  EXPECT_GT(high, low + 0.1f);
}

TEST(MuFit, TooFewRowsLeaveTheDefault) {
  const Rows rows = ClusteredRows(900, 16, 50, 1);
  const TrainedModel trained = TrainOn("IVF16,PQ4x4", Metric::kL2, rows);
  EXPECT_EQ(trained.model->mu, 0.35f);
}

TEST(MuFit, InnerProductKeepsTheDefault) {
  const Rows rows = ClusteredRows(3000, 16, 50, 1);
  EXPECT_EQ(TrainOn("IVF16,PQ4x4", Metric::kInnerProduct, rows).model->mu, 0.35f);
}

TEST(MuFit, Stops) {
  const Rows rows = ClusteredRows(3000, 16, 50, 1);
  const TrainedModel trained = TrainOn("IVF16,PQ4x4", Metric::kL2, rows);
  InlineExecutor executor;
  const StopToken stop(StopToken::Clock::time_point::max(),
                       std::make_shared<std::atomic<bool>>(true));
  EXPECT_EQ(Fit(trained, rows, 3000, executor, stop).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace tessera::quant

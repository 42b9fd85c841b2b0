#include "index/quant/error_bound.h"

#include <gtest/gtest.h>

#include "index/thread_pool.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

float Measure(const TrainedModel& trained, const Rows& rows, Executor& executor,
              StopToken stop = {}) {
  const ErrorBoundInput input{*trained.model, *trained.lists, rows, rows.n, 7, executor, stop};
  return MeasureErrorBound(input).value();
}

TEST(ErrorBound, FinerCodesHaveSmallerOnes) {
  const Rows rows = ClusteredRows(2000, 16, 20, 1);
  InlineExecutor executor;
  const TrainedModel coarse = TrainOn("IVF8,PQ2x8", Metric::kL2, rows);
  const TrainedModel fine = TrainOn("IVF8,PQ8x8", Metric::kL2, rows);
  const TrainedModel finest = TrainOn("IVF8,SQ8", Metric::kL2, rows);
  EXPECT_GT(fine.model->error_bound, 0);
  EXPECT_LT(fine.model->error_bound, 0.7f * coarse.model->error_bound);
  EXPECT_LT(finest.model->error_bound, 0.2f * fine.model->error_bound);
}

TEST(ErrorBound, TrainingSetsItAndThreadsDoNotShow) {
  const Rows rows = ClusteredRows(2000, 16, 20, 1);
  InlineExecutor one;
  ThreadPoolExecutor two(2);
  for (const char* spec : {"IVF8,PQ4x8", "IVF8,SQ4", "IVF8,Binary"}) {
    const TrainedModel trained = TrainOn(spec, Metric::kCosine, rows);
    const float bound = Measure(trained, rows, one);
    EXPECT_GT(bound, 0) << spec;
    EXPECT_EQ(bound, Measure(trained, rows, two)) << spec;
  }
}

TEST(ErrorBound, NothingIsKnown) {
  const Rows rows = ClusteredRows(2000, 16, 20, 1), few = ClusteredRows(500, 16, 20, 1);
  EXPECT_EQ(TrainOn("IVF8,PQ4x8", Metric::kInnerProduct, rows).model->error_bound, 0);
  EXPECT_EQ(TrainOn("IVF8,RaBitQ2", Metric::kL2, rows).model->error_bound, 0);
  EXPECT_EQ(TrainOn("IVF2,PQ4x4", Metric::kL2, few).model->error_bound, 0);
}

TEST(ErrorBound, Stops) {
  const Rows rows = ClusteredRows(2000, 16, 20, 1);
  const TrainedModel trained = TrainOn("IVF8,PQ4x8", Metric::kL2, rows);
  InlineExecutor executor;
  const StopToken stop(StopToken::Clock::time_point::min());
  const ErrorBoundInput input{*trained.model, *trained.lists, rows, rows.n, 7, executor, stop};
  EXPECT_FALSE(MeasureErrorBound(input).ok());
}

}  // namespace
}  // namespace tessera::quant

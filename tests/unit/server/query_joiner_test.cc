#include "server/query_joiner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <future>
#include <list>
#include <map>
#include <mutex>

#include "tests/e2e/fake_catalog.h"

namespace tessera::server {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using testing::FakeCollection;

class QueryJoinerTest : public ::testing::Test {
 protected:
  // Scores are first components; a NaN fails its batch, as in the engine.
  QueryJoinerTest() {
    collection_->on_query = [this](
                                MatrixView<const float> queries,
                                const QueryParams& params) -> StatusOr<std::vector<QueryResult>> {
      std::vector<QueryResult> results(queries.rows());
      for (size_t i = 0; i < queries.rows(); ++i) {
        if (std::isnan(queries.row(i)[0])) {
          return InvalidArgument("queries[" + std::to_string(i) + "][0] is NaN");
        }
        results[i].hits.resize(1);
        results[i].hits[0].score = queries.row(i)[0];
      }
      std::lock_guard lock(mutex_);
      batches_.push_back({queries.rows(), params});
      return results;
    };
  }

  std::future<StatusOr<QueryResult>> Add(QueryJoiner& joiner, float first,
                                         const QueryParams& params = {}) {
    vectors_.push_back({first, 0, 0, 0});
    auto promise = std::make_shared<std::promise<StatusOr<QueryResult>>>();
    joiner.Add(collection_, {vectors_.back().data(), 1, 4}, params,
               [promise](StatusOr<QueryResult> result) { promise->set_value(std::move(result)); });
    return promise->get_future();
  }

  static float ScoreOf(std::future<StatusOr<QueryResult>>& answer) {
    const StatusOr<QueryResult> result = answer.get();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->hits[0].score : -1;
  }

  struct Batch {
    size_t rows;
    QueryParams params;
  };
  std::mutex mutex_;
  std::vector<Batch> batches_;
  std::list<std::vector<float>> vectors_;
  std::shared_ptr<FakeCollection> collection_ = std::make_shared<FakeCollection>();
  Runtime runtime_{{.compute = 2, .io = 1, .jobs = 1}};
};

TEST_F(QueryJoinerTest, IsOffByDefaultAndTakesPlainQueriesOnly) {
  EXPECT_FALSE(QueryJoiner(runtime_, JoinOptions()).Takes(QueryParams()));
  const QueryJoiner joiner(runtime_, {.wait = microseconds(1)});
  EXPECT_TRUE(joiner.Takes(QueryParams()));
  for (bool QueryParams::*field :
       {&QueryParams::exact, &QueryParams::with_vector, &QueryParams::explain}) {
    QueryParams params;
    params.*field = true;
    EXPECT_FALSE(joiner.Takes(params));
  }
  QueryParams filtered;
  filtered.filter = Filter();
  EXPECT_FALSE(joiner.Takes(filtered));
}

TEST_F(QueryJoinerTest, AFullGroupRunsAtOnceAndEachGetsItsOwnAnswer) {
  QueryJoiner joiner(runtime_, {.wait = hours(1), .max = 3});
  auto a = Add(joiner, 1);
  auto b = Add(joiner, 2);
  auto c = Add(joiner, 3);
  EXPECT_EQ(ScoreOf(a), 1);
  EXPECT_EQ(ScoreOf(b), 2);
  EXPECT_EQ(ScoreOf(c), 3);
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_EQ(batches_[0].rows, 3u);
}

TEST_F(QueryJoinerTest, TheWaitEndsForAGroupThatDoesNotFill) {
  QueryJoiner joiner(runtime_, {.wait = microseconds(500), .max = 1000});
  auto a = Add(joiner, 1);
  EXPECT_EQ(ScoreOf(a), 1);
}

TEST_F(QueryJoinerTest, OtherParametersMakeAnotherGroup) {
  QueryJoiner joiner(runtime_, {.wait = hours(1), .max = 2});
  QueryParams five;
  five.limit = 5;
  QueryParams threshold;
  threshold.score_threshold = 0;
  std::vector<std::future<StatusOr<QueryResult>>> answers;
  for (int i = 0; i < 2; ++i) {
    for (const QueryParams& params : {QueryParams(), five, threshold}) {
      answers.push_back(Add(joiner, 1, params));
    }
  }
  for (auto& answer : answers) EXPECT_EQ(ScoreOf(answer), 1);
  std::multimap<uint32_t, bool> seen;
  for (const Batch& batch : batches_) {
    EXPECT_EQ(batch.rows, 2u);
    seen.insert({batch.params.limit, batch.params.score_threshold.has_value()});
  }
  EXPECT_EQ(seen, (std::multimap<uint32_t, bool>{{5, false}, {10, false}, {10, true}}));
}

TEST_F(QueryJoinerTest, ABadQueryFailsAlone) {
  QueryJoiner joiner(runtime_, {.wait = hours(1), .max = 3});
  auto a = Add(joiner, 1);
  auto bad = Add(joiner, std::nanf(""));
  auto c = Add(joiner, 3);
  EXPECT_EQ(ScoreOf(a), 1);
  EXPECT_EQ(bad.get().status(), InvalidArgument("queries[0][0] is NaN"));
  EXPECT_EQ(ScoreOf(c), 3);
}

TEST_F(QueryJoinerTest, WhatThrowsIsAnErrorOfEach) {
  collection_->on_query = [](auto, auto&) -> StatusOr<std::vector<QueryResult>> {
    throw std::bad_alloc();
  };
  QueryJoiner joiner(runtime_, {.wait = hours(1), .max = 2});
  auto a = Add(joiner, 1);
  auto b = Add(joiner, 2);
  EXPECT_TRUE(absl::IsResourceExhausted(a.get().status()));
  EXPECT_TRUE(absl::IsResourceExhausted(b.get().status()));
}

TEST_F(QueryJoinerTest, EachHasItsOwnDeadlineAndCancellation) {
  QueryJoiner joiner(runtime_, {.wait = hours(1), .max = 4});
  const auto now = StopToken::Clock::now();
  QueryParams late, soon, cancelled;
  late.stop = StopToken(now - hours(1));
  soon.stop = StopToken(now + hours(1));
  cancelled.stop = StopToken(now + hours(9), std::make_shared<std::atomic<bool>>(true));
  auto a = Add(joiner, 1, late);
  auto b = Add(joiner, 2, cancelled);
  auto c = Add(joiner, 3, soon);
  QueryParams later;
  later.stop = StopToken(now + hours(2));
  auto d = Add(joiner, 4, later);
  EXPECT_TRUE(absl::IsDeadlineExceeded(a.get().status()));
  EXPECT_TRUE(absl::IsCancelled(b.get().status()));
  EXPECT_EQ(ScoreOf(c), 3);
  EXPECT_EQ(ScoreOf(d), 4);
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_EQ(batches_[0].rows, 2u);
  EXPECT_EQ(batches_[0].params.stop.deadline(), now + hours(2));
}

TEST_F(QueryJoinerTest, CancelledWhileTheGroupRunsIsItsOwnError) {
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  const auto answer = collection_->on_query;
  collection_->on_query = [&](MatrixView<const float> queries, const QueryParams& params) {
    *cancelled = true;
    EXPECT_TRUE(params.stop.Check().ok());
    return answer(queries, params);
  };
  QueryJoiner joiner(runtime_, {.wait = hours(1), .max = 2});
  QueryParams params;
  params.stop = StopToken(StopToken::Clock::time_point::max(), cancelled);
  auto a = Add(joiner, 1, params);
  auto b = Add(joiner, 2);
  EXPECT_TRUE(absl::IsCancelled(a.get().status()));
  EXPECT_EQ(ScoreOf(b), 2);
}

}  // namespace
}  // namespace tessera::server

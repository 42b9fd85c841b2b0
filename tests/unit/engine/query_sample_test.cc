#include "index/engine/query_sample.h"

#include <gtest/gtest.h>

#include <thread>

namespace tessera::engine {
namespace {

TEST(QuerySample, OffKeepsNothing) {
  QuerySample sample;
  sample.Start(0, 2);
  const float q[2] = {1, 2};
  sample.Offer(q);
  EXPECT_TRUE(sample.Take(10).empty());
}

TEST(QuerySample, KeepsAllUntilFull) {
  QuerySample sample;
  sample.Start(3, 2);
  for (float i = 0; i < 3; ++i) {
    const float q[2] = {i, 10 * i};
    sample.Offer(q);
  }
  EXPECT_EQ(sample.Take(10), (std::vector<float>{0, 0, 1, 10, 2, 20}));
  EXPECT_EQ(sample.Take(1), (std::vector<float>{0, 0}));
}

// Early and late queries are kept alike.
TEST(QuerySample, IsUniform) {
  double late = 0, kept = 0;
  QuerySample sample;
  sample.Start(1000, 1);
  for (int i = 0; i < 20000; ++i) {
    const auto q = static_cast<float>(i);
    sample.Offer(&q);
  }
  for (const float q : sample.Take(1000)) {
    ++kept;
    late += q >= 10000;
  }
  EXPECT_EQ(kept, 1000);
  EXPECT_NEAR(late / kept, 0.5, 0.06);
}

TEST(QuerySample, TakesQueriesOfManyThreads) {
  QuerySample sample;
  sample.Start(64, 4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&sample, t] {
      const std::vector<float> q(4, static_cast<float>(t));
      for (int i = 0; i < 2000; ++i) sample.Offer(q.data());
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto kept = sample.Take(1000);
  ASSERT_EQ(kept.size(), 64u * 4);
  for (size_t i = 0; i < kept.size(); i += 4) {
    for (size_t j = 1; j < 4; ++j) ASSERT_EQ(kept[i + j], kept[i]) << "a torn query";
  }
}

}  // namespace
}  // namespace tessera::engine

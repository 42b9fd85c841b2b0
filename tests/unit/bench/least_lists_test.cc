#include "bench/ann/least_lists.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tessera::bench {
namespace {

TEST(LeastReachingTest, FindsTheFirstOfEveryPlace) {
  for (uint32_t most : {1u, 2u, 7u, 64u, 1000u}) {
    for (uint32_t first = 1; first <= most; ++first) {
      const auto found = LeastReaching(most, [&](uint32_t n) -> StatusOr<bool> {
        EXPECT_TRUE(n >= 1 && n <= most) << n;
        return n >= first;
      });
      ASSERT_TRUE(found.ok());
      EXPECT_EQ(*found, first) << "of " << most;
    }
  }
}

TEST(LeastReachingTest, IsZeroIfNothingReaches) {
  for (uint32_t most : {1u, 5u, 64u}) {
    const auto found = LeastReaching(most, [](uint32_t) -> StatusOr<bool> { return false; });
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(*found, 0u);
  }
}

TEST(LeastReachingTest, AsksFewTimesAndPassesErrorsOn) {
  int asked = 0;
  const auto found = LeastReaching(1u << 20, [&](uint32_t n) -> StatusOr<bool> {
    ++asked;
    return n >= 700000;
  });
  EXPECT_EQ(*found, 700000u);
  EXPECT_LE(asked, 42);
  const auto failed =
      LeastReaching(5, [](uint32_t) -> StatusOr<bool> { return InvalidArgument("no"); });
  EXPECT_EQ(MessageOf(failed.status()), "no");
}

TEST(InBlocksTest, EveryQueryOnceWithItsTruth) {
  for (const size_t n : {1u, 499u, 500u, 501u, 1700u, 4000u}) {
    QuerySet queries{2, {}, 3, {}};
    for (size_t i = 0; i < n; ++i) {
      queries.vectors.insert(queries.vectors.end(), 2, static_cast<float>(i));
      queries.truth.insert(queries.truth.end(), 3, static_cast<int32_t>(i));
    }
    const std::vector<QuerySet> blocks = InBlocks(queries);
    EXPECT_EQ(blocks[0].size(), std::min<size_t>(n, 500));
    std::vector<int32_t> seen;
    for (const QuerySet& block : blocks) {
      EXPECT_TRUE(seen.empty() || block.size() <= seen.size());
      for (size_t i = 0; i < block.size(); ++i) {
        EXPECT_EQ(block.Rows(i, 1).row(0)[1], static_cast<float>(block.Truth(i)[2]));
        seen.push_back(block.Truth(i)[0]);
      }
    }
    EXPECT_EQ(std::is_sorted(seen.begin(), seen.end()), n == 1);  // the order of the file may mean something
    std::sort(seen.begin(), seen.end());
    ASSERT_EQ(seen.size(), n);
    for (size_t i = 0; i < n; ++i) EXPECT_EQ(seen[i], static_cast<int32_t>(i));
  }
}

}  // namespace
}  // namespace tessera::bench

#include "bench/report/recall.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace tessera::bench {
namespace {

std::vector<int32_t> Iota(size_t n) {
  std::vector<int32_t> ids(n);
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

TEST(RecallTest, CountsTheTrueNeighboursAmongTheFirstTen) {
  Recall recall;
  // Seven of the true ten; 10 is the eleventh true neighbour, which is none of the ten.
  recall.AddQuery(std::vector<int64_t>{3, 0, 1, 2, 4, 5, 6, 10, 77, 78}, Iota(100));
  EXPECT_DOUBLE_EQ(recall.at10(), 0.7);
  EXPECT_DOUBLE_EQ(recall.first_at1(), 0);
  EXPECT_DOUBLE_EQ(recall.first_at10(), 1);
  EXPECT_EQ(recall.queries(), 1u);
}

TEST(RecallTest, WhatStandsBehindTheTenthDoesNotCountAtTen) {
  std::vector<int64_t> found(100);
  std::iota(found.begin(), found.end(), 1000);
  for (int i = 0; i < 50; ++i) found[static_cast<size_t>(10 + i)] = i;
  Recall recall;
  recall.AddQuery(found, Iota(100));
  EXPECT_DOUBLE_EQ(recall.at10(), 0);
  EXPECT_DOUBLE_EQ(recall.at100(), 0.5);
  EXPECT_DOUBLE_EQ(recall.first_at10(), 0);
  EXPECT_DOUBLE_EQ(recall.first_at100(), 1);
}

TEST(RecallTest, AnIdThatStandsTwiceCountsOnce) {
  Recall recall;
  recall.AddQuery(std::vector<int64_t>(10, 5), Iota(10));
  EXPECT_DOUBLE_EQ(recall.at10(), 0.1);
}

TEST(RecallTest, AShortTruthIsComparedWithWhatItHas) {
  Recall recall;
  recall.AddQuery(std::vector<int64_t>{8, 1, 2}, std::vector<int32_t>{8, 9, -1, -1});
  EXPECT_DOUBLE_EQ(recall.at10(), 0.5);
  EXPECT_DOUBLE_EQ(recall.first_at1(), 1);
}

TEST(RecallTest, AQueryWithoutTruthIsNoQuery) {
  Recall recall;
  recall.AddQuery(std::vector<int64_t>{1}, std::vector<int32_t>{-1, -1});
  EXPECT_EQ(recall.queries(), 0u);
  EXPECT_DOUBLE_EQ(recall.at10(), 0);
}

TEST(RecallTest, AnAnswerWithoutHitsFindsNothing) {
  Recall recall;
  recall.AddQuery({}, Iota(10));
  EXPECT_EQ(recall.queries(), 1u);
  EXPECT_DOUBLE_EQ(recall.at10(), 0);
  EXPECT_DOUBLE_EQ(recall.first_at100(), 0);
}

TEST(RecallTest, PartsAddUpToTheWhole) {
  Recall whole, a, b;
  const std::vector<int64_t> good = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<int64_t> bad = {9, 100, 101, 102};
  whole.AddQuery(good, Iota(20));
  whole.AddQuery(bad, Iota(20));
  a.AddQuery(good, Iota(20));
  b.AddQuery(bad, Iota(20));
  a.Add(b);
  EXPECT_DOUBLE_EQ(a.at10(), whole.at10());
  EXPECT_DOUBLE_EQ(a.at10(), 11.0 / 20);
  EXPECT_DOUBLE_EQ(a.first_at1(), 0.5);
  EXPECT_EQ(a.queries(), 2u);
}

}  // namespace
}  // namespace tessera::bench

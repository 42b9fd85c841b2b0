#include "index/filter/result_cache.h"

#include <gtest/gtest.h>

#include "index/filter/row_bits.h"

namespace tessera::filter {
namespace {

TEST(ResultCache, FindsWhatWasInsertedLast) {
  ResultCache cache(10000);
  EXPECT_EQ(cache.Find("a"), nullptr);
  const auto result = std::make_shared<const RowBits>();
  cache.Insert("a", result, 100);
  EXPECT_EQ(cache.Find("a"), result);
  cache.Insert("a", std::make_shared<const RowBits>(), 100);  // the first stays
  EXPECT_EQ(cache.Find("a"), result);
  EXPECT_EQ(cache.stats().hits, 2u);
  EXPECT_EQ(cache.stats().misses, 1u);
  EXPECT_EQ(cache.stats().entries, 1u);
}

TEST(ResultCache, DropsTheLeastRecentlyUsed) {
  ResultCache cache(10000);
  const auto result = std::make_shared<const RowBits>();
  for (int i = 0; i < 10; ++i) cache.Insert("key" + std::to_string(i), result, 800);
  EXPECT_NE(cache.Find("key0"), nullptr);
  cache.Insert("more", result, 800);
  EXPECT_NE(cache.Find("key0"), nullptr);
  EXPECT_EQ(cache.Find("key1"), nullptr);
  EXPECT_LE(cache.stats().bytes, 10000u);
  EXPECT_GT(cache.stats().bytes, 8000u);
  EXPECT_EQ(cache.stats().evictions + cache.stats().entries, 11u);
  EXPECT_EQ(static_cast<uint64_t>(result.use_count()), 1 + cache.stats().entries);
}

TEST(ResultCache, WhatIsTooLargeIsNotKept) {
  ResultCache cache(8000);
  cache.Insert("a", std::make_shared<const RowBits>(), 1000);
  EXPECT_EQ(cache.stats().entries, 0u);
  ResultCache off(0);
  off.Insert("a", std::make_shared<const RowBits>(), 1);
  EXPECT_EQ(off.Find("a"), nullptr);
}

}  // namespace
}  // namespace tessera::filter

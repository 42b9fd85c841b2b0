#include "index/filter/value_column.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace tessera::filter {
namespace {

template <typename Column>
std::vector<uint32_t> Collected(const Column& column, size_t begin, size_t end) {
  RowCollector rows;
  column.Collect(begin, end, rows);
  const Roaring set = rows.Finish();
  return {set.begin(), set.end()};
}

Number Random(std::mt19937_64& random) {
  switch (random() % 4) {
    case 0:
      return Number::FromInteger(static_cast<int64_t>(random() % 100));
    case 1:
      return Number::FromFloat(static_cast<double>(random() % 1000) / 8);
    case 2:
      return Number::FromUnsigned(UINT64_MAX - random() % 100);
    default:
      return Number::FromInteger(-static_cast<int64_t>(random() % 5000));
  }
}

TEST(NumberColumn, RangesThroughBinsAndMerges) {
  std::mt19937_64 random(12);
  std::map<Number, std::set<uint32_t>> expected;
  std::vector<NumberColumn> columns;
  Roaring dead;
  for (uint32_t part = 0; part < 5; ++part) {
    std::vector<NumberColumn::Entry> entries;
    for (uint32_t i = 0; i < 3000; ++i) {
      const uint32_t row = part * 5000 + i;
      const bool is_dead = random() % 10 == 0;
      if (is_dead) dead.add(row);
      for (size_t values = 1 + random() % 2; values > 0; --values) {
        entries.emplace_back(Random(random), row);
        if (!is_dead) expected[entries.back().first].insert(row);
      }
    }
    columns.emplace_back(entries);
  }
  std::vector<const NumberColumn*> parts;
  for (const NumberColumn& column : columns) parts.push_back(&column);
  const NumberColumn merged(parts, dead);
  ASSERT_EQ(merged.size(), expected.size());
  size_t i = 0;
  for (const auto& [key, rows] : expected) {
    EXPECT_EQ(merged.key(i), key);
    EXPECT_EQ(Collected(merged, i, i + 1), std::vector<uint32_t>(rows.begin(), rows.end()));
    EXPECT_EQ(merged.LowerBound(key), i);
    EXPECT_EQ(merged.UpperBound(key), ++i);
  }
  for (int trial = 0; trial < 60; ++trial) {
    Number low = Random(random), high = Random(random);
    if (high < low) std::swap(low, high);
    std::set<uint32_t> rows;
    for (auto at = expected.lower_bound(low); at != expected.upper_bound(high); ++at) {
      rows.insert(at->second.begin(), at->second.end());
    }
    EXPECT_EQ(Collected(merged, merged.LowerBound(low), merged.UpperBound(high)),
              std::vector<uint32_t>(rows.begin(), rows.end()));
  }
}

TEST(KeywordColumn, MergesEqualKeysAndDropsTheDead) {
  std::vector<KeywordColumn::Entry> first{{"b", 1}, {"a", 2}, {"b", 0}, {"b", 1}},
      second{{"c", 10}, {"b", 11}, {"", 12}};
  const KeywordColumn a(first), b(second);
  EXPECT_EQ(a.size(), 2u);
  EXPECT_EQ(Collected(a, 1, 2), (std::vector<uint32_t>{0, 1}));
  const std::vector<const KeywordColumn*> parts{&a, &b};
  Roaring dead;
  dead.add(10);
  dead.add(1);
  const KeywordColumn merged(parts, dead);
  ASSERT_EQ(merged.size(), 3u);
  EXPECT_EQ(merged.key(0), "");
  EXPECT_EQ(merged.key(1), "a");
  EXPECT_EQ(merged.key(2), "b");
  EXPECT_EQ(Collected(merged, 2, 3), (std::vector<uint32_t>{0, 11}));
  EXPECT_EQ(merged.LowerBound("aa"), 2u);
  EXPECT_EQ(merged.UpperBound("aa"), 2u);
}

TEST(KeywordColumn, UniqueKeywordsCostTheirBytesAndEight) {
  std::vector<std::string> keys;
  for (uint32_t i = 0; i < 50000; ++i) keys.push_back("key-" + std::to_string(1000000 + i));
  std::vector<KeywordColumn::Entry> entries;
  for (uint32_t i = 0; i < keys.size(); ++i) entries.emplace_back(keys[i], i);
  const KeywordColumn column(entries);
  EXPECT_LE(column.bytes(), keys.size() * (11 + 8) + 100);
}

TEST(NumberColumn, RestsTakeBytesOnlyWhereThereAreAny) {
  std::vector<NumberColumn::Entry> small, large;
  for (uint32_t i = 0; i < 100; ++i) {
    small.emplace_back(Number::FromInteger(i), i);
    large.emplace_back(Number::FromUnsigned(UINT64_MAX - i), i);
  }
  const NumberColumn a(small), b(large);
  EXPECT_EQ(b.bytes() - a.bytes(), 200u);
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(b.key(i), Number::FromUnsigned(UINT64_MAX - 99 + i));
}

}  // namespace
}  // namespace tessera::filter

#include "index/filter/row_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

namespace tessera::filter {
namespace {

std::vector<RowId> RandomRows(std::mt19937& random, size_t count, uint32_t range) {
  std::vector<RowId> rows;
  for (size_t i = 0; i < count; ++i) rows.emplace_back(random() % range);
  return rows;
}

TEST(RowSet, EmptySets) {
  const RowSet none;
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE(none.Contains(RowId(0)));
  EXPECT_TRUE(none.Rows().empty());
  EXPECT_TRUE(RowSet::OfRange(RowId(5), RowId(5)).empty());
  EXPECT_TRUE(RowSet::OfRows({}) == none);
  uint64_t mask = ~uint64_t{0};
  const RowId rows[] = {RowId(1), RowId(2)};
  none.FillMask(rows, &mask);
  EXPECT_EQ(mask, 0u);
}

TEST(RowSet, RangesHoldTheirEnds) {
  const RowSet set = RowSet::OfRange(RowId(100), RowId(1000));
  EXPECT_EQ(set.cardinality(), 900u);
  EXPECT_TRUE(set.Contains(RowId(100)) && set.Contains(RowId(999)));
  EXPECT_FALSE(set.Contains(RowId(99)) || set.Contains(RowId(1000)) ||
               set.Contains(RowId(UINT32_MAX)));
  EXPECT_TRUE(
      RowSet::OfRange(RowId(UINT32_MAX - 1), RowId(UINT32_MAX)).Contains(RowId(UINT32_MAX - 1)));
}

// Dense sets with words, and sparse ones without, against std::set.
TEST(RowSet, AgreesWithASortedSet) {
  std::mt19937 random(6);
  for (const auto& [count, range] :
       {std::pair<size_t, uint32_t>{5000, 20000}, {3000, 4000000000u}, {2000, 3000000}}) {
    const std::vector<RowId> a = RandomRows(random, count, range),
                             b = RandomRows(random, count, range);
    const std::set<RowId> in_a(a.begin(), a.end()), in_b(b.begin(), b.end());
    const RowSet set_a = RowSet::OfRows(a), set_b = RowSet::OfRows(b);
    EXPECT_EQ(set_a.words().empty(), range == 4000000000u);
    EXPECT_EQ(set_a.cardinality(), in_a.size());
    EXPECT_EQ(set_a.Rows(), std::vector<RowId>(in_a.begin(), in_a.end()));

    std::vector<RowId> asked = RandomRows(random, 500, range);
    asked.insert(asked.end(), a.begin(), a.begin() + 57);
    std::vector<uint64_t> mask((asked.size() + 63) / 64, ~uint64_t{0});
    set_a.FillMask(asked, mask.data());
    for (size_t i = 0; i < asked.size(); ++i) {
      EXPECT_EQ((mask[i / 64] >> (i % 64)) & 1, in_a.contains(asked[i])) << i;
      EXPECT_EQ(set_a.Contains(asked[i]), in_a.contains(asked[i]));
    }
    EXPECT_EQ(mask.back() >> (asked.size() % 64), 0u);

    const auto expect = [&](const RowSet& set, const std::vector<RowId>& rows) {
      EXPECT_EQ(set.Rows(), rows);
    };
    std::vector<RowId> both, either, only;
    std::set_intersection(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                          std::back_inserter(both));
    std::set_union(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), std::back_inserter(either));
    std::set_difference(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                        std::back_inserter(only));
    expect(set_a.And(set_b), both);
    expect(set_a.Or(set_b), either);
    expect(set_a.AndNot(set_b), only);
    EXPECT_EQ(set_a.AndCardinality(set_b), both.size());
    EXPECT_GT(set_a.bytes(), sizeof(void*));
  }
}

TEST(RowSet, RowsByPages) {
  std::mt19937 random(8);
  const RowSet set = RowSet::OfRows(RandomRows(random, 1000, 1 << 20));
  std::vector<RowId> paged;
  for (RowId next(0);;) {
    const std::vector<RowId> page = set.Rows(next, 77);
    if (page.empty()) break;
    paged.insert(paged.end(), page.begin(), page.end());
    next = RowId(page.back().value + 1);
  }
  EXPECT_EQ(paged, set.Rows());
  size_t visited = 0;
  set.ForEach([&](RowId row) { return row == paged[visited++] && visited < 10; });
  EXPECT_EQ(visited, 10u);
}

TEST(RowSet, CopiesShareTheBits) {
  const RowSet set = RowSet::OfRange(RowId(0), RowId(1000));
  const RowSet copy = set;
  EXPECT_EQ(&copy.bits(), &set.bits());
  EXPECT_EQ(copy.words().data(), set.words().data());
}

}  // namespace
}  // namespace tessera::filter

#include "index/filter/row_bits.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace tessera::filter {
namespace {

// Rows with every kind of container: a run, a sparse one, a dense one.
Roaring Mixed(uint32_t offset) {
  std::mt19937 random(4);
  Roaring rows;
  rows.addRange(offset + 5, offset + 40000);
  for (int i = 0; i < 100; ++i) rows.add(offset + 0x10000 + random() % 0x10000);
  for (int i = 0; i < 30000; ++i) rows.add(offset + 0x20000 + random() % 0x10000);
  rows.runOptimize();
  return rows;
}

TEST(RowBits, WordsAreTheRows) {
  for (const uint32_t offset : {0u, 0x30000u, 0xfff00000u}) {
    const Roaring rows = Mixed(offset);
    const auto bits = Finished(rows);
    ASSERT_FALSE(bits->words.empty());
    EXPECT_EQ(bits->first_word % 1024, 0u);
    Roaring again;
    for (size_t i = 0; i < bits->words.size() * 64; ++i) {
      if ((bits->words[i / 64] >> (i % 64)) & 1)
        again.add(bits->first_word * 64 + static_cast<uint32_t>(i));
    }
    EXPECT_TRUE(again == rows) << offset;
  }
}

TEST(RowBits, SparseSetsHaveNoWords) {
  Roaring rows;
  for (uint32_t i = 0; i < 1000; ++i) rows.add(i * 1000000);
  EXPECT_TRUE(Finished(rows)->words.empty());
  EXPECT_TRUE(Finished(Roaring())->words.empty());
  EXPECT_TRUE(Sparse(Mixed(0))->words.empty());
}

TEST(RowBits, BytesGrowWithTheSet) {
  EXPECT_LT(BytesOf(Roaring()), 200u);
  const Roaring rows = Mixed(0);
  EXPECT_GT(BytesOf(rows), 8192u);
  EXPECT_LT(BytesOf(rows), 20000u);
  const auto bits = Finished(rows);
  EXPECT_GE(BytesOf(*bits), BytesOf(bits->rows) + 3 * 8192);
}

TEST(RowCollector, LooseRowsAndBitmapsTogether) {
  std::mt19937 random(9);
  for (int trial = 0; trial < 50; ++trial) {
    std::set<uint32_t> expected;
    std::vector<Roaring> whole(random() % 5);
    RowCollector collector;
    for (Roaring& rows : whole) {
      for (size_t i = random() % 200; i > 0; --i) {
        const uint32_t row = random() % 100000;
        rows.add(row);
        expected.insert(row);
      }
    }
    for (const Roaring& rows : whole) collector.Add(rows);
    std::vector<uint32_t> loose(random() % 100);
    for (uint32_t& row : loose) expected.insert(row = random() % 100000);
    collector.Add(loose);
    collector.Add(7);
    expected.insert(7);
    const std::vector<uint32_t> sorted(expected.begin(), expected.end());
    EXPECT_TRUE(collector.Finish() == FromAscending(sorted));
  }
}

}  // namespace
}  // namespace tessera::filter

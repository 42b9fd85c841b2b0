#include "index/filter/merge_policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace tessera::filter {
namespace {

using Place = std::pair<size_t, size_t>;

std::vector<SegmentSize> Of(const std::vector<uint64_t>& rows) {
  std::vector<SegmentSize> sizes;
  uint32_t next = 0;
  for (const uint64_t n : rows) {
    sizes.push_back({next, next + static_cast<uint32_t>(n), n, n * 100});
    next += static_cast<uint32_t>(n);
  }
  return sizes;
}

TEST(MergePolicy, InlineMergesTheTailOfOneTier) {
  EXPECT_EQ(InlineMerge({}), Place(0, 0));
  EXPECT_EQ(InlineMerge(Of({1, 1, 1, 1, 1, 1, 1})), Place(0, 0));
  EXPECT_EQ(InlineMerge(Of({1, 1, 1, 1, 1, 1, 1, 1})), Place(0, 8));
  EXPECT_EQ(InlineMerge(Of({8, 1, 1, 1, 1, 1, 1, 1, 1})), Place(1, 9));
  EXPECT_EQ(InlineMerge(Of({8, 8, 8, 8, 8, 8, 1, 8, 8})), Place(0, 9));
  EXPECT_EQ(InlineMerge(Of({600, 600, 600, 600, 600, 600, 600, 600})), Place(0, 0));  // 4,800 rows
}

TEST(MergePolicy, BackgroundTakesTheSmallestTier) {
  EXPECT_EQ(BackgroundMerge({}), Place(0, 0));
  EXPECT_EQ(BackgroundMerge(Of(std::vector<uint64_t>(7, 5000))), Place(0, 0));
  EXPECT_EQ(BackgroundMerge(Of(std::vector<uint64_t>(9, 5000))), Place(0, 9));
  std::vector<uint64_t> mixed(8, 60000);
  mixed.insert(mixed.end(), 8, 5000);
  EXPECT_EQ(BackgroundMerge(Of(mixed)), Place(8, 16));
}

TEST(MergePolicy, MergedSegmentsAreBounded) {
  const std::vector<uint64_t> large(8, 300000);
  EXPECT_EQ(BackgroundMerge(Of(large)), Place(0, 3));
  std::vector<SegmentSize> sizes = Of(std::vector<uint64_t>(8, 5000));
  for (SegmentSize& size : sizes) size.bytes = kMergedBytes / 2;
  EXPECT_EQ(BackgroundMerge(sizes), Place(0, 2));
  for (SegmentSize& size : sizes) size.bytes = kMergedBytes;
  EXPECT_EQ(BackgroundMerge(sizes), Place(0, 0));
}

// However rows come, following the policy ends, and leaves few segments.
TEST(MergePolicy, Converges) {
  for (const uint64_t batch : {1, 3, 100, 5000}) {
    std::vector<uint64_t> rows;
    uint64_t written = 0, total = 0;
    for (; total < 300000; total += batch) {
      rows.push_back(batch);
      for (;;) {
        Place run = InlineMerge(Of(rows));
        if (run.first == run.second) run = BackgroundMerge(Of(rows));
        if (run.first == run.second) break;
        uint64_t sum = 0;
        for (size_t i = run.first; i < run.second; ++i) sum += rows[i];
        rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(run.first) + 1,
                   rows.begin() + static_cast<std::ptrdiff_t>(run.second));
        rows[run.first] = sum;
        written += sum;
      }
    }
    EXPECT_LE(rows.size(), 50u) << batch;
    EXPECT_LE(written, 8 * total) << batch;
  }
}

}  // namespace
}  // namespace tessera::filter

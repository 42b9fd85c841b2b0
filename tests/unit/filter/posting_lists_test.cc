#include "index/filter/posting_lists.h"

#include <gtest/gtest.h>

#include <random>

namespace tessera::filter {
namespace {

using Lists = std::vector<std::vector<uint32_t>>;

PostingLists Built(const Lists& lists) {
  PostingLists postings;
  for (const auto& rows : lists) postings.Append(rows);
  postings.Finish();
  return postings;
}

std::vector<uint32_t> Collected(const PostingLists& postings, size_t begin, size_t end) {
  RowCollector rows;
  postings.Collect(begin, end, rows);
  const Roaring set = rows.Finish();
  return {set.begin(), set.end()};
}

TEST(PostingLists, ShortAndLongLists) {
  std::mt19937 random(2);
  Lists lists;
  for (size_t key = 0; key < 100; ++key) {
    std::vector<uint32_t> rows;
    uint32_t row = random() % 5;
    for (size_t n = key % 10 == 0 ? 200 : 1 + random() % 64; n > 0; --n)
      rows.push_back(row += 1 + random() % 9);
    lists.push_back(rows);
  }
  const PostingLists postings = Built(lists);
  EXPECT_EQ(postings.size(), lists.size());
  Roaring even, none;
  for (uint32_t row = 0; row < 3000; row += 2) even.add(row);
  for (size_t key = 0; key < lists.size(); ++key) {
    EXPECT_EQ(postings.Count(key, key + 1), lists[key].size());
    EXPECT_EQ(Collected(postings, key, key + 1), lists[key]);
    std::vector<uint32_t> odd, live;
    for (const uint32_t row : lists[key]) {
      if (row % 2 == 1) odd.push_back(row);
    }
    postings.AppendLive(key, even, live);
    EXPECT_EQ(live, odd);
    EXPECT_EQ(postings.CountIn(key, even), lists[key].size() - odd.size());
  }
  size_t all = 0;
  for (size_t key = 5; key < 41; ++key) all += lists[key].size();
  EXPECT_EQ(postings.Count(5, 41), all);
  EXPECT_EQ(postings.Count(7, 7), 0u);
  EXPECT_TRUE(Collected(postings, 7, 7).empty());
}

TEST(PostingLists, UniqueKeysCostFourBytes) {
  Lists lists;
  for (uint32_t row = 0; row < 10000; ++row) lists.push_back({row * 3});
  const PostingLists postings = Built(lists);
  EXPECT_EQ(postings.bytes(), 40000u);
  EXPECT_EQ(Collected(postings, 17, 20), (std::vector<uint32_t>{51, 54, 57}));
  EXPECT_EQ(postings.Count(0, 10000), 10000u);
}

TEST(PostingLists, NoKeys) {
  const PostingLists postings = Built({});
  EXPECT_EQ(postings.size(), 0u);
  EXPECT_EQ(postings.Count(0, 0), 0u);
}

}  // namespace
}  // namespace tessera::filter

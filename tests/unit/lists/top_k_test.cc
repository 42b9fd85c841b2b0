#include "index/lists/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace tessera::lists {
namespace {

TEST(OrderedBits, KeepsTheOrderOfFloats) {
  std::vector<float> values{-INFINITY, -3e38f, -1.5f, -1e-40f, 0.0f, 1e-40f, 0.25f, 7.0f, 3e38f, INFINITY};
  for (size_t i = 1; i < values.size(); ++i) EXPECT_LT(OrderedBits(values[i - 1]), OrderedBits(values[i]));
  EXPECT_EQ(OrderedBits(-0.0f), OrderedBits(0.0f));
  for (const float v : values) EXPECT_EQ(FromOrderedBits(OrderedBits(v)), v);
}

TEST(TopK, EqualsSorting) {
  std::mt19937 random(3);
  for (const size_t capacity : {1u, 7u, 100u}) {
    TopK top;
    for (int round = 0; round < 3; ++round) {  // reuse
      top.Reset(capacity);
      std::vector<uint64_t> all;
      float last_threshold = INFINITY;
      for (uint32_t i = 0; i < 3000; ++i) {
        const float estimate = static_cast<float>(random() % 500);  // many ties
        all.push_back(Candidate::Key(estimate, RowId{i}));
        top.Push({all.back(), 0, i});
        ASSERT_LE(top.threshold(), last_threshold) << "the threshold loosened";
        last_threshold = top.threshold();
      }
      std::sort(all.begin(), all.end());
      const auto& sorted = top.Sorted();
      ASSERT_EQ(sorted.size(), capacity);
      for (size_t i = 0; i < capacity; ++i) ASSERT_EQ(sorted[i].key, all[i]);
    }
  }
}

TEST(TopK, FewerThanCapacity) {
  TopK top;
  top.Reset(10);
  EXPECT_FALSE(top.bounded());
  top.Push({Candidate::Key(2.0f, RowId{9}), 0, 0});
  top.Push({Candidate::Key(2.0f, RowId{4}), 0, 0});
  const auto& sorted = top.Sorted();
  ASSERT_EQ(sorted.size(), 2u);
  EXPECT_EQ(sorted[0].row(), RowId{4});
  EXPECT_FLOAT_EQ(sorted[1].estimate(), 2.0f);
}

}  // namespace
}  // namespace tessera::lists

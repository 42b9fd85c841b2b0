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

using Item = std::pair<uint32_t, Place>;

std::vector<Item> Sorted(const TopK& top) {
  std::vector<Item> items;
  for (size_t i = 0; i < top.size(); ++i) items.emplace_back(top.keys()[i], top.places()[i]);
  std::sort(items.begin(), items.end());
  return items;
}

TEST(TopK, EqualsSorting) {
  std::mt19937 random(3);
  for (const size_t capacity : {1u, 7u, 100u, 1000u}) {
    for (const uint32_t values : {1u, 3u, 500u, 1u << 30}) {  // many ties, few ties
      TopK top;
      for (int round = 0; round < 3; ++round) {  // reuse
        top.Reset(capacity);
        std::vector<Item> all;
        uint32_t last_worst = UINT32_MAX;
        for (uint32_t i = 0; i < 3000;) {
          const uint32_t burst = std::min<uint32_t>(1 + random() % 256, 3000 - i);
          top.Reserve(burst);
          for (const uint32_t end = i + burst; i < end; ++i) {
            // Places do not come in order.
            const Item item(OrderedBits(static_cast<float>(random() % values)), Place{i % 7, i});
            all.push_back(item);
            top.Push(item.first, item.second);
          }
          top.CutIfFull();
          ASSERT_LE(top.worst_key(), last_worst) << "the threshold loosened";
          last_worst = top.worst_key();
        }
        top.Finish();
        std::sort(all.begin(), all.end());
        all.resize(capacity);
        ASSERT_EQ(Sorted(top), all) << "capacity " << capacity << " of " << values << " values";
      }
    }
  }
}

TEST(TopK, FewerThanCapacity) {
  TopK top;
  top.Reset(10);
  EXPECT_FALSE(top.bounded());
  top.Reserve(2);
  top.Push(OrderedBits(2.0f), {9, 0});
  top.Push(OrderedBits(2.0f), {4, 0});
  top.Finish();
  const auto sorted = Sorted(top);
  ASSERT_EQ(sorted.size(), 2u);
  EXPECT_EQ(sorted[0].second, (Place{4, 0}));
  EXPECT_FLOAT_EQ(FromOrderedBits(sorted[1].first), 2.0f);
}

}  // namespace
}  // namespace tessera::lists

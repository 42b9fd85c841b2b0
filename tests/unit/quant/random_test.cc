#include "index/quant/random.h"

#include <gtest/gtest.h>

#include <set>

namespace tessera::quant {
namespace {

// Models trained by one release must come out the same in the next.
TEST(Random, TheSequenceOfASeedIsFixed) {
  Random random(1234);
  const uint64_t first = random.Next();
  const uint64_t second = random.Next();
  Random again(1234);
  EXPECT_EQ(again.Next(), first);
  EXPECT_EQ(again.Next(), second);
  EXPECT_EQ(first, 13204981851421766069u);
  EXPECT_EQ(second, 11546582306341855090u);
}

TEST(Random, SeedsAndStreamsDiffer) {
  std::set<uint64_t> firsts;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (uint64_t stream = 0; stream < 10; ++stream) firsts.insert(Random(seed, stream).Next());
  }
  EXPECT_EQ(firsts.size(), 100u);
}

TEST(Random, BelowIsUniform) {
  Random random(7);
  int counts[10] = {};
  for (int i = 0; i < 100000; ++i) ++counts[random.Below(10)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(random.Below(1), 0u);
}

TEST(Random, GaussianHasMeanZeroAndVarianceOne) {
  Random random(8);
  double sum = 0, squares = 0;
  const int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double v = random.Gaussian();
    sum += v;
    squares += v * v;
  }
  EXPECT_NEAR(sum / n, 0, 0.02);
  EXPECT_NEAR(squares / n, 1, 0.02);
}

TEST(Random, SampleIsDistinctAscendingAndFair) {
  int hits[20] = {};
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    Random random(seed);
    const auto sample = SampleIndices(20, 5, random);
    ASSERT_EQ(sample.size(), 5u);
    for (size_t i = 1; i < sample.size(); ++i) ASSERT_LT(sample[i - 1], sample[i]);
    for (const uint32_t index : sample) ++hits[index];
  }
  for (const int count : hits) EXPECT_NEAR(count, 1000, 150);
}

TEST(Random, SampleOfAllIsAll) {
  Random random(1);
  const auto sample = SampleIndices(6, 6, random);
  EXPECT_EQ(sample, (std::vector<uint32_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(SampleIndices(6, 0, random).empty());
}

}  // namespace
}  // namespace tessera::quant

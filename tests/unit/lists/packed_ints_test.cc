#include "index/lists/packed_ints.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tessera::lists {
namespace {

void ExpectRoundTrip(const std::vector<uint64_t>& values) {
  const PackedInts packed(values);
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(packed[i], values[i]) << "at " << i;
}

TEST(PackedInts, EmptyAndConstantTakeNoBytes) {
  EXPECT_EQ(PackedInts().bytes(), 0u);
  const PackedInts constant(std::vector<uint64_t>(512, 77));
  EXPECT_EQ(constant.bytes(), 0u);
  EXPECT_EQ(constant[511], 77u);
}

TEST(PackedInts, EveryWidthRoundTrips) {
  std::mt19937_64 random(1);
  for (unsigned width = 1; width <= 64; ++width) {
    const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
    std::vector<uint64_t> values(513);
    for (uint64_t& v : values) v = random() & mask;
    values[0] = 0;
    values[512] = mask;
    ExpectRoundTrip(values);
  }
}

TEST(PackedInts, SmallNegativeDifferencesStayNarrow) {
  std::vector<uint64_t> values;
  for (int i = 0; i < 100; ++i) values.push_back(static_cast<uint64_t>(int64_t{i % 7} - 3));
  const PackedInts packed(values);
  EXPECT_EQ(packed.width(), 3u);
  ExpectRoundTrip(values);
}

TEST(PackedInts, ExtremesOfSixtyFourBits) {
  ExpectRoundTrip({0, ~uint64_t{0}, uint64_t{1} << 63, (uint64_t{1} << 63) - 1, 1});
}

}  // namespace
}  // namespace tessera::lists

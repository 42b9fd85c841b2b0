#include "index/base/aligned_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace tessera {
namespace {

bool AllZero(const AlignedBuffer& buffer) {
  return std::all_of(buffer.data(), buffer.data() + buffer.capacity(),
                     [](uint8_t byte) { return byte == 0; });
}

TEST(AlignedBufferTest, IsAlignedZeroedAndRoundedUp) {
  for (const size_t size : {1, 63, 64, 65, 4097}) {
    const AlignedBuffer buffer(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_GE(buffer.capacity(), size);
    EXPECT_EQ(buffer.capacity() % 64, 0u);
    EXPECT_TRUE(AllZero(buffer));
  }
}

TEST(AlignedBufferTest, EmptyOwnsNothing) {
  AlignedBuffer buffer;
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_EQ(buffer.capacity(), 0u);
  buffer.Resize(0);
  EXPECT_EQ(buffer.data(), nullptr);
}

TEST(AlignedBufferTest, ResizeZeroesAndKeepsMemoryThatSuffices) {
  AlignedBuffer buffer(100);
  const uint8_t* before = buffer.data();
  std::fill_n(buffer.data(), 100, uint8_t{7});
  buffer.Resize(128);
  EXPECT_EQ(buffer.data(), before);
  EXPECT_EQ(buffer.size(), 128u);
  EXPECT_TRUE(AllZero(buffer));
  buffer.Resize(1);
  EXPECT_EQ(buffer.data(), before);
  EXPECT_EQ(buffer.capacity(), 128u);
  buffer.Resize(129);
  EXPECT_EQ(buffer.capacity(), 192u);
  EXPECT_TRUE(AllZero(buffer));
}

TEST(AlignedBufferTest, MoveTakesTheMemory) {
  AlignedBuffer from(10);
  const uint8_t* data = from.data();
  const AlignedBuffer to = std::move(from);
  EXPECT_EQ(to.data(), data);
  EXPECT_EQ(to.size(), 10u);
}

}  // namespace
}  // namespace tessera

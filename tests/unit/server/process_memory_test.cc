#include "server/process_memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace tessera::server {
namespace {

TEST(ProcessMemoryTest, ReadsTheKernelsText) {
  const ProcessMemory memory = ParseProcessStatus(
      "Name:\tx\nVmHWM:\t    3000 kB\nVmRSS:\t    2000 kB\nRssAnon:\t    1000 kB\n");
  EXPECT_EQ(memory.peak_resident, 3000u * 1024);
  EXPECT_EQ(memory.resident, 2000u * 1024);
  EXPECT_EQ(memory.anonymous, 1000u * 1024);
}

TEST(ProcessMemoryTest, HostileTextIsZero) {
  EXPECT_EQ(ParseProcessStatus("").resident, 0u);
  EXPECT_EQ(ParseProcessStatus("VmRSS:").resident, 0u);
  EXPECT_EQ(ParseProcessStatus("VmRSS: many kB").resident, 0u);
}

TEST(ProcessMemoryTest, SeesWhatThisProcessTouches) {
  const uint64_t before = ReadProcessMemory().anonymous;
  ASSERT_GT(before, 0u);
  const std::vector<char> block(64 << 20, 1);
  EXPECT_GE(ReadProcessMemory().anonymous, before + (60u << 20));
  EXPECT_EQ(block[1 << 20], 1);
}

}  // namespace
}  // namespace tessera::server

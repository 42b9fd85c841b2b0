#include "index/base/disk_space.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/temp_dir.h"

namespace tessera {
namespace {

TEST(DiskSpaceTest, BytesBesideTheReserve) {
  const testing::TempDir directory;
  EXPECT_TRUE(CheckDiskSpace(directory.path(), 0, 1).ok());
  const uint64_t capacity = std::filesystem::space(directory.path()).capacity;
  for (const auto& [reserve, bytes] : {std::pair<uint64_t, uint64_t>{0, capacity + 1}, {capacity + 1, 0},
                                       {UINT64_MAX, UINT64_MAX}}) {
    const Status full = CheckDiskSpace(directory.path(), reserve, bytes);
    EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_NE(MessageOf(full).find(directory.path() + " is full"), std::string::npos) << full;
    EXPECT_NE(MessageOf(full).find(", " + std::to_string(bytes) + " more are needed"), std::string::npos) << full;
  }
  EXPECT_TRUE(CheckDiskSpace(directory.path() + "/none", UINT64_MAX, 1).ok()) << "nobody knows";
}

}  // namespace
}  // namespace tessera

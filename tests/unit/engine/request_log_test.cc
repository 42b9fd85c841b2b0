#include "index/engine/request_log.h"

#include <gtest/gtest.h>

namespace tessera::engine {
namespace {

TEST(RequestLogTest, RepliesComeBack) {
  WriteResult result{1ull << 40, 3, {}};
  result.rejected.push_back({7, Aborted("points[7].if_version is 1, id 9 has version 2")});
  result.rejected.push_back({1000, NotFound("")});
  const std::string bytes = EncodeReply(result);
  const auto decoded = DecodeReply(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->commit, result.commit);
  EXPECT_EQ(decoded->rows, 3u);
  ASSERT_EQ(decoded->rejected.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(decoded->rejected[i].index, result.rejected[i].index);
    EXPECT_EQ(decoded->rejected[i].status, result.rejected[i].status);
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeReply(std::string_view(bytes).substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(DecodeReply(bytes + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RequestLogTest, GoldenBytes) {
  WriteResult result{2, 3, {}};
  result.rejected.push_back({4, Aborted("no")});
  EXPECT_EQ(EncodeReply(result),
            std::string("\1\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\0\0\0\0\12\2\0\0\0no", 36));
}

// Counts and codes that no encoder writes.
TEST(RequestLogTest, HostileBytesAreDataLoss) {
  std::string bytes = EncodeReply({1, 1, {{0, Aborted("no")}}});
  std::string many = bytes;
  many[20] = '\x7f';  // the highest byte of the count
  EXPECT_EQ(DecodeReply(many).status().code(), absl::StatusCode::kDataLoss);
  std::string code = bytes;
  code[29] = 0;
  EXPECT_EQ(DecodeReply(code).status().code(), absl::StatusCode::kDataLoss);
  code[29] = 17;
  EXPECT_EQ(DecodeReply(code).status().code(), absl::StatusCode::kDataLoss);
  std::string version = bytes;
  version[0] = 2;
  EXPECT_EQ(DecodeReply(version).status().code(), absl::StatusCode::kFailedPrecondition) << "a newer version wrote it";
  version[0] = 0;
  EXPECT_EQ(DecodeReply(version).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace tessera::engine

#include "index/engine/list_cursor.h"

#include <gtest/gtest.h>

namespace tessera::engine {
namespace {

TEST(ListCursor, GoldenBytes) {
  const std::string bytes("\x01\x05\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x07\x00\x00\x00\x4a\x1e\x64\x1b", 21);
  EXPECT_EQ(EncodeCursor({5, RowId{6}, 7}), bytes);
  const auto cursor = DecodeCursor(bytes);
  ASSERT_TRUE(cursor.ok()) << cursor.status();
  EXPECT_EQ(cursor->commit, 5u);
  EXPECT_EQ(cursor->first, RowId{6});
  EXPECT_EQ(cursor->filter, 7u);
}

TEST(ListCursor, AnyOtherBytesAreNone) {
  const std::string good = EncodeCursor({5, RowId{6}, 7});
  for (size_t n = 0; n < good.size(); ++n) {
    std::string bad = good;
    bad[n] = static_cast<char>(bad[n] ^ 1);
    EXPECT_EQ(DecodeCursor(bad).status().code(), absl::StatusCode::kInvalidArgument) << n;
    EXPECT_EQ(DecodeCursor(good.substr(0, n)).status().code(), absl::StatusCode::kInvalidArgument) << n;
  }
  EXPECT_EQ(DecodeCursor(good + "x").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tessera::engine

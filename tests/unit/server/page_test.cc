#include "server/page.h"

#include <gtest/gtest.h>

namespace tessera::server {
namespace {

TEST(PageTest, Sizes) {
  EXPECT_EQ(*PageSize(0), 100u);
  EXPECT_EQ(*PageSize(7), 7u);
  EXPECT_EQ(*PageSize(1000000), 1000u);
  EXPECT_TRUE(absl::IsInvalidArgument(PageSize(-1).status()));
}

TEST(PageTest, TokensComeBack) {
  EXPECT_EQ(*ParsePageToken("things", ""), "");
  EXPECT_EQ(*ParsePageToken("things", PageToken("things", "a:b")), "a:b");
}

TEST(PageTest, ForeignTokensAreRefused) {
  const std::string token = PageToken("things", "last");
  EXPECT_TRUE(absl::IsInvalidArgument(ParsePageToken("others", token).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParsePageToken("thing", token).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParsePageToken("things", "last").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParsePageToken("things", "\xff\xfe*").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParsePageToken("things", PageToken("things", "")).status()));
}

}  // namespace
}  // namespace tessera::server

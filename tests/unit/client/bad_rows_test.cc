#include "client/cli/bad_rows.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tessera::cli {
namespace {

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(BadRows, ShowsTheFirstTenAndWritesAll) {
  const std::string path = testing::TempDir() + "bad_rows_" + std::to_string(getpid());
  testing::internal::CaptureStderr();
  {
    BadRows bad([] {});
    ASSERT_TRUE(bad.WriteTo(path, false).ok());
    for (uint64_t i = 0; i < 12; ++i) bad.Add("f", i, "f row " + std::to_string(i) + ": NaN");
    EXPECT_EQ(bad.count(), 12u);
    EXPECT_TRUE(bad.Finish().ok());
  }
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_NE(shown.find("bad row: f row 9: NaN\n"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("f row 10:"), std::string::npos) << shown;
  EXPECT_NE(shown.find("bad rows: 2 more, all are in " + path), std::string::npos) << shown;
  const std::string written = ReadAll(path);
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 12);
  EXPECT_NE(written.find("f\t11\tf row 11: NaN\n"), std::string::npos);
  std::filesystem::remove(path);
}

TEST(BadRows, AFullDiskIsReported) {
  testing::internal::CaptureStderr();
  BadRows bad([] {});
  ASSERT_TRUE(bad.WriteTo("/dev/full", false).ok());
  bad.Add("f", 1, "why");
  EXPECT_FALSE(bad.Finish().ok());
  EXPECT_FALSE(BadRows([] {}).WriteTo("/no/such/folder/file", false).ok());
  testing::internal::GetCapturedStderr();
}

TEST(WithoutRequestRow, TakesTheNumberOfTheRequestAway) {
  EXPECT_EQ(WithoutRequestRow("points[17].vector[3] is NaN"), "vector[3] is NaN");
  EXPECT_EQ(WithoutRequestRow("points[17]: duplicate id"), "duplicate id");
  EXPECT_EQ(WithoutRequestRow("vector[3] is NaN"), "vector[3] is NaN");
  EXPECT_EQ(WithoutRequestRow("points[17"), "points[17");
  EXPECT_EQ(WithoutRequestRow("points[17]"), "points[17]");
  EXPECT_EQ(WithoutRequestRow(""), "");
}

}  // namespace
}  // namespace tessera::cli

#include "index/store/info_log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/temp_dir.h"

namespace tessera::store {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

TEST(InfoLog, KeepsWarnings) {
  const testing::TempDir directory;
  const auto log = OpenInfoLog(directory.path());
  rocksdb::Log(rocksdb::INFO_LEVEL, log, "nothing of note");
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/LOG"));
  rocksdb::Log(rocksdb::WARN_LEVEL, log, "stalled for %d ms", 17);
  const std::string text = ReadFile(directory.path() + "/LOG");
  EXPECT_NE(text.find("Z [WARN] stalled for 17 ms\n"), std::string::npos) << text;
}

TEST(InfoLog, IsBounded) {
  const testing::TempDir directory;
  const auto log = OpenInfoLog(directory.path());
  const std::string note(1000, 'x');
  for (int i = 0; i < 5000; ++i) rocksdb::Log(rocksdb::ERROR_LEVEL, log, "%s", note.c_str());
  EXPECT_LE(std::filesystem::file_size(directory.path() + "/LOG.old"), (1u << 20) + 2000);
  EXPECT_LE(std::filesystem::file_size(directory.path() + "/LOG"), (1u << 20) + 2000);
}

TEST(InfoLog, ADirectoryThatIsNotThereIsNoTrouble) {
  const testing::TempDir directory;
  const auto log = OpenInfoLog(directory.path() + "/none");
  rocksdb::Log(rocksdb::ERROR_LEVEL, log, "lost");
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/none"));
}

}  // namespace
}  // namespace tessera::store

// RocksDB's own logs as this reads them: whole ones are, cut and flipped ones are not.
#include "index/store/log_files.h"

#include <fstream>

#include "tests/unit/store/store_fixture.h"

namespace tessera::store {
namespace {

std::string Read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class LogFilesTest : public StoreTest {
 protected:
  // A log of several blocks, with a record that spans three of them.
  void Fill() {
    Open();
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(Write([&](Batch& batch) { batch.PutRecord(std::to_string(i), std::string(1000, 'x')); }).ok());
    }
    ASSERT_TRUE(Write([](Batch& batch) { batch.PutRecord("long", std::string(80000, 'y')); }).ok());
    store_.reset();
  }
  std::filesystem::path Find(const std::string& start, const std::string& extension) {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      const std::string name = entry.path().filename();
      if (name.starts_with(start) && entry.path().extension() == extension && entry.file_size() > 0) return entry.path();
    }
    ADD_FAILURE() << "no " << start << "*" << extension;
    return {};
  }
};

TEST_F(LogFilesTest, WholeCutAndFlipped) {
  Fill();
  EXPECT_TRUE(AreLogsWhole(path_).value());
  for (const auto& path : {Find("0", ".log"), Find("MANIFEST", "")}) {
    const std::string whole = Read(path);
    EXPECT_TRUE(IsWholeLog(whole));
    EXPECT_TRUE(IsWholeLog(whole + std::string(5000, '\0')));  // allocated ahead
    EXPECT_FALSE(IsWholeLog(whole + "rubbish behind the end"));
    for (const size_t cut : {whole.size() - 1, whole.size() - 20}) EXPECT_FALSE(IsWholeLog(whole.substr(0, cut)));
    for (size_t at = 0; at < whole.size(); at += 1 + whole.size() / 500) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 4);
      // Between the last record of a block and the block's end there are up to six zeros that nobody reads.
      EXPECT_TRUE(!IsWholeLog(flipped) || at % 32768 >= 32768 - 6) << path << " " << at;
    }
    std::ofstream(path, std::ios::binary) << whole.substr(0, whole.size() - 1);
    EXPECT_FALSE(AreLogsWhole(path_).value());
    std::ofstream(path, std::ios::binary) << whole;
    EXPECT_TRUE(AreLogsWhole(path_).value());
  }
}

TEST_F(LogFilesTest, NothingIsWholeAndNowhereIsAnError) {
  EXPECT_TRUE(IsWholeLog(""));
  EXPECT_TRUE(IsWholeLog(std::string(100, '\0')));
  EXPECT_FALSE(IsWholeLog("abc"));
  EXPECT_EQ(AreLogsWhole(path_ + "-none").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace tessera::store

#include "index/store/table_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "index/store/store.h"
#include "tests/temp_dir.h"

namespace tessera::store {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void WriteFile(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class TableFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.shared = &shared_;
    options_.create = true;
    auto store = Store::Open(path_, options_);
    ASSERT_TRUE(store.ok()) << store.status();
    const auto batch = (*store)->NewBatch();
    batch->PutRecord("a", "some bytes");
    ASSERT_TRUE((*store)->Write(*batch, Durability::kSync).ok());
    ASSERT_TRUE((*store)->FlushAll().ok());
    store->reset();
    for (const auto& entry : fs::directory_iterator(path_)) {
      if (entry.path().extension() == ".sst") file_ = entry.path();
    }
    ASSERT_FALSE(file_.empty());
  }

  testing::TempDir directory_;
  SharedResources shared_{SharedResources::Options{}};
  Store::Options options_;
  const std::string path_ = directory_.path() + "/db";
  fs::path file_;
};

TEST_F(TableFilesTest, WholeFilesPassAndNoDirectoryDoes) {
  EXPECT_TRUE(DamagedTableFiles(path_).value().empty());
  EXPECT_TRUE(DamagedTableFiles(path_ + "/nowhere").value().empty());
  EXPECT_TRUE(Store::Open(path_, options_).ok());
}

// The lowest and the highest bit of every byte: the store is opened or refused, and never ends the process.
TEST_F(TableFilesTest, NoBitOfAFileEndsTheProcess) {
  const std::string whole = ReadFile(file_);
  size_t refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int bit : {0, 7}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      WriteFile(file_, bytes);
      const auto damaged = DamagedTableFiles(path_).value();
      refused += damaged.size();
      if (bit == 0) continue;
      const auto store = Store::Open(path_, options_);
      if (damaged.empty()) continue;
      EXPECT_EQ(damaged[0], file_);
      ASSERT_EQ(store.status().code(), absl::StatusCode::kDataLoss) << at;
      EXPECT_NE(MessageOf(store.status()).find(file_.filename().string()), std::string::npos) << store.status();
    }
  }
  EXPECT_GE(refused, 8u);  // the count of restarts
}

TEST_F(TableFilesTest, CutShortOrNoTablesAreLeftToRocksDb) {
  const std::string whole = ReadFile(file_);
  for (size_t size = 0; size < whole.size(); size += 7) {
    WriteFile(file_, whole.substr(0, size));
    EXPECT_TRUE(DamagedTableFiles(path_).value().empty()) << size;
  }
  WriteFile(file_, std::string(200, '\xff'));
  EXPECT_TRUE(DamagedTableFiles(path_).value().empty());
}

}  // namespace
}  // namespace tessera::store

#include "client/formats/payload_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "client/formats/json_reader.h"
#include "tests/temp_dir.h"

namespace tessera::formats {
namespace {

class PayloadFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<PayloadFile> Open(const std::string& content) {
    const std::string path = directory_.path() + "/side.jsonl";
    std::ofstream(path, std::ios::binary) << content;
    auto opened = PayloadFile::Open(path);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  static VectorBatch Batch(uint64_t first, uint64_t end, std::vector<uint64_t> good) {
    VectorBatch batch;
    batch.first_row = first;
    batch.end_row = end;
    batch.rows = good.size();
    batch.row_numbers = std::move(good);
    return batch;
  }

  tessera::testing::TempDir directory_;
};

TEST_F(PayloadFileTest, LinesOfGoodRowsAreTaken) {
  const auto file = Open("{\"a\":0}\n  \n{\"a\":2}\r\n{\"a\":3}\n{\"a\":4}");
  VectorBatch batch = Batch(0, 3, {1, 2});
  ASSERT_TRUE(file->Fill(batch).ok());
  EXPECT_EQ(batch.payloads, (std::vector<std::string>{"", "{\"a\":2}\r"}));
  batch = Batch(3, 5, {4});
  ASSERT_TRUE(file->Fill(batch).ok());
  EXPECT_EQ(batch.payloads, (std::vector<std::string>{"{\"a\":4}"}));
  batch = Batch(5, 6, {5});
  const Status ended = file->Fill(batch);
  EXPECT_EQ(ended.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(MessageOf(ended).find("line 6 is missing"), std::string::npos) << ended;
}

TEST_F(PayloadFileTest, SkippedLinesAreLeftOut) {
  const auto file = Open("{\"a\":0}\n{\"a\":1}\n");
  ASSERT_TRUE(file->Skip(1).ok());
  VectorBatch batch = Batch(1, 2, {1});
  ASSERT_TRUE(file->Fill(batch).ok());
  EXPECT_EQ(batch.payloads, (std::vector<std::string>{"{\"a\":1}"}));
  EXPECT_EQ(file->Skip(1).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PayloadFileTest, EndlessLinesAreRefused) {
  const auto file = Open(std::string(kMaxJsonLineBytes * 2, 'x'));
  VectorBatch batch = Batch(0, 1, {0});
  EXPECT_NE(MessageOf(file->Fill(batch)).find("line 1 is longer than"), std::string::npos);
  EXPECT_FALSE(PayloadFile::Open(directory_.path() + "/none").ok());
}

}  // namespace
}  // namespace tessera::formats

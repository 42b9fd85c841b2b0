#include "index/engine/backup_record.h"

#include <gtest/gtest.h>

#include "index/base/bytes.h"

namespace tessera::engine {
namespace {

BackupInfo Info() {
  BackupInfo info;
  info.collection = "docs";
  info.commit = 77;
  info.rows = 12;
  info.time_ms = 1795000000123;
  info.dim = 96;
  info.metric = Metric::kCosine;
  info.quantizer = "IVF16,PQ8x8";
  info.refine_on_disk = true;
  return info;
}

TEST(BackupRecordTest, ReadsBackWhatWasWritten) {
  BackupInfo read;
  ASSERT_TRUE(DecodeBackup(EncodeBackup(Info()), read).ok());
  EXPECT_EQ(read.format, kBackupFormat);
  EXPECT_EQ(read.collection, "docs");
  EXPECT_EQ(read.commit, 77u);
  EXPECT_EQ(read.rows, 12u);
  EXPECT_EQ(read.time_ms, 1795000000123);
  EXPECT_EQ(read.dim, 96u);
  EXPECT_EQ(read.metric, Metric::kCosine);
  EXPECT_EQ(read.quantizer, "IVF16,PQ8x8");
  EXPECT_TRUE(read.refine_on_disk);
}

TEST(BackupRecordTest, GoldenBytes) {
  const std::string bytes = EncodeBackup(Info());
  std::string hex;
  for (const unsigned char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[c >> 4];
    hex += kDigits[c & 15];
  }
  EXPECT_EQ(hex.substr(0, hex.size() - 8),
            "0100000004000000646f63734d000000000000000c000000000000007b5e56eea101000060000000020b000000"
            "49564631362c505138783801");
}

TEST(BackupRecordTest, EveryFlippedBitAndEveryLengthIsDataLoss) {
  const std::string bytes = EncodeBackup(Info());
  BackupInfo read;
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    std::string damaged = bytes;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    EXPECT_EQ(DecodeBackup(damaged, read).code(), absl::StatusCode::kDataLoss) << i;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeBackup(bytes.substr(0, size), read).code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(BackupRecordTest, OfANewerFormatNothingElseIsRead) {
  std::string newer;
  ByteWriter writer(newer);
  writer.Put(kBackupFormat + 1);
  writer.PutString("something else");
  writer.Put(Crc32c(newer));
  BackupInfo read;
  ASSERT_TRUE(DecodeBackup(newer, read).ok());
  EXPECT_EQ(read.format, kBackupFormat + 1);
  EXPECT_TRUE(read.collection.empty());
  const Status refused = CheckBackupFormat(read.format);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(refused).find("newer"), std::string::npos) << refused;
  EXPECT_TRUE(CheckBackupFormat(kBackupFormat).ok());
}

}  // namespace
}  // namespace tessera::engine

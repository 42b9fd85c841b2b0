#include "index/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace tessera {
namespace {

TEST(Crc32cTest, KnownValues) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), 0xe3069283u);
  // RFC 3720, B.4
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(ByteWriterTest, GoldenBytes) {
  std::string out = "x";
  ByteWriter writer(out);
  writer.Put(uint8_t{1});
  writer.Put(uint16_t{0x0203});
  writer.Put(1.0f);
  writer.PutBe32(0x01020304);
  writer.PutBe64(5);
  writer.PutString("ab");
  const float floats[] = {-1.0f};
  writer.PutFloats(floats, 1);
  EXPECT_EQ(out, std::string("x"
                             "\x01"
                             "\x03\x02"
                             "\0\0\x80\x3f"
                             "\x01\x02\x03\x04"
                             "\0\0\0\0\0\0\0\x05"
                             "\x02\0\0\0ab"
                             "\x01\0\0\0\0\0\0\0\0\0\x80\xbf",
                             1 + 1 + 2 + 4 + 4 + 8 + 6 + 12));
}

TEST(ByteReaderTest, ReadsWhatTheWriterWrote) {
  std::string out;
  ByteWriter writer(out);
  writer.Put(int64_t{-5});
  writer.Put(std::numeric_limits<double>::infinity());
  writer.PutBe32(7);
  writer.PutBe64(UINT64_MAX);
  writer.PutString("");
  writer.PutString(std::string(300, 's'));
  const std::vector<float> floats = {1.0f, 2.0f, 3.0f};
  writer.PutFloats(floats.data(), floats.size());
  writer.PutFloats(nullptr, 0);
  ByteReader reader(out);
  EXPECT_EQ(reader.Get<int64_t>(), -5);
  EXPECT_EQ(reader.Get<double>(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(reader.GetBe32(), 7u);
  EXPECT_EQ(reader.GetBe64(), UINT64_MAX);
  EXPECT_EQ(reader.GetString(), "");
  EXPECT_EQ(reader.GetString(), std::string(300, 's'));
  std::vector<float> read;
  EXPECT_TRUE(reader.GetFloats(read, 3));
  EXPECT_EQ(read, floats);
  EXPECT_FALSE(reader.Finished());
  EXPECT_TRUE(reader.GetFloats(read, 0));
  EXPECT_TRUE(read.empty());
  EXPECT_TRUE(reader.Finished());
}

TEST(ByteReaderTest, EveryTruncationFailsAndStaysFailed) {
  std::string out;
  ByteWriter writer(out);
  writer.PutBe32(7);
  writer.PutString("string");
  const float floats[] = {1.0f, 2.0f};
  writer.PutFloats(floats, 2);
  for (size_t size = 0; size < out.size(); ++size) {
    ByteReader reader(std::string_view(out).substr(0, size));
    reader.GetBe32();
    reader.GetString();
    std::vector<float> read;
    EXPECT_FALSE(reader.GetFloats(read, 2)) << size;
    EXPECT_FALSE(reader.ok());
    EXPECT_FALSE(reader.Finished());
    EXPECT_EQ(reader.Get<uint8_t>(), 0);
    EXPECT_EQ(reader.GetBytes(0), "");
    EXPECT_FALSE(reader.ok());
  }
}

TEST(ByteReaderTest, HostileLengthsAllocateNothing) {
  ByteReader strings(std::string_view("\xff\xff\xff\xff" "abc", 7));
  EXPECT_EQ(strings.GetString(), "");
  EXPECT_FALSE(strings.ok());

  const std::string_view hostile("\xff\xff\xff\xff\xff\xff\xff\xff" "abcd", 12);
  std::vector<float> read;
  ByteReader counted(hostile);
  EXPECT_FALSE(counted.GetFloats(read, UINT64_MAX));
  ByteReader unexpected(hostile);
  EXPECT_FALSE(unexpected.GetFloats(read, 1));
  EXPECT_TRUE(read.empty());
}

TEST(ByteReaderTest, RestAndRemaining) {
  ByteReader reader("abcdef");
  EXPECT_EQ(reader.GetBytes(2), "ab");
  EXPECT_EQ(reader.remaining(), 4u);
  EXPECT_EQ(reader.rest(), "cdef");
  EXPECT_EQ(reader.GetBytes(5), "");
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace tessera

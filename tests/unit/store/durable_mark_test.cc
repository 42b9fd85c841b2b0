#include "index/store/durable_mark.h"

#include <gtest/gtest.h>

#include <fstream>

#include "index/store/store.h"
#include "tests/temp_dir.h"

namespace tessera::store {
namespace {

std::string Bytes(const std::string& directory) {
  std::ifstream in(directory + "/DURABLE", std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

TEST(DurableMarkTest, TheLastNumberStays) {
  const testing::TempDir directory;
  EXPECT_EQ(DurableMark::Read(directory.path()), 0u);
  {
    DurableMark mark(directory.path(), true);
    EXPECT_EQ(DurableMark::Read(directory.path()), 0u);
    mark.Raise(1);
    mark.Raise(0x1234567890);
  }
  EXPECT_EQ(DurableMark::Read(directory.path()), 0x1234567890u);
  EXPECT_EQ(Store::DurableCommit(directory.path()), 0x1234567890u);
  EXPECT_EQ(Bytes(directory.path()), std::string("\x01\x90\x78\x56\x34\x12\0\0\0\xe0\xa6\x8b\xef", 13));
}

TEST(DurableMarkTest, AnyOtherByteIsNoNumber) {
  const testing::TempDir directory;
  DurableMark(directory.path(), true).Raise(77);
  const std::string whole = Bytes(directory.path());
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    std::ofstream(directory.path() + "/DURABLE", std::ios::binary) << bytes;
    EXPECT_EQ(DurableMark::Read(directory.path()), 0u) << at;
  }
  for (const std::string& bytes : {whole.substr(0, 12), whole + "x", std::string()}) {
    std::ofstream(directory.path() + "/DURABLE", std::ios::binary) << bytes;
    EXPECT_EQ(DurableMark::Read(directory.path()), 0u);
  }
}

TEST(DurableMarkTest, ReadersMakeNoFileAndAMissingDirectoryIsNoError) {
  const testing::TempDir directory;
  DurableMark(directory.path(), false).Raise(5);
  EXPECT_EQ(DurableMark::Read(directory.path()), 0u);
  DurableMark(directory.path() + "/none", true).Raise(5);
  EXPECT_EQ(DurableMark::Read(directory.path() + "/none"), 0u);
}

}  // namespace
}  // namespace tessera::store

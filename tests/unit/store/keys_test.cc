#include "index/store/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace tessera::store {
namespace {

std::string IdKey(const PointId& id) {
  std::string key;
  EXPECT_TRUE(AppendIdKey(id, key));
  return key;
}

TEST(KeysTest, GoldenBytes) {
  EXPECT_EQ(View(RowKey(RowId(0x01020304))), std::string_view("\x01\x02\x03\x04", 4));
  EXPECT_EQ(View(ListKey(ListId(7))), std::string_view("\0\0\0\x07", 4));
  EXPECT_EQ(View(PostingKey(ListId(7), RowId(0xfffffffe))),
            std::string_view("\0\0\0\x07\xff\xff\xff\xfe", 8));
  EXPECT_EQ(IdKey(PointId(0x0102030405060708)),
            std::string_view("\0\x01\x02\x03\x04\x05\x06\x07\x08", 9));
  EXPECT_EQ(IdKey(PointId(std::string("ab"))),
            "\x01"
            "ab");
  EXPECT_EQ(RequestIdKey("ab"), std::string_view("\0ab", 3));
  EXPECT_EQ(View(RequestPlaceKey(0x0102030405060708)),
            std::string_view("\x01\x01\x02\x03\x04\x05\x06\x07\x08", 9));
}

TEST(KeysTest, ByteOrderIsNumericOrder) {
  const std::vector<uint32_t> numbers = {0, 1, 255, 256, 65535, 65536, 0x7fffffff, UINT32_MAX};
  for (size_t i = 1; i < numbers.size(); ++i) {
    EXPECT_LT(View(RowKey(RowId(numbers[i - 1]))), View(RowKey(RowId(numbers[i]))));
    EXPECT_LT(View(PostingKey(ListId(numbers[i - 1]), RowId(UINT32_MAX))),
              View(PostingKey(ListId(numbers[i]), RowId(0))));
    EXPECT_LT(IdKey(PointId(uint64_t{numbers[i - 1]} << 20)),
              IdKey(PointId(uint64_t{numbers[i]} << 20)));
  }
  EXPECT_LT(IdKey(PointId(UINT64_MAX)), IdKey(PointId(std::string(1, '\0'))));
}

TEST(KeysTest, RoundTrip) {
  RowId row;
  ListId list;
  ASSERT_TRUE(ParsePostingKey(View(PostingKey(ListId(UINT32_MAX), RowId(77))), list, row));
  EXPECT_EQ(list, ListId(UINT32_MAX));
  EXPECT_EQ(row, RowId(77));
  ASSERT_TRUE(ParseRowKey(View(RowKey(RowId(5))), row));
  EXPECT_EQ(row, RowId(5));
  ASSERT_TRUE(ParseListKey(View(ListKey(ListId(6))), list));
  EXPECT_EQ(list, ListId(6));
  uint64_t sequence = 0;
  ASSERT_TRUE(ParseRequestPlaceKey(View(RequestPlaceKey(UINT64_MAX - 1)), sequence));
  EXPECT_EQ(sequence, UINT64_MAX - 1);
  EXPECT_FALSE(ParseRequestPlaceKey(View(RequestPlaceKey(1)).substr(0, 8), sequence));
  EXPECT_FALSE(ParseRequestPlaceKey(RequestIdKey("8 bytes!"), sequence));
  for (const PointId& id : {PointId(0), PointId(UINT64_MAX), PointId(std::string("k")),
                            PointId(std::string(256, '\xff')), PointId(std::string(8, '\0'))}) {
    PointId parsed;
    ASSERT_TRUE(ParseIdKey(IdKey(id), parsed));
    EXPECT_EQ(parsed, id);
  }
}

TEST(KeysTest, RefusesIdsThatNoKeyHolds) {
  std::string key = "kept";
  EXPECT_FALSE(AppendIdKey(PointId(std::string()), key));
  EXPECT_FALSE(AppendIdKey(PointId(std::string(257, 'x')), key));
  EXPECT_EQ(key, "kept");
}

TEST(KeysTest, RefusesMalformedKeys) {
  RowId row;
  ListId list;
  PointId id;
  for (const size_t size : {0, 3, 5, 8}) EXPECT_FALSE(ParseRowKey(std::string(size, 'x'), row));
  for (const size_t size : {0, 3, 5, 8}) EXPECT_FALSE(ParseListKey(std::string(size, 'x'), list));
  for (const size_t size : {0, 4, 7, 9}) {
    EXPECT_FALSE(ParsePostingKey(std::string(size, 'x'), list, row));
  }
  EXPECT_FALSE(ParseIdKey("", id));
  EXPECT_FALSE(ParseIdKey(std::string(8, '\0'), id));
  EXPECT_FALSE(ParseIdKey(std::string(10, '\0'), id));
  EXPECT_FALSE(ParseIdKey("\x01", id));
  EXPECT_FALSE(ParseIdKey("\x01" + std::string(257, 'x'), id));
  EXPECT_FALSE(ParseIdKey("\x02key", id));
}

TEST(KeysTest, FamilyNames) {
  EXPECT_EQ(GenerationFamily(kPostingsPrefix, Generation(12)), "postings-12");
  EXPECT_EQ(ParseGenerationFamily(kPostingsPrefix, "postings-12"), Generation(12));
  EXPECT_EQ(ParseGenerationFamily(kPostingsPrefix, "postings-4294967295"), Generation(UINT32_MAX));
  EXPECT_EQ(ParseGenerationFamily(kPostingsPrefix, "postings-0"), Generation(0));
  for (const char* name : {"postings-", "postings-4294967296", "postings-01", "postings-+1",
                           "postings--1", "postings-1x", "assign-1", "postings", ""}) {
    EXPECT_FALSE(ParseGenerationFamily(kPostingsPrefix, name).has_value()) << name;
  }
}

}  // namespace
}  // namespace tessera::store

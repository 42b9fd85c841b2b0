#include "client/cli/text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tessera::cli {
namespace {

TEST(Text, Numbers) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(uint64_t{5} << 50), "5120.0 TiB");
  EXPECT_EQ(FormatDuration(9.44), "9.4 s");
  EXPECT_EQ(FormatDuration(67), "1:07");
  EXPECT_EQ(FormatDuration(7384), "2:03:04");
  EXPECT_EQ(FormatFixed(0.9666, 2), "0.97");
}

TEST(Table, AlignsTheFirstColumnLeftAndTheRestRight) {
  Table table({"name", "n"});
  table.AddRow({"a", "1"});
  table.AddRow({"longer", "1,000"});
  EXPECT_EQ(table.ToString(),
            "name        n\n"
            "a           1\n"
            "longer  1,000\n");
}

TEST(JsonWriter, NestsAndEscapes) {
  JsonWriter json;
  json.BeginObject();
  json.Key("a").BeginArray().Integer(1).Number(0.5).Number(NAN).Number(0.1f).EndArray();
  json.Key("b\n").String("q\"\\\x01");
  json.Key("c").BeginObject().EndObject();
  json.Key("d").Bool(true);
  json.EndObject();
  EXPECT_EQ(json.text(), R"({"a":[1,0.5,null,0.1],"b\u000a":"q\"\\\u0001","c":{},"d":true})");
}

}  // namespace
}  // namespace tessera::cli

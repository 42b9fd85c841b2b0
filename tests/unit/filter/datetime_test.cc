#include "index/filter/datetime.h"

#include <gtest/gtest.h>

namespace tessera::filter {
namespace {

constexpr int64_t kSecond = 1000000;

TEST(Datetime, KnownInstants) {
  EXPECT_EQ(ParseDatetime("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseDatetime("1985-04-12T23:20:50.52Z"),
            482196050 * kSecond + 520000);  // RFC 3339, 5.8
  EXPECT_EQ(ParseDatetime("1996-12-19T16:39:57-08:00"), ParseDatetime("1996-12-20T00:39:57Z"));
  EXPECT_EQ(ParseDatetime("1937-01-01T12:00:27.87+00:20"),
            ParseDatetime("1937-01-01T11:40:27.87Z"));
  EXPECT_EQ(ParseDatetime("2024-02-29"), ParseDatetime("2024-02-29T00:00:00Z"));
  EXPECT_EQ(ParseDatetime("2024-02-29t12:00:00z"), ParseDatetime("2024-02-29 12:00:00-00:00"));
  EXPECT_EQ(ParseDatetime("1969-12-31T23:59:59.999999Z"), -1);
  EXPECT_EQ(ParseDatetime("2000-01-01T00:00:00.1234569Z"),
            ParseDatetime("2000-01-01T00:00:00.123456Z"));
}

TEST(Datetime, LeapSecondsAreTheSecondAfter) {
  EXPECT_EQ(ParseDatetime("1990-12-31T23:59:60Z"), ParseDatetime("1991-01-01T00:00:00Z"));
  EXPECT_EQ(ParseDatetime("1990-12-31T15:59:60-08:00"), ParseDatetime("1991-01-01T00:00:00Z"));
  EXPECT_EQ(ParseDatetime("1990-12-31T23:58:60Z"), std::nullopt);
  EXPECT_EQ(ParseDatetime("1990-12-31T23:59:60-08:00"), std::nullopt);
}

TEST(Datetime, EndsOfTheCalendar) {
  EXPECT_TRUE(ParseDatetime("0000-01-01T00:00:00Z"));
  EXPECT_TRUE(ParseDatetime("9999-12-31T23:59:59.999999-23:59"));
  EXPECT_EQ(FormatDatetime(*ParseDatetime("0000-01-01T00:00:00Z")), "0000-01-01T00:00:00Z");
}

TEST(Datetime, Refused) {
  for (const char* text : {"",
                           "2024",
                           "2024-13-01",
                           "2024-00-01",
                           "2024-02-30",
                           "2023-02-29",
                           "2024-01-32",
                           "2024-1-1",
                           "24-01-01",
                           "2024-01-01T",
                           "2024-01-01T00:00:00",
                           "2024-01-01T24:00:00Z",
                           "2024-01-01T00:60:00Z",
                           "2024-01-01T00:00:61Z",
                           "2024-01-01T00:00:00.Z",
                           "2024-01-01T00:00:00+24:00",
                           "2024-01-01T00:00:00+0100",
                           "2024-01-01T00:00:00+01:60",
                           "2024-01-01T00:00:00Zx",
                           "2024-01-01T00:00Z",
                           "-024-01-01",
                           "2024-01-01x",
                           " 2024-01-01",
                           "2024-01-01T00:00:00,5Z",
                           "20240101T000000Z",
                           "99999-01-01"}) {
    EXPECT_EQ(ParseDatetime(text), std::nullopt) << text;
  }
}

TEST(Datetime, TextsComeBack) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2024-02-29T23:59:59.999999Z",
                           "1900-01-01T01:02:03.5Z", "1969-12-31T23:59:59.000001Z"}) {
    EXPECT_EQ(FormatDatetime(*ParseDatetime(text)), text);
  }
}

}  // namespace
}  // namespace tessera::filter

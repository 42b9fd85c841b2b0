#include "index/payload.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

std::string Merged(std::string_view payload, std::string_view patch) {
  const auto merged = MergePayload(payload, patch);
  EXPECT_TRUE(merged.ok()) << merged.status();
  return merged.ok() ? *merged : "";
}

TEST(Payload, CanonicalIsMinifiedInTheOrderGiven) {
  EXPECT_EQ(CanonicalPayload(" { \"b\" : [ 1 , 2.0 ] ,\n \"a\" : null } ").value(),
            R"({"b":[1,2.0],"a":null})");
  EXPECT_EQ(CanonicalPayload("{}").value(), "{}");
}

TEST(Payload, ErrorsSayWhatIsBad) {
  EXPECT_EQ(MessageOf(CanonicalPayload("").status()), "payload: empty, expected a JSON object");
  EXPECT_EQ(MessageOf(CanonicalPayload("[]").status()),
            "payload: column 1: expected a JSON object that begins with {");
  EXPECT_EQ(MessageOf(MergePayload("{}", "").status()), "patch: empty, expected a JSON object");
  EXPECT_TRUE(MessageOf(MergePayload("{}", "{\"a\"").status()).starts_with("patch: column"));
  EXPECT_TRUE(MessageOf(MergePayload("{\"a\"", "{}").status()).starts_with("payload: column"));
}

TEST(Payload, WritingMayNotGrowPastTheLimit) {
  std::string text = "{\"a\":[";  // 9E9 is written as 9000000000.0
  while (text.size() < kMaxPayloadBytes - 10) text += "9E9,";
  text += "1]}";
  ASSERT_LE(text.size(), kMaxPayloadBytes);
  EXPECT_NE(MessageOf(CanonicalPayload(text).status()).find("when written"), std::string::npos);
}

// The examples of RFC 7386, appendix A, that have objects on both sides.
TEST(Payload, MergePatch) {
  EXPECT_EQ(Merged(R"({"a":"b"})", R"({"a":"c"})"), R"({"a":"c"})");
  EXPECT_EQ(Merged(R"({"a":"b"})", R"({"b":"c"})"), R"({"a":"b","b":"c"})");
  EXPECT_EQ(Merged(R"({"a":"b"})", R"({"a":null})"), "{}");
  EXPECT_EQ(Merged(R"({"a":"b","b":"c"})", R"({"a":null})"), R"({"b":"c"})");
  EXPECT_EQ(Merged(R"({"a":["b"]})", R"({"a":"c"})"), R"({"a":"c"})");
  EXPECT_EQ(Merged(R"({"a":"c"})", R"({"a":["b"]})"), R"({"a":["b"]})");
  EXPECT_EQ(Merged(R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})"), R"({"a":{"b":"d"}})");
  EXPECT_EQ(Merged(R"({"a":[{"b":"c"}]})", R"({"a":[1]})"), R"({"a":[1]})");
  EXPECT_EQ(Merged(R"({"e":null})", R"({"a":1})"), R"({"e":null,"a":1})");
  EXPECT_EQ(Merged("", R"({"a":{"bb":{"ccc":null}}})"), R"({"a":{"bb":{}}})");
  EXPECT_EQ(Merged(R"({"a":"x"})", R"({"a":{"b":1}})"), R"({"a":{"b":1}})");
  EXPECT_EQ(Merged(R"({"a":1,"b":2,"c":3})", R"({"c":null,"a":null,"d":4})"), R"({"b":2,"d":4})");
}

TEST(Payload, MergeOfManyKeysIsNotSlow) {
  std::string payload = "{", patch = "{";
  for (int i = 0; i < 5000; ++i) {
    payload += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":1";
    patch += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":null";
  }
  EXPECT_EQ(Merged(payload + "}", patch + "}"), "{}");
}

TEST(Payload, MergeStaysWithinTheLimits) {
  const std::string half(40000, 'x');
  const auto merged = MergePayload("{\"a\":\"" + half + "\"}", "{\"b\":\"" + half + "\"}");
  EXPECT_EQ(merged.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PayloadValue, TextsOfValues) {
  EXPECT_EQ(PayloadValue::Keyword("a\"b").ToString(), "\"a\\\"b\"");
  EXPECT_EQ(PayloadValue::Integer(-3).ToString(), "-3");
  EXPECT_EQ(PayloadValue::Unsigned(UINT64_MAX).ToString(), "18446744073709551615");
  EXPECT_EQ(PayloadValue::Unsigned(7), PayloadValue::Integer(7));
  EXPECT_EQ(PayloadValue::Float(3).ToString(), "3.0");
  EXPECT_EQ(PayloadValue::Bool(true).ToString(), "true");
  EXPECT_NE(PayloadValue::Float(1), PayloadValue::Integer(1));
}

}  // namespace
}  // namespace tessera

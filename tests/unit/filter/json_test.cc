#include "index/filter/json.h"

#include <gtest/gtest.h>

#include <random>

#include "index/payload.h"

namespace tessera::filter {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto object = ParseJsonObject(text);
  EXPECT_EQ(object.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return MessageOf(object.status());
}

std::string Written(std::string_view text) {
  const auto object = ParseJsonObject(text);
  EXPECT_TRUE(object.ok()) << object.status() << "\n" << text;
  return object.ok() ? WriteJson(*object) : "";
}

TEST(Json, KindsOfValues) {
  const auto object = ParseJsonObject(
      R"({"n":null,"b":true,"i":-5,"u":18446744073709551615,"f":1.5,"s":"x","a":[1],"o":{"k":2}})");
  ASSERT_TRUE(object.ok()) << object.status();
  ASSERT_EQ(object->items.size(), 8u);
  using Kind = JsonValue::Kind;
  const Kind expected[] = {Kind::kNull,  Kind::kBool,   Kind::kInteger, Kind::kUnsigned,
                           Kind::kFloat, Kind::kString, Kind::kArray,   Kind::kObject};
  for (size_t i = 0; i < 8; ++i)
    EXPECT_EQ(object->items[i].kind, expected[i]) << object->items[i].key;
  EXPECT_EQ(object->items[3].unsigned_integer, UINT64_MAX);
  EXPECT_EQ(object->items[7].items[0].integer, 2);
  EXPECT_EQ(object->items[7].items[0].key, "k");
}

TEST(Json, NumbersAreExact) {
  EXPECT_EQ(
      Written(R"({"a": 9223372036854775807, "b": -9223372036854775808, "c": 9223372036854775808})"),
      R"({"a":9223372036854775807,"b":-9223372036854775808,"c":9223372036854775808})");
  // As get_number() of simdjson 3.0.1 gets wrong.
  EXPECT_EQ(Written(R"({"a":184467440737095520.0,"b":-1234567890123456789.5})"),
            R"({"a":184467440737095520.0,"b":-1234567890123456768.0})");
  EXPECT_EQ(Written(R"({"a":1.0,"b":0.1,"c":1e3,"d":-0.0,"e":1e300,"f":5e-324})"),
            R"({"a":1.0,"b":0.1,"c":1000.0,"d":-0.0,"e":1e+300,"f":5e-324})");
}

TEST(Json, StringsAreEscapedAsLittleAsPossible) {
  EXPECT_EQ(Written(R"({"a":"\u00e9\n\"\\\/\u0001\ud83d\ude00"})"),
            "{\"a\":\"\xc3\xa9\\n\\\"\\\\/\\u0001\xf0\x9f\x98\x80\"}");
  EXPECT_EQ(Written("{\"a\":\"\\u0000\"}"), "{\"a\":\"\\u0000\"}");
}

TEST(Json, NothingIsAnEmptyObject) { EXPECT_EQ(Written(""), "{}"); }

TEST(Json, SyntaxErrorsHaveAColumn) {
  for (const std::string text : {"{",
                                 "{\"a\"",
                                 "{\"a\":",
                                 "{\"a\":1",
                                 "{\"a\":1,",
                                 "{\"a\":1,}",
                                 "{\"a\" 1}",
                                 "{\"a\":1 \"b\":2}",
                                 "{1:2}",
                                 "{\"a\":[1}",
                                 "{\"a\":[1,]}",
                                 "{\"a\":tru}",
                                 "{\"a\":truee}",
                                 "{\"a\":nul}",
                                 "{\"a\":nulll}",
                                 "{\"a\":01}",
                                 "{\"a\":1.}",
                                 "{\"a\":-}",
                                 "{\"a\":.5}",
                                 "{\"a\":+1}",
                                 "{\"a\":1e}",
                                 "{\"a\":NaN}",
                                 "{\"a\":Infinity}",
                                 "{\"a\":\"\\x\"}",
                                 "{\"a\":\"\\ud800\"}",
                                 "{\"a\":\"x}",
                                 "{\"a\":'x'}",
                                 "{\"a\":\"\n\"}",
                                 "{\"a\":1}x",
                                 "{\"a\":1}}",
                                 "{\"a\":1}{",
                                 "{}[]",
                                 "{\"a\":1}\"",
                                 "{\"a\":]",
                                 "{]",
                                 "{\"a\":{]}",
                                 "{,}",
                                 "{\"a\":1 2}",
                                 "[1]",
                                 "5",
                                 "\"x\"",
                                 "null",
                                 "x",
                                 "{\"a\":\"\xff\"}",
                                 "{\"\xc0\x80\":1}",
                                 "{\"a\":\"\xed\xa0\x80\"}"}) {
    EXPECT_NE(ErrorOf(text).find("column "), std::string::npos) << text << ": " << ErrorOf(text);
  }
  EXPECT_NE(ErrorOf(" \n").find("white space"), std::string::npos);
  EXPECT_EQ(ErrorOf("[1]"), "column 1: expected a JSON object that begins with {");
  EXPECT_EQ(ErrorOf("{\"a\":1} {}"), "column 9: nothing may follow the object");
}

TEST(Json, HugeNumbersAreRefused) {
  EXPECT_EQ(ErrorOf("{\"a\":18446744073709551616}"), "column 6: an integer of more than 64 bits");
  EXPECT_EQ(ErrorOf("{\"a\":-9223372036854775809}"), "column 6: an integer of more than 64 bits");
  EXPECT_EQ(ErrorOf("{\"a\":" + std::string(400, '9') + "}"),
            "column 6: an integer of more than 64 bits");
  EXPECT_EQ(ErrorOf("{\"a\":1e999}"), "column 6: no number that 64 bits hold");
}

TEST(Json, KeysThatNoPathNames) {
  EXPECT_EQ(ErrorOf(R"({"x":1,"a.b":2})"),
            "column 8: key \"a.b\" has a dot, which joins the keys of a path");
  EXPECT_EQ(ErrorOf(R"({"x":{"":2}})"), "column 7: a key is empty, which no path could name");
  EXPECT_EQ(ErrorOf(R"({"a":1,"\u0061":2})"), "column 1: key \"a\" is in this object twice");
  EXPECT_EQ(ErrorOf(R"({"x":{"b":1,"c":2,"b":3}})"), "column 6: key \"b\" is in this object twice");
  EXPECT_NE(ErrorOf("{\"" + std::string(257, 'k') + "\":1}").find("257 bytes"), std::string::npos);
  EXPECT_EQ(Written(R"({"a":{"x":1},"b":{"x":1}})"), R"({"a":{"x":1},"b":{"x":1}})");
}

TEST(Json, DepthIsBounded) {
  const auto nested = [](size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(ParseJsonObject(nested(kMaxPayloadDepth)).ok());
  EXPECT_NE(ErrorOf(nested(kMaxPayloadDepth + 1)).find("nested deeper than 16"), std::string::npos);
  EXPECT_NE(ErrorOf(nested(30000)).find("column"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 10000; ++i) objects += "{\"a\":";
  EXPECT_NE(ErrorOf(objects).find("column"), std::string::npos);
}

TEST(Json, SizeIsBounded) {
  const std::string frame = "{\"a\":\"\"}";
  std::string text = "{\"a\":\"" + std::string(kMaxPayloadBytes - frame.size(), 'x') + "\"}";
  EXPECT_EQ(Written(text), text);
  text.insert(text.size() - 2, "x");
  EXPECT_EQ(ErrorOf(text), "65537 bytes, expected at most 65536");
}

TEST(Json, CutAndMutatedTextsNeverCrash) {
  const std::string text =
      R"({"name":"caf\u00e9","price":12.50,"tags":["a","b",{"c":[true,false,null]}],"n":-17,"u":18446744073709551615})";
  for (size_t size = 1; size < text.size(); ++size)
    EXPECT_FALSE(ParseJsonObject(text.substr(0, size)).ok());
  std::mt19937_64 random(5);
  for (int i = 0; i < 20000; ++i) {
    std::string mutated = text;
    for (int change = 0; change < 3; ++change) {
      mutated[random() % mutated.size()] = "{}[]\",:\\0e.-+x \xff"[random() % 16];
    }
    const auto object = ParseJsonObject(mutated);
    if (!object.ok()) continue;
    const std::string written = WriteJson(*object);  // what is accepted comes back the same
    EXPECT_EQ(Written(written), written) << mutated;
  }
}

}  // namespace
}  // namespace tessera::filter

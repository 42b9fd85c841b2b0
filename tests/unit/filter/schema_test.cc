#include <gtest/gtest.h>

#include <random>

#include "index/payload.h"

namespace tessera {
namespace {

PayloadSchema Shop() {
  auto schema = PayloadSchema::Make({{"tenant", FieldType::kKeyword, true},
                                     {"price", FieldType::kFloat},
                                     {"stock", FieldType::kInteger},
                                     {"new", FieldType::kBool},
                                     {"created", FieldType::kDatetime},
                                     {"shop.place", FieldType::kGeo},
                                     {"text", FieldType::kKeyword, false, false}});
  EXPECT_TRUE(schema.ok()) << schema.status();
  return *schema;
}

std::string Rejected(std::vector<PayloadField> fields) {
  const auto schema = PayloadSchema::Make(std::move(fields));
  EXPECT_EQ(schema.status().code(), absl::StatusCode::kInvalidArgument);
  return MessageOf(schema.status());
}

std::string Invalid(const std::string& members) {
  const Status status = Shop().Validate("{\"tenant\":\"t\"," + members + "}");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << members;
  return MessageOf(status);
}

TEST(PayloadSchema, FieldsAreFoundByPath) {
  const PayloadSchema schema = Shop();
  EXPECT_EQ(schema.Find("price")->type, FieldType::kFloat);
  EXPECT_EQ(schema.Find("shop.place")->type, FieldType::kGeo);
  EXPECT_EQ(schema.Find("shop"), nullptr);
  EXPECT_EQ(schema.partition()->path, "tenant");
  EXPECT_EQ(PayloadSchema().partition(), nullptr);
}

TEST(PayloadSchema, BadDeclarations) {
  EXPECT_EQ(Rejected({{"a", FieldType::kBool}, {"a", FieldType::kBool}}),
            "schema field \"a\" is declared twice");
  EXPECT_EQ(
      Rejected({{"a", FieldType::kBool}, {"a-b", FieldType::kBool}, {"a.c.d", FieldType::kBool}}),
      "schema field \"a.c.d\" is below the declared field \"a\"");
  EXPECT_EQ(Rejected({{"a", FieldType::kInteger, true}}),
            "schema field \"a\": a partition must be a keyword, not integer");
  EXPECT_EQ(Rejected({{"a", FieldType::kKeyword, true, false}}),
            "schema field \"a\": a partition must be indexed");
  EXPECT_EQ(Rejected({{"a", FieldType::kKeyword, true}, {"b", FieldType::kKeyword, true}}),
            "schema: \"a\" and \"b\" are both declared as the partition");
  EXPECT_EQ(Rejected({{"", FieldType::kBool}}), "schema field \"\": the path is empty");
  EXPECT_EQ(Rejected({{"a..b", FieldType::kBool}}),
            "schema field \"a..b\": the path has an empty key");
  EXPECT_EQ(Rejected({{"a\nb", FieldType::kBool}}),
            "schema field \"a b\": the path has a control character");
  EXPECT_EQ(Rejected({{"a", static_cast<FieldType>(9)}}), "schema field \"a\": unknown type");
  std::vector<PayloadField> many(kMaxSchemaFields + 1);
  for (size_t i = 0; i < many.size(); ++i) many[i].path = "f" + std::to_string(i);
  EXPECT_EQ(Rejected(many), "schema: 1025 fields, expected at most 1024");
}

TEST(PayloadSchema, ValidPayloads) {
  for (const char* members :
       {"\"price\":1", "\"price\":1.5", "\"price\":[1,2.5]", "\"stock\":18446744073709551615",
        "\"new\":[true]", "\"created\":\"2024-01-01\"", "\"created\":null",
        "\"shop\":{\"place\":{\"lat\":1,\"lon\":2}}",
        "\"shop\":[{\"place\":[{\"lat\":1,\"lon\":2}]},{}]", "\"other\":{\"x\":[1,\"a\"]}",
        "\"stock\":[]"}) {
    EXPECT_TRUE(Shop().Validate("{\"tenant\":\"t\"," + std::string(members) + "}").ok()) << members;
  }
  EXPECT_TRUE(
      Shop().Validate("{\"tenant\":\"t\",\"text\":\"" + std::string(5000, 'x') + "\"}").ok());
  EXPECT_TRUE(PayloadSchema().Validate("").ok());
}

TEST(PayloadSchema, ErrorsNamePathExpectedAndFound) {
  EXPECT_EQ(Invalid("\"price\":\"a\""), "payload field \"price\": expected float, found a string");
  EXPECT_EQ(Invalid("\"stock\":1.0"), "payload field \"stock\": expected integer, found a float");
  EXPECT_EQ(Invalid("\"stock\":[1,{}]"),
            "payload field \"stock\": expected integer, found an object");
  EXPECT_EQ(Invalid("\"new\":1"), "payload field \"new\": expected bool, found an integer");
  EXPECT_EQ(Invalid("\"created\":5"),
            "payload field \"created\": expected datetime, found an integer");
  EXPECT_EQ(Invalid("\"created\":\"soon\""),
            "payload field \"created\": expected datetime, found \"soon\", which is not RFC 3339");
  EXPECT_EQ(Invalid("\"shop\":{\"place\":{\"lat\":91,\"lon\":2}}"),
            "payload field \"shop.place\": expected geo, found an object that is not just lat in "
            "-90..90 and lon in "
            "-180..180");
  EXPECT_EQ(Invalid("\"shop\":{\"place\":[1,2]}"),
            "payload field \"shop.place\": expected geo, found an integer");
  EXPECT_EQ(
      Invalid("\"x\":"),
      "payload: column 19: not valid JSON: The JSON document has an improper structure: missing "
      "or superfluous commas, braces, missing keys, etc.");
}

TEST(PayloadSchema, ThePartitionIsOneKeyword) {
  const auto message = [](const char* text) { return MessageOf(Shop().Validate(text)); };
  EXPECT_EQ(
      message("{}"),
      "payload field \"tenant\": expected one keyword, since it is the partition; it is missing");
  EXPECT_EQ(message(""), message("{}"));
  EXPECT_EQ(message("{\"tenant\":[\"a\",\"b\"]}"),
            "payload field \"tenant\": expected one keyword, since it is the partition; found 2");
  EXPECT_EQ(message("{\"tenant\":3}"),
            "payload field \"tenant\": expected keyword, found an integer");
}

TEST(PayloadSchema, LongKeywordsAreRefusedWhereDeclared) {
  const Status status = Shop().Validate("{\"tenant\":\"" + std::string(257, 'x') + "\"}");
  EXPECT_EQ(
      MessageOf(status),
      "payload field \"tenant\": expected keyword, found a string of 257 bytes, more than 256");
}

TEST(PayloadSchema, BytesComeBack) {
  EXPECT_EQ(PayloadSchema::Decode(Shop().Encode()).value(), Shop());
  EXPECT_EQ(PayloadSchema::Decode(PayloadSchema().Encode()).value(), PayloadSchema());
  const std::string golden("\x01\x01\x00\x00\x00\x01\x00\x00\x00t\x00\x01", 12);
  EXPECT_EQ(PayloadSchema::Make({{"t", FieldType::kKeyword, true}})->Encode(), golden);
}

TEST(PayloadSchema, HostileBytesAreRefused) {
  const std::string bytes = Shop().Encode();
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(PayloadSchema::Decode(bytes.substr(0, size)).ok());
  EXPECT_FALSE(PayloadSchema::Decode(bytes + "x").ok());
  std::string many("\x01\xff\xff\xff\xff", 5);
  EXPECT_FALSE(PayloadSchema::Decode(many).ok());
  std::mt19937_64 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string mutated = bytes;
    mutated[random() % mutated.size()] = static_cast<char>(random());
    const auto schema = PayloadSchema::Decode(mutated);
    if (!schema.ok()) continue;
    EXPECT_EQ(PayloadSchema::Decode(schema->Encode()).value(), *schema);
  }
}

TEST(PayloadSchema, TypeNames) {
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(ParseFieldType(FieldTypeName(static_cast<FieldType>(i))).value(),
              static_cast<FieldType>(i));
  }
  EXPECT_FALSE(ParseFieldType("text").ok());
}

TEST(PayloadValues, OfOneField) {
  const std::string payload =
      R"({"tenant":"t","price":[2,1.5],"created":"2024-01-01","o":[{"x":"a"},{"x":3}],"text":"long","shop":{"place":{"lat":1,"lon":2}}})";
  const auto values = [&](const char* path) {
    return PayloadValues(payload, path, Shop()).value();
  };
  EXPECT_EQ(values("price"), (std::vector{PayloadValue::Float(2), PayloadValue::Float(1.5)}));
  EXPECT_EQ(values("created"), (std::vector{PayloadValue::Keyword("2024-01-01")}));
  EXPECT_EQ(values("o.x"), (std::vector{PayloadValue::Keyword("a"), PayloadValue::Integer(3)}));
  EXPECT_EQ(values("text"), (std::vector{PayloadValue::Keyword("long")}));
  EXPECT_TRUE(values("shop.place").empty());
  EXPECT_TRUE(values("none").empty());
  EXPECT_FALSE(PayloadValues("{", "a", {}).ok());
}

}  // namespace
}  // namespace tessera

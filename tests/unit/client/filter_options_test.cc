#include "client/cli/filter_options.h"

#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

TEST(ParsePayloadField, PathTypeAndWords) {
  for (const char* text : {"price:float", "tenant:keyword:partition", "note:keyword:noindex",
                           "a.b:datetime", "odd:path:bool"}) {
    const auto field = ParsePayloadField(text);
    ASSERT_TRUE(field.ok()) << text << ": " << field.status();
    EXPECT_EQ(DescribeField(*field), text);
  }
  const auto odd = ParsePayloadField("odd:path:bool");
  EXPECT_EQ(odd->path, "odd:path");
  EXPECT_EQ(odd->type, FieldType::kBool);
  EXPECT_TRUE(ParsePayloadField("t:keyword:partition")->partition);
  EXPECT_FALSE(ParsePayloadField("t:keyword:noindex")->indexed);
}

TEST(ParsePayloadField, SaysWhatItExpects) {
  for (const char* text : {"", "price", ":float", "price:", "price:number", "partition"}) {
    EXPECT_FALSE(ParsePayloadField(text).ok()) << text;
  }
  EXPECT_EQ(MessageOf(ParsePayloadField("price").status()),
            "\"price\" is no field, expected PATH:TYPE, PATH:keyword:partition or PATH:TYPE:noindex");
}

}  // namespace
}  // namespace tessera::cli

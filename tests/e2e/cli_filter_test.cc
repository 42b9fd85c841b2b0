// tessera query, count, delete and facet with filters; collections with declared fields.
#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliFilter : public CliTest {
 protected:
  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  // 60 points: row i costs i, is red if even; notes are kept without an index.
  void LoadGoods(const std::string& name) {
    std::string lines;
    for (int i = 0; i < 60; ++i) {
      lines += "{\"id\":" + std::to_string(i) + ",\"vector\":[" + std::to_string(i) + ",1],\"price\":" +
               std::to_string(i) + ",\"color\":\"" + (i % 2 == 0 ? "red" : "blue") + "\",\"shop\":\"s" +
               std::to_string(i % 3) + "\",\"note\":\"n\"}\n";
    }
    Good({"load", name, Write("goods.jsonl", lines), "--create", "--payload-field", "*", "--field",
          "price:float", "--field", "shop:keyword:partition", "--field", "note:keyword:noindex"});
  }
};

TEST_F(CliFilter, QueryCountAndFacet) {
  LoadGoods("goods");
  EXPECT_EQ(Good({"count", "goods", "--filter", "color = \"red\" and price < 10"}).out, "5\n");
  EXPECT_EQ(Good({"count", "goods"}).out, "60\n");
  const std::string hits =
      Good({"query", "goods", "--vector", "[0, 1]", "-k", "2", "--filter", "price > 7 and color = \"red\"", "--json"})
          .out;
  EXPECT_TRUE(Has(hits, "\"hits\":[{\"id\":8,") && Has(hits, "{\"id\":10,")) << hits;
  const std::string explained = Good({"query", "goods", "--id", "3", "--filter", "price < 6", "--explain"}).out;
  EXPECT_TRUE(Has(explained, "filter: 6 rows pass")) << explained;
  EXPECT_EQ(Good({"facet", "goods", "color", "--filter", "price <= 2", "--json"}).out,
            "[{\"value\":\"red\",\"count\":2},{\"value\":\"blue\",\"count\":1}]\n");
  EXPECT_EQ(Good({"facet", "goods", "price", "--limit", "1", "--json"}).out, "[{\"value\":0.0,\"count\":1}]\n");
  EXPECT_TRUE(Has(Good({"facet", "goods", "shop"}).out, "s0        20")) << Good({"facet", "goods", "shop"}).out;
}

TEST_F(CliFilter, DeletesWhatPassesAndTriesFirst) {
  LoadGoods("sale");
  EXPECT_TRUE(Has(Good({"delete", "sale", "--filter", "price >= 50", "--validate-only"}).err, "would delete 10 points"));
  EXPECT_EQ(Count("sale"), 60u);
  EXPECT_TRUE(Has(Good({"delete", "sale", "--filter", "price >= 50"}).err, "deleted 10 points"));
  EXPECT_EQ(Count("sale"), 50u);
  EXPECT_TRUE(Has(Bad(1, {"delete", "sale", "--filter", ""}).err, "filter is empty"));
  EXPECT_TRUE(Has(Bad(2, {"delete", "sale"}).err, "ids or --filter"));
  Bad(2, {"delete", "sale", "1", "--filter", "true"});
  Bad(2, {"delete", "sale", "--atomic", "--filter", "true"});
  EXPECT_EQ(Count("sale"), 50u);
}

TEST_F(CliFilter, ErrorsPointIntoTheExpression) {
  LoadGoods("errors");
  const std::string parse = Bad(1, {"count", "errors", "--filter", "price < 5 and"}).err;
  EXPECT_TRUE(Has(parse, "column 14: ") && Has(parse, "\nprice < 5 and\n             ^\n")) << parse;
  const std::string type = Bad(1, {"query", "errors", "--id", "1", "--filter", "color = 1 or price = \"x\""}).err;
  EXPECT_TRUE(Has(type, "column 14: ") && Has(type, "\ncolor = 1 or price = \"x\"\n             ^\n")) << type;
  EXPECT_TRUE(Has(Bad(1, {"count", "errors", "--filter", "note = \"n\""}).err, "note"));
}

TEST_F(CliFilter, FieldsAreDeclaredAndShown) {
  Good({"collection", "create", "--dim", "2", "--field", "at:datetime", "--field", "tenant:keyword:partition", "decl"});
  const std::string shown = Good({"collection", "show", "decl"}).out;
  EXPECT_TRUE(Has(shown, "field           at:datetime\nfield           tenant:keyword:partition\n")) << shown;
  const std::string json = Good({"collection", "list", "--json"}).out;
  EXPECT_TRUE(Has(json, "{\"path\":\"at\",\"type\":\"datetime\",\"partition\":false,\"indexed\":true}")) << json;
  Bad(2, {"collection", "create", "bad", "--dim", "2", "--field", "price"});
  Bad(2, {"collection", "create", "bad", "--dim", "2", "--field", "price:number"});
  EXPECT_TRUE(Has(Bad(1, {"collection", "create", "bad", "--dim", "2", "--field", "p:float:partition"}).err,
                  "payload_fields"));
  LoadGoods("shown");
  EXPECT_TRUE(Has(Good({"collection", "show", "shown"}).out, "payload_index"));
}

}  // namespace
}  // namespace tessera::e2e

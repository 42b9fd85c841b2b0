// tessera list, query in all its forms, patch by filter, load with a time to live.
#include <algorithm>

#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliSearches : public CliTest {
 protected:
  static bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
  static size_t Lines(const std::string& text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  // 60 points at (i, 1); shop is s0 to s2.
  void LoadGoods(const std::string& name, std::vector<std::string> more = {}) {
    std::string lines;
    for (int i = 0; i < 60; ++i) {
      lines += "{\"id\":" + std::to_string(i) + ",\"vector\":[" + std::to_string(i) + ",1],\"n\":" +
               std::to_string(i) + ",\"shop\":\"s" + std::to_string(i % 3) + "\"}\n";
    }
    std::vector<std::string> words = {"load", name, Write("goods.jsonl", lines), "--create", "--payload-field", "*",
                                      "--no-resume"};
    words.insert(words.end(), more.begin(), more.end());
    Good(words);
  }
};

TEST_F(CliSearches, ListsAndGoesOn) {
  LoadGoods("list");
  const auto first = Good({"list", "list", "--limit", "10", "--with-payload"});
  EXPECT_EQ(Lines(first.out), 10u);
  EXPECT_TRUE(Has(first.out, "{\"id\":0,\"payload\":{\"n\":0,\"shop\":\"s0\"},\"version\":")) << first.out;
  const size_t at = first.err.find("--page-token ");
  ASSERT_NE(at, std::string::npos) << first.err;
  const std::string rest = first.err.substr(at + 13);
  const std::string token = rest.substr(0, rest.find(' '));
  const auto more = Good({"list", "list", "--limit", "0", "--page-token", token});
  EXPECT_EQ(Lines(more.out), 50u);
  EXPECT_EQ(more.err, "");
  EXPECT_EQ(Lines(Good({"list", "list", "--filter", "shop = \"s1\" and n < 30", "--with-vector"}).out), 10u);
  EXPECT_TRUE(Has(Bad(1, {"list", "list", "--page-token", "x"}).err, "page_token"));
  EXPECT_TRUE(Has(Bad(1, {"list", "nowhere"}).err, "nowhere"));
  // What it prints is what load reads.
  const std::string copy = Good({"list", "list", "--limit", "0", "--with-vector", "--with-payload"}).out;
  Good({"load", "copy", Write("copy.jsonl", copy), "--create", "--payload-field", "payload", "--no-resume"});
  EXPECT_EQ(Good({"count", "copy", "--filter", "shop = \"s2\""}).out, "20\n");
}

TEST_F(CliSearches, GroupsRangesAndExamples) {
  LoadGoods("q");
  const std::string groups =
      Good({"query", "q", "--vector", "[0, 1]", "--group-by", "shop", "-k", "2", "--group-size", "2", "--json"}).out;
  EXPECT_TRUE(Has(groups, "{\"groups\":[{\"value\":\"s0\",\"hits\":[{\"id\":0,")) << groups;
  EXPECT_TRUE(Has(groups, "{\"value\":\"s1\",\"hits\":[{\"id\":1,")) << groups;
  const std::string table = Good({"query", "q", "--vector", "[0, 1]", "--group-by", "shop"}).out;
  EXPECT_TRUE(Has(table, "s2") && Has(table, "these are all there are")) << table;
  const auto range = Good({"query", "q", "--vector", "[10, 1]", "--within", "4"});
  EXPECT_EQ(Lines(range.out), 5u);
  EXPECT_TRUE(Has(range.err, "5 points within 4, of 60 compared")) << range.err;
  EXPECT_EQ(Lines(Good({"query", "q", "--id", "10", "--within", "4", "--filter", "n > 10"}).out), 2u);
  const std::string like = Good({"query", "q", "--like", "10", "20", "-k", "1", "--json"}).out;
  EXPECT_TRUE(Has(like, "\"hits\":[{\"id\":15,")) << like;
  const std::string unlike = Good({"query", "q", "--like", "10", "20", "--unlike", "10", "-k", "1", "--json"}).out;
  EXPECT_TRUE(Has(unlike, "\"hits\":[{\"id\":19,") || Has(unlike, "\"hits\":[{\"id\":21,")) << unlike;
  Bad(2, {"query", "q", "--vector", "[0, 1]", "--within", "1", "--group-by", "shop"});
  Bad(2, {"query", "q", "--vector", "[0, 1]", "--group-size", "2"});
  Bad(2, {"query", "q"});
  EXPECT_TRUE(Has(Bad(1, {"query", "q", "--like", "99"}).err, "99"));
}

TEST_F(CliSearches, PatchesByFilterAndTimesToLive) {
  LoadGoods("p");
  EXPECT_TRUE(Has(Good({"patch", "p", "--filter", "shop = \"s1\"", "--payload", "{\"sale\":true}"}).err,
                  "patched 20 points"));
  EXPECT_EQ(Good({"count", "p", "--filter", "sale = true"}).out, "20\n");
  EXPECT_TRUE(Has(Good({"patch", "p", "--filter", "sale = true", "--ttl", "1000d"}).err, "patched 20 points"));
  const std::string point = Good({"get", "p", "1", "--with-payload"}).out;
  EXPECT_TRUE(Has(point, "\"sale\":true") && Has(point, "\"expire_at_ms\":")) << point;
  Good({"patch", "p", "1", "--ttl", "never"});
  EXPECT_FALSE(Has(Good({"get", "p", "1"}).out, "expire_at_ms"));
  EXPECT_TRUE(Has(Bad(2, {"patch", "p", "1", "--ttl", "5"}).err, "expected a time such as"));
  Bad(2, {"patch", "p", "--ttl", "5s"});
  Bad(2, {"patch", "p", "1", "--filter", "true"});
  LoadGoods("t", {"--ttl", "10h"});
  EXPECT_TRUE(Has(Good({"get", "t", "1"}).out, "expire_at_ms"));
}

}  // namespace
}  // namespace tessera::e2e

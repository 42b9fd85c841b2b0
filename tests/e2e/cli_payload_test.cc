// tessera load with payloads, get and query --with-payload, patch, delete --validate-only.
#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliPayload : public CliTest {
 protected:
  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
};

TEST_F(CliPayload, JsonLinesCarryThem) {
  const std::string lines = Write("p.jsonl",
                                  "{\"id\":1,\"vector\":[1,2],\"meta\":{\"lang\":\"en\"},\"n\":5}\n"
                                  "{\"n\": 18446744073709551615, \"id\":2,\"vector\":[3,4]}\n"
                                  "{\"id\":3,\"vector\":[5,6],\"meta\":7}\n");
  Good({"load", "p1", lines, "--create", "--payload-field", "meta", "--max-bad", "5"});
  EXPECT_EQ(Count("p1"), 2u) << "a payload that is no object makes a bad row";
  const std::string got = Good({"get", "p1", "1", "2", "--with-payload"}).out;
  EXPECT_TRUE(Has(got, "\"payload\":{\"lang\":\"en\"}")) << got;
  EXPECT_FALSE(Has(Good({"get", "p1", "1"}).out, "payload"));
  Good({"load", "p2", lines, "--create", "--payload-field", "*"});
  EXPECT_TRUE(Has(Good({"get", "p2", "1", "--with-payload"}).out, "{\"meta\":{\"lang\":\"en\"},\"n\":5}"));
  EXPECT_TRUE(Has(Good({"get", "p2", "2", "--with-payload"}).out, "{\"n\":18446744073709551615}"));

  // What get prints is loaded again as it was.
  const std::string saved = Write("again.jsonl", got);
  Good({"load", "p3", saved, "--create", "--payload-field", "payload"});
  EXPECT_TRUE(Has(Good({"get", "p3", "1", "--with-payload"}).out, "\"payload\":{\"lang\":\"en\"}"));
}

TEST_F(CliPayload, ASideFileCarriesThem) {
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(300, 4)));
  std::string lines;
  for (int i = 0; i < 600; ++i) lines += i % 7 == 0 ? "\n" : "{\"row\":" + std::to_string(i) + "}\n";
  const std::string side = Write("side.jsonl", lines);
  Good({"load", "s", base, base, "--create", "--payload-file", side, "--batch", "64"});
  const std::string got = Good({"get", "s", "0", "299", "300", "599", "--with-payload"}).out;
  EXPECT_TRUE(Has(got, "{\"row\":299}") && Has(got, "{\"row\":300}") && Has(got, "{\"row\":599}")) << got;
  EXPECT_FALSE(Has(got, "{\"row\":0}"));
  Good({"load", "s2", base, "--create", "--payload-file", side, "--skip", "100"});
  EXPECT_TRUE(Has(Good({"get", "s2", "100", "--with-payload"}).out, "{\"row\":100}"));
  const std::string few = Write("few.jsonl", "{}\n{}\n");
  const std::string error = Bad(1, {"load", "s3", base, "--create", "--payload-file", few}).err;
  EXPECT_TRUE(Has(error, "line 3 is missing")) << error;
}

// Interrupted by bad rows, and gone on with: the side file stands where the rows do.
TEST_F(CliPayload, ALoadThatGoesOnFindsItsLines) {
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(200, 4)));
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += i == 150 ? "no JSON\n" : "{\"row\":" + std::to_string(i) + "}\n";
  const std::string side = Write("side.jsonl", lines);
  const std::vector<std::string> load = {"load", "r", base, "--create", "--payload-file", side, "--batch", "20",
                                         "--in-flight", "1", "--state", Path("state"), "--max-bad"};
  std::vector<std::string> strict = load, lenient = load;
  strict.emplace_back("0");
  lenient.emplace_back("5");
  EXPECT_NE(Run(strict).code, 0);
  const std::string said = Good(lenient).err;
  EXPECT_TRUE(Has(said, "going on behind")) << said;
  EXPECT_EQ(Count("r"), 199u);
  EXPECT_TRUE(Has(Good({"get", "r", "199", "--with-payload"}).out, "{\"row\":199}"));
}

TEST_F(CliPayload, PatchQueryAndDelete) {
  const std::string lines = Write("w.jsonl", "{\"id\":1,\"vector\":[1,2]}\n{\"id\":2,\"vector\":[3,4]}\n");
  Good({"load", "w", lines, "--create"});
  EXPECT_TRUE(Has(Good({"patch", "w", "1", "2", "--payload", "{\"a\":1,\"b\":2}"}).err, "patched 2 of 2 points"));
  Good({"patch", "w", "1", "--payload", "{\"a\":null}"});
  const std::string json = Good({"query", "w", "--id", "2", "--with-payload", "--json"}).out;
  EXPECT_TRUE(Has(json, "\"payload\":{\"b\":2},\"version\":")) << json;
  EXPECT_TRUE(Has(Good({"query", "w", "--id", "2", "--with-payload"}).out, "{\"b\":2}"));
  Good({"patch", "w", "2", "--mode", "replace", "--payload", "{\"c\":3}"});
  EXPECT_TRUE(Has(Good({"get", "w", "2", "--with-payload"}).out, "\"payload\":{\"c\":3}"));
  Good({"patch", "w", "2", "--mode", "clear"});
  EXPECT_FALSE(Has(Good({"get", "w", "2", "--with-payload"}).out, "payload"));
  EXPECT_TRUE(Has(Run({"patch", "w", "1", "9", "--payload", "{}"}).err, "points[1].id 9 is not in collection"));
  EXPECT_NE(Run({"patch", "w", "1", "--payload", "{}", "--if-version", "1000"}).code, 0);
  EXPECT_TRUE(Has(Good({"delete", "w", "1", "5", "--validate-only"}).err, "would delete 1 of 2 ids"));
  EXPECT_EQ(Count("w"), 2u);
  Good({"delete", "w", "1", "--request-id", "d1"});
  EXPECT_TRUE(Has(Good({"delete", "w", "1", "--request-id", "d1"}).err, "deleted 1 of 1 ids")) << "the first reply";
  EXPECT_EQ(Count("w"), 1u);
}

}  // namespace
}  // namespace tessera::e2e

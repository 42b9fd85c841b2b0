// Help, usage errors, an absent server.
#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

class CliUsage : public CliTest {};

TEST_F(CliUsage, EveryCommandHasHelp) {
  const std::vector<std::vector<std::string>> commands = {
      {},         {"collection"}, {"collection", "create"}, {"load"},   {"train"},
      {"operation"}, {"query"},   {"eval"},                 {"get"},    {"delete"},
      {"count"},  {"facet"},       {"fit"},        {"encode"},               {"decode"}, {"version"}};
  for (std::vector<std::string> words : commands) {
    words.push_back("--help");
    const Finished help = Good(words);
    EXPECT_NE(help.out.find("Usage: tessera"), std::string::npos) << words[0];
    EXPECT_EQ(help.err, "");
  }
}

TEST_F(CliUsage, Version) {
  EXPECT_EQ(Good({"version"}).out.substr(0, 8), "tessera ");
  EXPECT_EQ(Good({"--version"}).out, Good({"version"}).out);
}

TEST_F(CliUsage, WrongUsageIsTwoAndNamesWhatIsWrong) {
  EXPECT_NE(Bad(2, {}).err.find("try: tessera --help"), std::string::npos);
  EXPECT_NE(Bad(2, {"frobnicate"}).err.find("frobnicate"), std::string::npos);
  const Finished missing = Bad(2, {"load", "c"});
  EXPECT_NE(missing.err.find("files is required"), std::string::npos) << missing.err;
  EXPECT_NE(missing.err.find("try: tessera load --help"), std::string::npos) << missing.err;
  EXPECT_NE(Bad(2, {"query", "c", "--vector", "[1, x]"}).err.find("vector[1] is \"x\""),
            std::string::npos);
  Bad(2, {"query", "c"});
  Bad(2, {"query", "c", "--id", "1", "--vector", "[1]"});
  Bad(2, {"collection", "create", "c", "--dim", "0"});
  Bad(2, {"collection", "create", "c", "--dim", "4", "--metric", "hamming"});
  Bad(2, {"eval", "c", "q", "--rerank", "best"});
  Bad(2, {"fit", "f", "-o", "m", "--quantizer", "PQ0x9"});
  Bad(2, {"count", "c", "--no-such-option"});
}

TEST_F(CliUsage, AnAbsentServerIsNamedWithAdvice) {
  const Finished finished = Bad(1, {"--server", "127.0.0.1:1", "collection", "list"});
  EXPECT_NE(finished.err.find("cannot reach the server at 127.0.0.1:1"), std::string::npos);
  EXPECT_NE(finished.err.find("is tesserad running"), std::string::npos) << finished.err;
  EXPECT_EQ(finished.out, "");
}

TEST_F(CliUsage, AnUnknownCollectionIsNamed) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"collection", "show", "nobody"},
           {"collection", "delete", "nobody", "--yes"},
           {"count", "nobody"},
           {"train", "nobody"},
           {"get", "nobody", "1"},
           {"query", "nobody", "--vector", "[1]"}}) {
    EXPECT_NE(Bad(1, words).err.find("nobody"), std::string::npos) << words[0];
  }
}

TEST_F(CliUsage, CollectionsComeAndGo) {
  Good({"collection", "create", "b", "--dim", "3", "--metric", "cosine"});
  Good({"collection", "create", "a", "--dim", "4", "--quantizer", "IVF16,PQ2x8"});
  const std::string list = Good({"collection", "list"}).out;
  EXPECT_LT(list.find("\na "), list.find("\nb ")) << list;
  EXPECT_NE(list.find("cosine"), std::string::npos);
  const std::string json = Good({"collection", "list", "--json"}).out;
  EXPECT_NE(json.find("{\"name\":\"a\",\"dim\":4,\"metric\":\"l2\",\"quantizer\":\"IVF16,PQ2x8\""),
            std::string::npos)
      << json;
  const std::string shown = Good({"collection", "show", "b"}).out;
  EXPECT_NE(shown.find("untrained"), std::string::npos) << shown;
  EXPECT_NE(Good({"collection", "show", "b", "--json"}).out.find("\"stats\":{\"rows\":0"),
            std::string::npos);
  Bad(1, {"collection", "create", "a", "--dim", "4"});
  Bad(1, {"collection", "create", "../a", "--dim", "4"});
  Bad(1, {"collection", "create", "c", "--dim", "4", "--quantizer", "PQ3x7"});
  Good({"collection", "delete", "a"});
  EXPECT_EQ(Good({"collection", "list"}).out.find("\na "), std::string::npos);
}

}  // namespace
}  // namespace tessera::e2e

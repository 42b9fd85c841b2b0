// tessera verify; tesserad verify and repair on what a server left; a server with a damaged collection.
#include <filesystem>
#include <fstream>

#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

namespace fs = std::filesystem;

class CliVerify : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    base_ = Write("base.fvecs", Fvecs(MakeRows(1000, 16)));
  }
  std::vector<std::string> LoadWords(const std::string& collection) const {
    return {"load", collection, base_, "--create", "--no-auto-train", "--quantizer", "IVF8,PQ8x8,Refine(SQ8)"};
  }
  // tesserad WORDS... on the data of a server that was stopped.
  Finished Maintain(std::vector<std::string> words) {
    words.insert(words.begin(), TESSERAD_BINARY);
    words.insert(words.end(), {"--data", folder_ + "/data"});
    return Child(words, folder_, {"PATH=/usr/bin"}).Wait();
  }
  // Changes a byte in every sorted file of postings, which say so in their properties.
  void Damage(const std::string& collection) {
    for (const auto& entry : fs::directory_iterator(folder_ + "/data/collections/" + collection)) {
      if (entry.path().extension() != ".sst") continue;
      if (Read(entry.path()).find("postings-1") == std::string::npos) continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(5);
      const char byte = static_cast<char>(file.get() ^ 0x10);
      file.seekp(5);
      file.put(byte);
    }
  }
  std::string base_;
};

TEST_F(CliVerify, Online) {
  Good(LoadWords("c"));
  Good({"train", "c"});
  const std::string text = Good({"verify", "c", "--deep"}).out;
  EXPECT_EQ(text.find("c: clean of 1,000 rows, 1,000 postings in 8 lists, "), 0u) << text;
  EXPECT_NE(text.find("; 1,000 rows encoded anew"), std::string::npos) << text;
  const std::string json = Good({"verify", "c", "--json"}).out;
  EXPECT_EQ(json.find("{\"collection\":\"c\",\"commit\":"), 0u) << json;
  EXPECT_NE(json.find("\"memory_rows\":1000,"), std::string::npos) << json;
  EXPECT_NE(json.find("\"found\":0,\"findings\":[]}"), std::string::npos) << json;
  Bad(1, {"verify", "none"});
  EXPECT_EQ(Run({"verify", "c", "--max-findings", "0"}).code, 2);
}

TEST_F(CliVerify, DamageIsFoundServedAroundAndRepaired) {
  auto server = std::make_unique<ServerProcess>(folder_);
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--server", server->address()});
    return words;
  };
  for (const std::string name : {"broken", "whole"}) {
    Good(with(LoadWords(name)));
    Good(with({"train", name}));
  }
  const std::vector<std::string> query = {"query", "broken", "--id", "3", "--json"};
  const std::string before = Good(with(query)).out;
  EXPECT_EQ(Maintain({"verify"}).code, 1) << "in use";
  server->Stop(SIGTERM);
  Finished verified = Maintain({"verify", "--deep"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  EXPECT_NE(verified.out.find("broken: clean; 1000 rows"), std::string::npos) << verified.out;
  EXPECT_NE(verified.out.find("whole: clean; 1000 rows"), std::string::npos) << verified.out;

  Damage("broken");
  verified = Maintain({"verify", "--json"});
  EXPECT_EQ(verified.code, 1);
  EXPECT_NE(verified.out.find("\"where\":\"files\""), std::string::npos) << verified.out;
  EXPECT_EQ(Maintain({"verify", "--collection", "whole"}).code, 0);

  server = std::make_unique<ServerProcess>(folder_);
  const Finished list = Good(with({"collection", "list"}));
  EXPECT_NE(list.out.find("damaged"), std::string::npos) << list.out;
  EXPECT_NE(list.err.find("collection \"broken\" cannot be opened"), std::string::npos) << list.err;
  const Finished asked = Run(with(query));
  EXPECT_EQ(asked.code, 1);
  EXPECT_NE(asked.err.find("tesserad repair"), std::string::npos) << asked.err;
  EXPECT_EQ(Good(with({"count", "whole"})).out, "1000\n");
  server->Stop(SIGTERM);

  const Finished repaired = Maintain({"repair", "--collection", "broken"});
  EXPECT_EQ(repaired.code, 0);
  EXPECT_NE(repaired.out.find("/data/damaged/broken-1"), std::string::npos) << repaired.out << repaired.err;
  EXPECT_EQ(Maintain({"verify", "--deep"}).code, 0);
  EXPECT_EQ(Maintain({"repair"}).code, 2);
  EXPECT_EQ(Maintain({"repair", "--collection", "none"}).code, 1);
  server = std::make_unique<ServerProcess>(folder_);
  EXPECT_EQ(Good(with(query)).out, before);
  server->Stop(SIGTERM);
}

// A copy of the data on a disk that may only be read, with or without the lock that a server left: it is verified, and
// nothing else is done with it.
TEST_F(CliVerify, OnAReadOnlyMount) {
  const auto mounted = [&](const std::string& words) {
    const std::string data = folder_ + "/data";
    const std::string script = "mount --bind '" + data + "' '" + data + "' && mount -o remount,bind,ro '" + data +
                               "' && exec '" + TESSERAD_BINARY + "' " + words + " --data '" + data + "'";
    return Child({"/usr/bin/unshare", "--mount", "/bin/sh", "-c", script}, folder_, {"PATH=/usr/bin:/bin"}).Wait();
  };
  {
    const ServerProcess server(folder_);
    std::vector<std::string> words = LoadWords("c");
    words.insert(words.begin(), {"--server", server.address()});
    Good(words);
  }
  if (Child({"/usr/bin/unshare", "--mount", "/bin/true"}, folder_, {"PATH=/usr/bin:/bin"}).Wait().code != 0) {
    GTEST_SKIP() << "no file system can be mounted here";
  }
  for (const bool lock : {true, false}) {
    if (!lock) fs::remove(folder_ + "/data/LOCK");
    const Finished verified = mounted("verify --deep");
    EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
    EXPECT_NE(verified.out.find("c: clean; 1000 rows"), std::string::npos) << verified.out;
    for (const std::string words : {"repair --collection c", "--listen 127.0.0.1:0"}) {
      const Finished refused = mounted(words);
      EXPECT_EQ(refused.code, 1) << words;
      EXPECT_NE(refused.err.find("Read-only file system"), std::string::npos) << refused.err;
    }
    EXPECT_EQ(fs::exists(folder_ + "/data/LOCK"), lock);
  }
  EXPECT_EQ(Maintain({"verify"}).code, 0);
}

}  // namespace
}  // namespace tessera::e2e

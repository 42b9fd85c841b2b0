// tessera backup: against real server processes.
#include <signal.h>

#include <filesystem>

#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

using CliBackup = CliTest;

TEST_F(CliBackup, MakeCheckRestoreAndDelete) {
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(3000, 16)));
  Good({"load", "books", base, "--create", "--no-auto-train"});
  const Finished made = Good({"backup", "create", "books"});
  EXPECT_NE(made.err.find("backup 1 of books: 3,000 rows at commit "), std::string::npos) << made.err;
  Good({"delete", "books", "1", "2"});
  Good({"backup", "create", "books", "--rate", "1GiB"});
  const Finished list = Good({"backup", "list", "books"});
  EXPECT_NE(list.out.find("2,998"), std::string::npos) << list.out;
  EXPECT_NE(list.out.find("untrained"), std::string::npos) << list.out;
  EXPECT_EQ(Good({"backup", "list", "--json"}).out.find("[{\"collection\":\"books\",\"id\":1,\"damaged\":false,"), 0u);
  EXPECT_NE(Good({"backup", "verify", "books", "1"}).err.find("every byte is as it was written"), std::string::npos);

  const Finished restored = Good({"backup", "restore", "books", "1", "--as", "old"});
  EXPECT_NE(restored.err.find("restored old: 3,000 rows at commit "), std::string::npos) << restored.err;
  EXPECT_EQ(Count("old"), 3000u);
  EXPECT_EQ(Count("books"), 2998u);
  EXPECT_NE(Bad(1, {"backup", "restore", "books", "1"}).err.find("exists"), std::string::npos);
  Good({"collection", "delete", "books", "--yes"});
  EXPECT_EQ(Good({"backup", "restore", "books", "2", "--json"}).out.find("{\"collection\":\"books\",\"commit\":"), 0u);
  EXPECT_EQ(Count("books"), 2998u);

  Good({"backup", "delete", "books", "1"});
  EXPECT_NE(Bad(1, {"backup", "verify", "books", "1"}).err.find("no backup 1 of collection"), std::string::npos);
  Bad(1, {"backup", "delete", "books", "1"});
  Bad(1, {"backup", "create", "nowhere"});
  Bad(1, {"backup", "create", "../books"});
  Bad(1, {"backup", "restore", "books", "2", "--as", "../../etc"});
  Bad(2, {"backup"});
  Bad(2, {"backup", "verify", "books"});
  Bad(2, {"backup", "create", "books", "--rate", "fast"});
  Good({"backup", "delete", "books", "2"});
  EXPECT_EQ(Good({"backup", "list", "--json"}).out, "[]\n");
  for (const char* name : {"books", "old"}) Good({"collection", "delete", name, "--yes"});
}

TEST_F(CliBackup, MovesToAnotherServer) {
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(3000, 16)));
  Good({"load", "books", base, "--create", "--no-auto-train"});
  Good({"train", "books", "--quantizer", "IVF8,PQ8x8"});
  Good({"backup", "create", "books"});
  const std::string file = Path("books.tsbackup");
  const Finished got = Good({"backup", "download", "books", "1", "-o", file});
  EXPECT_NE(got.err.find("backup 1 of books: "), std::string::npos) << got.err;
  EXPECT_FALSE(std::filesystem::exists(file + ".part"));
  EXPECT_NE(Bad(1, {"backup", "download", "books", "1", "-o", file}).err.find("exists"), std::string::npos);
  Bad(1, {"backup", "download", "books", "7", "-o", Path("none")});
  EXPECT_FALSE(std::filesystem::exists(Path("none")));
  EXPECT_FALSE(std::filesystem::exists(Path("none.part")));

  std::filesystem::create_directory(Path("other"));
  ServerProcess other(Path("other"));
  const auto there = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--server", other.address()});
    return words;
  };
  const Finished put = Good(there({"backup", "upload", "copy", file}));
  EXPECT_NE(put.err.find("restored copy: 3,000 rows at commit "), std::string::npos) << put.err;
  const std::vector<std::string> query = {"query", "copy", "--id", "17", "-k", "5", "--json"};
  const std::string answer = Good(there(query)).out;
  EXPECT_EQ(answer.substr(answer.find("hits")), [&] {
    std::string here = Good({"query", "books", "--id", "17", "-k", "5", "--json"}).out;
    return here.substr(here.find("hits"));
  }());
  EXPECT_NE(Bad(1, there({"backup", "upload", "copy", file})).err.find("exists"), std::string::npos);

  // Cut short, changed, something else: refused, and nothing is left.
  std::string bytes = Read(file);
  const std::string cut = Write("cut", bytes.substr(0, bytes.size() - 10));
  EXPECT_NE(Bad(1, there({"backup", "upload", "bad", cut})).err.find("not whole"), std::string::npos);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  EXPECT_NE(Bad(1, there({"backup", "upload", "bad", Write("flipped", bytes)})).err.find("damaged"), std::string::npos);
  EXPECT_NE(Bad(1, there({"backup", "upload", "bad", base})).err.find("no archive"), std::string::npos);
  Bad(1, there({"backup", "upload", "bad", Path("nothing")}));
  Bad(1, there({"count", "bad"}));
  for (const auto& entry : std::filesystem::directory_iterator(Path("other") + "/data/collections")) {
    EXPECT_EQ(entry.path().filename(), "copy");
  }
  other.Stop(SIGTERM);
  Good({"backup", "delete", "books", "1"});
  Good({"collection", "delete", "books", "--yes"});
}

TEST_F(CliBackup, InterruptedLeavesNothing) {
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(5000, 64)));
  Good({"load", "books", base, "--create", "--no-auto-train"});
  // So slow that it is still at work when the signal comes.
  const auto child = Start({"backup", "create", "books", "--rate", "64KiB"});
  while (Good({"operation", "list"}).out.find(" copy") == std::string::npos) {
  }
  child->Signal(SIGINT);
  const Finished finished = child->Wait();
  EXPECT_EQ(finished.code, 130) << finished.err;
  EXPECT_EQ(Good({"backup", "list", "--json"}).out, "[]\n");
  Good({"collection", "delete", "books", "--yes"});
}

}  // namespace
}  // namespace tessera::e2e

// tesserad as a process: exit codes, messages, signals, the port file.
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/e2e/cli_fixture.h"
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using e2e::Child;
using e2e::Finished;

class ServerProcessTest : public ::testing::Test {
 protected:
  std::unique_ptr<Child> Start(std::vector<std::string> words,
                               std::vector<std::string> environment = {}) {
    words.insert(words.begin(), TESSERAD_BINARY);
    return std::make_unique<Child>(words, dir_.path(), environment);
  }
  // With a data directory and a socket of its own.
  std::vector<std::string> Served(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"--data", data_, "--listen", socket_, "--log-level", "warn"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Asks until it serves: refused before it listens, told so while it opens.
  void WaitUntilReady() const {
    const auto channel = grpc::CreateChannel(socket_, grpc::InsecureChannelCredentials());
    const auto collections = v1::Collections::NewStub(channel);
    grpc::Status status(grpc::StatusCode::UNAVAILABLE, "");
    while (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
      v1::ListCollectionsResponse response;
      status = collections->List(&context, v1::ListCollectionsRequest(), &response);
    }
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  static void ExpectOneLine(const std::string& text, const std::string& part) {
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_EQ(text.compare(0, 10, "tesserad: "), 0) << text;
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }

  TempDir dir_;
  const std::string data_ = dir_.path() + "/data";
  const std::string socket_ = "unix:" + dir_.path() + "/socket";
};

TEST_F(ServerProcessTest, HelpAndVersionGoToStandardOutput) {
  const Finished help = Start({"--help"})->Wait();
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("--max-message-mib"), std::string::npos);
  EXPECT_EQ(help.err, "");
  const Finished version = Start({"--version"})->Wait();
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.out.compare(0, 9, "tesserad "), 0) << version.out;
}

TEST_F(ServerProcessTest, UsageErrorsEndWithTwo) {
  const Finished flag = Start({"--no-such-flag"})->Wait();
  EXPECT_EQ(flag.code, 2);
  EXPECT_EQ(flag.out, "");
  EXPECT_NE(flag.err.find("--no-such-flag"), std::string::npos);
  const Finished isa = Start(Served(), {"TESSERA_ISA=abacus"})->Wait();
  EXPECT_EQ(isa.code, 2);
  ExpectOneLine(isa.err, "abacus");
  EXPECT_FALSE(std::filesystem::exists(data_));
}

TEST_F(ServerProcessTest, SignalsEndItCleanly) {
  for (const int number : {SIGTERM, SIGINT}) {
    const std::string port_file = dir_.path() + "/port";
    const auto server = Start(Served({"--port-file", port_file}));
    WaitUntilReady();
    server->Signal(number);
    const Finished finished = server->Wait();
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.err, "");
    EXPECT_FALSE(std::filesystem::exists(port_file));
  }
}

TEST_F(ServerProcessTest, DataDirectoryInUse) {
  const std::string port_file = dir_.path() + "/port";
  const auto first = Start(Served({"--port-file", port_file}));
  WaitUntilReady();
  const Finished second = Start({"--data", data_, "--listen", "127.0.0.1:0", "--log-level", "warn",
                                 "--port-file", port_file})
                              ->Wait();
  EXPECT_EQ(second.code, 1);
  ExpectOneLine(second.err, data_);
  EXPECT_TRUE(std::filesystem::exists(port_file)) << "it is the first one's";
  first->Signal(SIGTERM);
  EXPECT_EQ(first->Wait().code, 0);
}

TEST_F(ServerProcessTest, ForeignDirectoriesAreNotTouched) {
  std::filesystem::create_directories(data_);
  std::ofstream(data_ + "/FORMAT") << "tessera 999\n";
  const Finished newer = Start(Served())->Wait();
  EXPECT_EQ(newer.code, 1);
  ExpectOneLine(newer.err, "format 999, this one reads 1");
  std::filesystem::rename(data_ + "/FORMAT", data_ + "/letters");
  const Finished foreign = Start(Served())->Wait();
  EXPECT_EQ(foreign.code, 1);
  ExpectOneLine(foreign.err, "letters");
}

TEST_F(ServerProcessTest, ImpossiblePlaces) {
  const Finished data =
      Start({"--data", "/no/such/parent/data", "--listen", "127.0.0.1:0", "--log-level", "warn"})
          ->Wait();
  EXPECT_EQ(data.code, 1);
  ExpectOneLine(data.err, "/no/such/parent");
  const std::string file = dir_.path() + "/file";
  std::ofstream(file) << "mine";
  const Finished on_file = Start({"--data", file, "--listen", "127.0.0.1:0", "--log-level", "warn"})->Wait();
  EXPECT_EQ(on_file.code, 1);
  ExpectOneLine(on_file.err, file + " is a file, and no directory");
  const Finished verified = Start({"verify", "--data", file})->Wait();
  EXPECT_EQ(verified.code, 1);
  ExpectOneLine(verified.err, "no tessera data in " + file);
  const Finished address =
      Start({"--data", data_, "--listen", "nowhere:none", "--log-level", "error"})->Wait();
  EXPECT_EQ(address.code, 1);
  ExpectOneLine(address.err, "cannot listen on nowhere:none");
  const Finished port_file = Start(Served({"--port-file", "/no/such/folder/port"}))->Wait();
  EXPECT_EQ(port_file.code, 1);
  ExpectOneLine(port_file.err, "/no/such/folder/port");
}

TEST_F(ServerProcessTest, FileAndEnvironmentConfigureIt) {
  const std::string file = dir_.path() + "/tesserad.toml";
  std::ofstream(file) << "data = \"" << data_ << "\"\nlisten = \"" << socket_
                      << "\"\nlog-level = \"info\"\n";
  const auto server = Start({"--config", file}, {"TESSERA_LOG_LEVEL=warn", "TESSERA_ISA=scalar"});
  WaitUntilReady();
  server->Signal(SIGTERM);
  const Finished finished = server->Wait();
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(finished.err, "") << "the environment's log level wins over the file's";
  EXPECT_TRUE(std::filesystem::exists(data_));
}

}  // namespace
}  // namespace tessera::testing

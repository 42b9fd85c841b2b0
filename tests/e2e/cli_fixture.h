// Runs the real binaries `tesserad` and `tessera` as processes of their own.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace tessera::e2e {

struct Finished {
  int code = 0;  // exit code; 128 + signal if one ended it
  std::string out;
  std::string err;
};

// A child whose standard streams are files of the folder given.
class Child {
 public:
  // `input`: path of its standard input.
  Child(const std::vector<std::string>& words, const std::string& folder,
        const std::vector<std::string>& environment, const std::string& input = "/dev/null");
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void Signal(int number) const;
  Finished Wait();

 private:
  pid_t pid_ = -1;
  std::string prefix_;
};

// tesserad on a free loopback port with a data directory of its own. Its log is read through a
// pipe, which also tells when it is ready.
class ServerProcess {
 public:
  explicit ServerProcess(const std::string& folder, const std::string& listen = "127.0.0.1:0");
  ~ServerProcess();  // Stop(SIGTERM) unless stopped, expecting exit code 0
  void Stop(int signal);

  const std::string& address() const { return address_; }

 private:
  pid_t pid_ = -1;
  int log_ = -1;
  std::string address_;
  std::thread drain_;
};

// One server for all tests of a suite, a folder for each test.
class CliTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  // tessera WORDS... against the server of the suite.
  Finished Run(const std::vector<std::string>& words, const std::string& input = "/dev/null");
  std::unique_ptr<Child> Start(const std::vector<std::string>& words,
                               const std::string& input = "/dev/null");
  // Runs, expects exit code 0.
  Finished Good(const std::vector<std::string>& words, const std::string& input = "/dev/null");
  // Runs, expects this exit code and, on standard error, exactly one line beginning "tessera: ".
  Finished Bad(int code, const std::vector<std::string>& words);
  uint64_t Count(const std::string& collection);

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Write(const std::string& name, const std::string& content) const;
  std::string Read(const std::string& path) const;

  std::string folder_;
};

using Rows = std::vector<std::vector<float>>;
// Clustered rows, the same for the same arguments.
Rows MakeRows(size_t count, size_t dim, uint32_t seed = 1);
// The bytes of an fvecs file.
std::string Fvecs(const Rows& rows);

}  // namespace tessera::e2e

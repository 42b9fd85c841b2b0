#include "tests/e2e/cli_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

namespace tessera::e2e {
namespace {

std::string suite_folder;
std::unique_ptr<ServerProcess> suite_server;

std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::string ReadWhole(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

Child::Child(const std::vector<std::string>& words, const std::string& folder,
             const std::vector<std::string>& environment, const std::string& input) {
  static std::atomic<int> number = 0;
  prefix_ = folder + "/child" + std::to_string(++number);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, input.c_str(), O_RDONLY, 0);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, 1, (prefix_ + ".out").c_str(), flags, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, (prefix_ + ".err").c_str(), flags, 0600);
  const int error = posix_spawn(&pid_, words[0].c_str(), &actions, nullptr,
                                Pointers(words).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(error, 0) << words[0];
}

Child::~Child() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Child::Signal(int number) const { kill(pid_, number); }

Finished Child::Wait() {
  Finished finished;
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
  pid_ = -1;
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  finished.out = ReadWhole(prefix_ + ".out");
  finished.err = ReadWhole(prefix_ + ".err");
  return finished;
}

ServerProcess::ServerProcess(const std::string& folder, const std::string& listen) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  const std::vector<std::string> words = {TESSERAD_BINARY, "--data", folder + "/data", "--listen",
                                          listen};
  EXPECT_EQ(posix_spawn(&pid_, TESSERAD_BINARY, &actions, nullptr, Pointers(words).data(), environ),
            0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  log_ = ends[0];
  std::string log;
  const std::string ready = "listening on ";
  char c;
  while (read(log_, &c, 1) == 1) {
    log += c;
    const size_t found = log.find(ready);
    if (c == '\n' && found != std::string::npos) {
      const size_t begin = found + ready.size();
      address_ = log.substr(begin, log.find_first_of(" \n", begin) - begin);
      break;
    }
  }
  EXPECT_FALSE(address_.empty()) << "tesserad did not start: " << log;
  drain_ = std::thread([fd = log_] {
    char rest[4096];
    while (read(fd, rest, sizeof rest) > 0) {
    }
  });
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) Stop(SIGTERM);
}

void ServerProcess::Stop(int signal) {
  kill(pid_, signal);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (signal == SIGTERM) {
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "tesserad ended with " << status;
  }
  drain_.join();
  close(log_);
}

void CliTest::SetUpTestSuite() {
  std::string name = testing::TempDir() + "tessera_cli_XXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  suite_folder = name;
  suite_server = std::make_unique<ServerProcess>(suite_folder);
}

void CliTest::TearDownTestSuite() {
  suite_server.reset();
  std::filesystem::remove_all(suite_folder);
}

void CliTest::SetUp() {
  folder_ = suite_folder + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
  std::filesystem::create_directories(folder_);
}

void CliTest::TearDown() {
  const auto all = Run({"collection", "list"});
  std::istringstream lines(all.out);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    Run({"collection", "delete", line.substr(0, line.find(' ')), "--yes"});
  }
}

std::unique_ptr<Child> CliTest::Start(const std::vector<std::string>& words,
                                      const std::string& input) {
  std::vector<std::string> all = {TESSERA_BINARY};
  all.insert(all.end(), words.begin(), words.end());
  return std::make_unique<Child>(
      all, folder_,
      std::vector<std::string>{"TESSERA_SERVER=" + suite_server->address(),
                               "XDG_STATE_HOME=" + folder_ + "/state"},
      input);
}

Finished CliTest::Run(const std::vector<std::string>& words, const std::string& input) {
  return Start(words, input)->Wait();
}

Finished CliTest::Good(const std::vector<std::string>& words, const std::string& input) {
  Finished finished = Run(words, input);
  EXPECT_EQ(finished.code, 0) << finished.err;
  return finished;
}

Finished CliTest::Bad(int code, const std::vector<std::string>& words) {
  Finished finished = Run(words);
  EXPECT_EQ(finished.code, code) << finished.err;
  size_t lines = 0;
  for (size_t at = 0; (at = finished.err.find("tessera: ", at)) != std::string::npos; ++at) {
    if (at == 0 || finished.err[at - 1] == '\n') ++lines;
  }
  EXPECT_EQ(lines, 1u) << finished.err;
  return finished;
}

uint64_t CliTest::Count(const std::string& collection) {
  return std::strtoull(Good({"count", collection}).out.c_str(), nullptr, 10);
}

std::string CliTest::Write(const std::string& name, const std::string& content) const {
  std::ofstream(Path(name), std::ios::binary) << content;
  return Path(name);
}

std::string CliTest::Read(const std::string& path) const { return ReadWhole(path); }

Rows MakeRows(size_t count, size_t dim, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Rows centres(50, std::vector<float>(dim));
  for (auto& centre : centres) {
    for (float& x : centre) x = 3 * normal(random);
  }
  Rows rows(count, std::vector<float>(dim));
  for (auto& row : rows) {
    const auto& centre = centres[random() % centres.size()];
    for (size_t i = 0; i < dim; ++i) row[i] = centre[i] + normal(random);
  }
  return rows;
}

std::string Fvecs(const Rows& rows) {
  std::string bytes;
  for (const auto& row : rows) {
    const auto dim = static_cast<uint32_t>(row.size());
    bytes.append(reinterpret_cast<const char*>(&dim), sizeof dim);
    bytes.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
  }
  return bytes;
}

}  // namespace tessera::e2e

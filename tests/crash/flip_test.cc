// Single bytes of a data directory are changed at random: each answer is then what it was, or an error that says what is
// damaged. TESSERA_FLIPS is how many (100), TESSERA_FLIP_SEED where they begin (1); a flip depends on its number alone.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "index/status.h"
#include "tests/temp_dir.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

using Answers = std::map<std::string, std::string>;  // by question: "ok <hash>" or "error <code> <message>"

// False if the child did not end by itself.
bool RunChild(const char* what, const std::string& directory, Answers& answers) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    execl(TESSERA_FLIP_CHILD, TESSERA_FLIP_CHILD, what, directory.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof(buffer))) > 0;) text.append(buffer, static_cast<size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const size_t space = text.find(' ', at);
    if (end == std::string::npos || space > end) break;
    answers[text.substr(at, space - at)] = text.substr(space + 1, end - space - 1);
    at = end + 1;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::vector<fs::path> FilesIn(const std::string& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(fs::relative(entry.path(), directory));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Every file as often as any other, then every byte of it: small files that everything hangs on are not left out.
std::string Flip(const std::string& directory, const std::vector<fs::path>& files, uint64_t number) {
  std::mt19937_64 random(number * 0x9e3779b97f4a7c15ULL + 1);
  const fs::path& file = files[random() % files.size()];
  const fs::path path = fs::path(directory) / file;
  const uint64_t at = random() % fs::file_size(path);
  std::fstream bytes(path, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekg(static_cast<std::streamoff>(at));
  const int before = bytes.get();
  const int change = 1 + static_cast<int>(random() % 255);
  bytes.seekp(static_cast<std::streamoff>(at));
  bytes.put(static_cast<char>(before ^ change));
  return file.string() + " at " + std::to_string(at) + ", " + std::to_string(before) + " -> " +
         std::to_string(before ^ change);
}

struct Counts {
  uint64_t detected = 0;
  uint64_t harmless = 0;
  uint64_t wrong = 0;
  uint64_t crashed = 0;
};

bool IsError(const std::string& answer) { return answer.starts_with("error "); }

// What is named, and by which code: damage is DataLoss, a changed FORMAT an unknown one.
bool IsGoodError(const std::string& question, const std::string& answer) {
  const int code = std::atoi(answer.c_str() + 6);
  if (question == "catalog" && code == static_cast<int>(absl::StatusCode::kFailedPrecondition)) return true;
  // Writes after one that failed, which was told as what it was.
  if (question.ends_with(".write") && code == static_cast<int>(absl::StatusCode::kUnavailable)) return true;
  return code == static_cast<int>(absl::StatusCode::kDataLoss) && answer.size() > 12;
}

void Judge(const std::string& flip, const Answers& before, const Answers& after, Counts& counts) {
  bool error = false;
  for (const auto& [question, answer] : after) {
    const bool same = before.at(question) == answer;
    error = error || IsError(answer);
    const bool good = same || (IsError(answer) && IsGoodError(question, answer));
    EXPECT_TRUE(good) << flip << ": " << question << " was \"" << before.at(question) << "\", is \"" << answer << '"';
    if (!good && !IsError(answer)) ++counts.wrong;
  }
  // A question that was not asked hangs on one that was answered by an error.
  EXPECT_TRUE(error || after.size() == before.size()) << flip;
  ++(error ? counts.detected : counts.harmless);
}

TEST(FlipTest, EachByteIsDetectedOrHarmless) {
  const testing::TempDir root;
  const std::string made = root.path() + "/made";
  const std::string tried = root.path() + "/tried";
  Answers before;
  ASSERT_TRUE(RunChild("make", made, before));
  ASSERT_TRUE(RunChild("add", made, before));
  fs::copy(made, tried, fs::copy_options::recursive);
  ASSERT_TRUE(RunChild("ask", tried, before));
  for (const auto& [question, answer] : before) ASSERT_FALSE(IsError(answer) && question.starts_with("trained")) << answer;
  const std::vector<fs::path> files = FilesIn(made);
  Counts counts;
  const uint64_t first = Setting("TESSERA_FLIP_SEED", 1);
  for (uint64_t number = first; number < first + Setting("TESSERA_FLIPS", 100); ++number) {
    fs::remove_all(tried);
    fs::copy(made, tried, fs::copy_options::recursive);
    const std::string flip = std::to_string(number) + ": " + Flip(tried, files, number);
    Answers after;
    if (!RunChild("ask", tried, after)) {
      ADD_FAILURE() << flip << ": the process crashed";
      ++counts.crashed;
      continue;
    }
    Judge(flip, before, after, counts);
  }
  std::printf("flips: %llu detected, %llu harmless, %llu wrong, %llu crashed, of %zu files\n",
              static_cast<unsigned long long>(counts.detected), static_cast<unsigned long long>(counts.harmless),
              static_cast<unsigned long long>(counts.wrong), static_cast<unsigned long long>(counts.crashed), files.size());
}

}  // namespace
}  // namespace tessera

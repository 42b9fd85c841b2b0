// The corpora that fuzzing left, and simple mutations of them, through every target: what was once wrong stays mended.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

namespace fs = std::filesystem;

// That of the repository, or the one that the environment names.
std::vector<std::string> CorpusOf(const std::string& target) {
  const char* other = std::getenv("TESSERA_FUZZ_CORPUS");
  const fs::path folder(other != nullptr ? other : TESSERA_FUZZ_CORPUS);
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder / target)) paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<std::string> corpus;
  for (const fs::path& path : paths) {
    std::ifstream in(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Corpus : public ::testing::TestWithParam<Target> {};

TEST_P(Corpus, EveryFileEnds) {
  const std::vector<std::string> corpus = CorpusOf(GetParam().name);
  ASSERT_FALSE(corpus.empty());
  for (const std::string& bytes : corpus) GetParam().run(bytes);
}

TEST_P(Corpus, EveryFileCutAndBentEnds) {
  std::mt19937 random(1);
  for (const std::string& bytes : CorpusOf(GetParam().name)) {
    for (int i = 0; i < 20 && !bytes.empty(); ++i) {
      std::string bent = bytes;
      bent[random() % bent.size()] ^= static_cast<char>(1 << random() % 8);
      if (i % 2 == 0) bent.resize(random() % bent.size());
      GetParam().run(bent);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Corpus, ::testing::ValuesIn(Targets()),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace tessera::fuzz

// Directories that releases wrote: each is opened by this version, has all that it had, and is written on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>

#include "tests/released/release_state.h"
#include "tests/temp_dir.h"

namespace tessera::released {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Versions() {
  std::vector<std::string> versions;
  for (const auto& entry : fs::directory_iterator(TESSERA_RELEASED)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".txt")) versions.push_back(name.substr(0, name.size() - 4));
  }
  std::ranges::sort(versions);
  return versions;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Line by line, since all of it is long.
void ExpectSameText(const std::string& got, const std::string& expected) {
  std::istringstream ours(got), theirs(expected);
  std::string a, b;
  for (int line = 1;; ++line) {
    const bool more = static_cast<bool>(std::getline(ours, a));
    const bool wanted = static_cast<bool>(std::getline(theirs, b));
    ASSERT_EQ(more, wanted) << "line " << line << " after " << a << b;
    if (!more) return;
    ASSERT_EQ(a, b) << "line " << line;
  }
}

class Released : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string archive = std::string(TESSERA_RELEASED) + "/" + GetParam() + ".tar.gz";
    ASSERT_EQ(std::system(("tar -C '" + directory_.path() + "' -xzf '" + archive + "'").c_str()), 0);
  }
  void TearDown() override { catalog_.reset(); }

  std::string data() const { return directory_.path() + "/data"; }
  void Open() {
    catalog_.reset();
    auto opened = Catalog::Open(Options(data()));
    ASSERT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    for (const auto& [name, why] : catalog_->Unopened()) ADD_FAILURE() << name << ": " << why;
  }
  std::string Expected() const { return ReadFile(std::string(TESSERA_RELEASED) + "/" + GetParam() + ".txt"); }

  static std::set<std::string> Answers(Collection& collection, const float* query, bool exact) {
    QueryParams params;
    params.exact = exact;
    if (!exact) params.rerank = RerankTier::kRaw;
    const auto result = collection.Query(query, collection.spec().dim, params);
    EXPECT_TRUE(result.ok()) << collection.name() << ": " << result.status();
    std::set<std::string> ids;
    if (result.ok()) {
      for (const Hit& hit : result->hits) ids.insert(hit.id.ToString());
    }
    return ids;
  }

  const testing::TempDir directory_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_P(Released, AllThatItHadIsThere) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const auto text = Describe(*catalog_);
  ASSERT_TRUE(text.ok()) << text.status();
  ExpectSameText(*text, Expected());
}

TEST_P(Released, VerifiesOfflineAndOnline) {
  const auto offline = VerifyData(data(), "", {});
  ASSERT_TRUE(offline.ok()) << offline.status();
  EXPECT_GT(offline->size(), 5u);
  for (const VerifyReport& report : *offline) {
    EXPECT_TRUE(report.clean()) << report.collection << ": " << report.findings[0].message;
  }
  ASSERT_NO_FATAL_FAILURE(Open());
  for (const std::string& name : catalog_->List()) {
    VerifyOptions options;
    options.deep = true;
    const auto report = (*catalog_->Get(name))->Verify(options);
    ASSERT_TRUE(report.ok()) << name << ": " << report.status();
    EXPECT_TRUE(report->clean()) << name << ": " << report->findings[0].message;
  }
}

TEST_P(Released, SearchesByItsCodes) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (const std::string& name : catalog_->List()) {
    const auto collection = *catalog_->Get(name);
    const uint32_t dim = collection->spec().dim;
    const std::vector<float> queries = Queries(20, dim);
    size_t found = 0;
    for (size_t q = 0; q < 20; ++q) {
      const auto exact = Answers(*collection, queries.data() + q * dim, true);
      const auto other = Answers(*collection, queries.data() + q * dim, false);
      EXPECT_EQ(exact.size(), 10u) << name;
      found += static_cast<size_t>(std::ranges::count_if(other, [&](const std::string& id) { return exact.contains(id); }));
    }
    EXPECT_GE(found, 180u) << name << ": of 200 true neighbours";
  }
}

TEST_P(Released, IsWrittenOn) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (const std::string& name : catalog_->List()) {
    const auto collection = *catalog_->Get(name);
    const uint32_t dim = collection->spec().dim;
    const uint64_t rows = collection->Count();
    const uint64_t commit = collection->Stats().commit;
    const std::vector<float> vectors = Queries(30, dim);
    std::vector<PointInput> points;
    for (uint64_t i = 0; i < 30; ++i) {
      const auto* bytes = reinterpret_cast<const char*>(vectors.data() + i * dim);
      points.push_back({PointId(90000 + i), ElementType::kF32, {bytes, dim * sizeof(float)}});
    }
    const auto written = collection->Upsert(points);
    ASSERT_TRUE(written.ok()) << name << ": " << written.status();
    EXPECT_EQ(written->commit, commit + 1) << name;
    ASSERT_TRUE(collection->Delete({PointId(uint64_t{1})}).ok());
    EXPECT_EQ(collection->Count(), rows + 29) << name;
    EXPECT_TRUE(Answers(*collection, vectors.data(), false).contains("90000")) << name;
    if (name == "product" || name == "scalar") {
      const Status trained = collection->Train({});
      EXPECT_TRUE(trained.ok()) << name << ": " << trained;
      EXPECT_TRUE(collection->codebooks().RollBack({}).ok()) << name;
    }
  }
  const auto backup = catalog_->backups().Create("product", {});
  EXPECT_TRUE(backup.ok()) << backup.status();
  const std::string before = *Describe(*catalog_);
  ASSERT_NO_FATAL_FAILURE(Open());
  ExpectSameText(*Describe(*catalog_), before);
}

TEST_P(Released, KeepsRepliesToRequestsThatComeAgain) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const auto product = *catalog_->Get("product");
  PatchOptions again;
  again.request_id = "one patch";
  const uint64_t commit = product->Stats().commit;
  const auto reply = product->Patch({{PointId(uint64_t{1}), R"({"price":9,"new":[1,2]})"}, {PointId(uint64_t{2}), "{}"}}, again);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_LT(reply->commit, commit);
  EXPECT_EQ(product->Stats().commit, commit) << "nothing was written";
}

INSTANTIATE_TEST_SUITE_P(Versions, Released, ::testing::ValuesIn(Versions()), [](const auto& version) {
  std::string name = version.param;
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

TEST(ReleasedTest, ThisVersionIsThere) {
  const std::vector<std::string> versions = Versions();
  EXPECT_NE(std::ranges::find(versions, TESSERA_VERSION), versions.end())
      << "a release adds its directory: write_released tests/released";
}

}  // namespace
}  // namespace tessera::released

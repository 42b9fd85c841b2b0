#include "index/catalog.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "index/base/failpoint.h"
#include "tests/temp_dir.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

class CatalogTest : public ::testing::Test {
 protected:
  StatusOr<std::unique_ptr<Catalog>> Open() {
    CatalogOptions options;
    options.path = directory_.path() + "/data";
    return Catalog::Open(options);
  }
  static CollectionSpec Spec() {
    CollectionSpec spec;
    spec.dim = 4;
    spec.quantizer = *QuantizerSpec::Parse("IVF4,PQ2");
    return spec;
  }

  tessera::testing::TempDir directory_;
};

TEST_F(CatalogTest, CreateListGetDropAndReopen) {
  auto catalog = Open();
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_TRUE((*catalog)->List().empty());
  for (const char* name : {"b", "a", "C-1_x.y"}) ASSERT_TRUE((*catalog)->Create(name, Spec()).ok());
  EXPECT_EQ((*catalog)->Create("a", Spec()).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ((*catalog)->List(), (std::vector<std::string>{"C-1_x.y", "a", "b"}));
  ASSERT_TRUE((*catalog)->Drop("a").ok());
  EXPECT_EQ((*catalog)->Drop("a").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ((*catalog)->Get("a").status().code(), absl::StatusCode::kNotFound);
  catalog->reset();
  catalog = Open();
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_EQ((*catalog)->List(), (std::vector<std::string>{"C-1_x.y", "b"}));
  EXPECT_EQ((*(*catalog)->Get("b"))->spec().dim, 4u);
}

TEST_F(CatalogTest, NamesThatWouldLeaveTheDirectoryAreRefused) {
  auto catalog = Open();
  ASSERT_TRUE(catalog.ok());
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../x"), std::string("a/b"),
        std::string("-a"), std::string(".tmp-0"), std::string("a b"), std::string("a\0b", 3),
        std::string(129, 'x'), std::string("\xc3\xa4")}) {
    EXPECT_EQ((*catalog)->Create(name, Spec()).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_FALSE((*catalog)->Get(name).ok());
  }
  EXPECT_TRUE((*catalog)->Create(std::string(128, 'x'), Spec()).ok());
}

TEST_F(CatalogTest, BadSpecsNameTheField) {
  auto catalog = Open();
  ASSERT_TRUE(catalog.ok());
  const auto message = [&](uint32_t dim, const char* quantizer) {
    CollectionSpec spec;
    spec.dim = dim;
    spec.quantizer = *QuantizerSpec::Parse(quantizer);
    return MessageOf((*catalog)->Create("c", spec).status());
  };
  EXPECT_EQ(message(0, "PQ2").substr(0, 3), "dim");
  EXPECT_EQ(message(65536, "PQ2").substr(0, 3), "dim");
  EXPECT_EQ(message(4, "PQ8").substr(0, 9), "quantizer");
  EXPECT_EQ(message(4, "VQ16").substr(0, 9), "quantizer");
  EXPECT_TRUE((*catalog)->List().empty());
}

TEST_F(CatalogTest, ADirectoryInUseIsRefused) {
  const auto first = Open();
  ASSERT_TRUE(first.ok());
  const auto second = Open();
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(second.status()).find("in use"), std::string::npos);
}

TEST_F(CatalogTest, UnknownFormatsAndForeignFilesAreRefusedUntouched) {
  const fs::path data = directory_.path() + "/data";
  fs::create_directory(data);
  std::ofstream(data / "notes.txt") << "mine";
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(fs::exists(data / "FORMAT"));
  fs::remove(data / "notes.txt");
  std::ofstream(data / "FORMAT") << "tessera 2\n";
  const auto newer = Open();
  EXPECT_EQ(newer.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(newer.status()).find("format 2, this one reads 1"), std::string::npos);
  EXPECT_FALSE(fs::exists(data / "collections"));
}

TEST_F(CatalogTest, AMissingParentIsAnError) {
  CatalogOptions options;
  options.path = directory_.path() + "/no/such/place";
  EXPECT_EQ(Catalog::Open(options).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(CatalogTest, WhatACrashLeftIsRemovedAtTheStart) {
  Open().value()->Create("a", Spec()).IgnoreError();
  const fs::path collections = directory_.path() + "/data/collections";
  fs::create_directory(collections / ".tmp-7");
  std::ofstream(collections / ".tmp-7" / "half") << "x";
  fs::create_directory(collections / ".trash-3");
  const auto catalog = Open();
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_FALSE(fs::exists(collections / ".tmp-7"));
  EXPECT_FALSE(fs::exists(collections / ".trash-3"));
  EXPECT_EQ((*catalog)->List(), std::vector<std::string>{"a"});
}

TEST_F(CatalogTest, AFailedCreateLeavesTheNameFree) {
  auto catalog = Open();
  ASSERT_TRUE(catalog.ok());
  SetFailpoints("catalog.create=error");
  EXPECT_FALSE((*catalog)->Create("a", Spec()).ok());
  SetFailpoints("");
  EXPECT_TRUE((*catalog)->List().empty());
  EXPECT_TRUE((*catalog)->Create("a", Spec()).ok());
}

TEST_F(CatalogTest, ADamagedCollectionKeepsNoOtherFromBeingServed) {
  {
    const auto catalog = Open().value();
    ASSERT_TRUE(catalog->Create("broken", Spec()).ok());
    ASSERT_TRUE(catalog->Create("whole", Spec()).ok());
  }
  std::ofstream(directory_.path() + "/data/collections/broken/CURRENT") << "garbage\n";
  auto catalog = Open().value();
  EXPECT_EQ(catalog->List(), std::vector<std::string>{"whole"});
  EXPECT_TRUE(catalog->Get("whole").ok());
  const Status broken = catalog->Get("broken").status();
  EXPECT_EQ(broken.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(MessageOf(broken).find("\"broken\" cannot be opened"), std::string::npos) << broken;
  EXPECT_NE(MessageOf(broken).find("tesserad repair"), std::string::npos) << broken;
  EXPECT_EQ(catalog->Unopened(), (std::map<std::string, Status>{{"broken", broken}}));
  EXPECT_EQ(catalog->Create("broken", Spec()).status().code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(catalog->Drop("broken").ok());
  EXPECT_EQ(catalog->Get("broken").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(catalog->Create("broken", Spec()).ok());
  catalog.reset();
  catalog = Open().value();
  EXPECT_EQ(catalog->List(), (std::vector<std::string>{"broken", "whole"}));
}

TEST_F(CatalogTest, WorksWithoutAnyExecutor) {
  auto catalog = Open();
  ASSERT_TRUE(catalog.ok());
  const auto collection = (*catalog)->Create("a", Spec());
  ASSERT_TRUE(collection.ok());
  std::vector<float> rows(300 * 4);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>((i * 37) % 101);
  std::vector<PointInput> points;
  for (uint64_t i = 0; i < 300; ++i) {
    points.push_back({PointId(i), ElementType::kF32,
                      {reinterpret_cast<const char*>(rows.data() + 4 * i), 16}});
  }
  ASSERT_TRUE((*collection)->Upsert(points).ok());
  const Status trained = (*collection)->Train({});
  ASSERT_TRUE(trained.ok()) << trained;
  const auto result = (*collection)->Query(rows.data(), 4, {});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->hits[0].score, 0.0f);
}

TEST_F(CatalogTest, AFirstStartThatWasCutShortIsBegunAnew) {
  const testing::TempDir directory;
  std::ofstream(directory.path() + "/FORMAT.tmp") << "tess";
  CatalogOptions options;
  options.path = directory.path();
  const auto opened = Catalog::Open(options);
  EXPECT_TRUE(opened.ok()) << opened.status();
}

}  // namespace
}  // namespace tessera

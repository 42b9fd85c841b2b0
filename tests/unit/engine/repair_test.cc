// Damaged collections are made anew from what can be read: the same answers where only derived data were damaged, and
// what is lost is named where vectors are.
#include "index/repair.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "index/base/failpoint.h"
#include "index/engine/codebook_table.h"
#include "index/engine/metadata.h"
#include "tests/unit/engine/verify_fixture.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

using store::Batch;
using store::Store;

constexpr uint32_t kDim = kVerifyDim;
constexpr uint64_t kRows = 600;

class RepairTest : public VerifyTest {
 protected:
  void TearDown() override { SetFailpoints(""); }

  // Everything in files, then some rows in the log.
  void FillFiles() {
    Fill(kRows);
    ASSERT_TRUE(collection_->Reclaim().ok());
    ASSERT_TRUE(collection_->Patch({{PointId(10), R"({"late":1})"}}).ok());
    before_ = Answers();
    Close();
  }

  std::vector<std::string> Answers() {
    std::vector<std::string> answers;
    const std::vector<float> queries = ClusteredRows(5, kDim, 77);
    for (const RerankTier tier : {RerankTier::kNone, RerankTier::kRefine, RerankTier::kRaw}) {
      for (size_t q = 0; q < 5; ++q) {
        QueryParams params;
        params.nprobe = 4;
        params.rerank = tier;
        params.with_payload = true;
        const auto result = collection_->Query(queries.data() + q * kDim, kDim, params);
        EXPECT_TRUE(result.ok()) << result.status();
        if (!result.ok()) continue;
        for (const Hit& hit : result->hits) {
          answers.push_back(hit.id.ToString() + " " + std::to_string(hit.score) + " " + hit.payload);
        }
      }
    }
    const auto filter = ParseFilter("price = 7");
    answers.push_back(std::to_string(collection_->Count()) + " " + std::to_string(*collection_->Count(*filter)));
    return answers;
  }

  RepairReport Repair() {
    auto report = RepairCollection(directory_.path(), "c", {});
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : RepairReport();
  }

  // After a repair of derived data alone.
  void ExpectAsBefore(const std::string& what) {
    const RepairReport report = Repair();
    EXPECT_EQ(report.rows, kRows) << what;
    EXPECT_EQ(report.lost_points + report.lost_payloads, 0u) << what;
    EXPECT_FALSE(report.trained) << what;
    Reopen();
    ASSERT_TRUE(collection_) << what << ": " << catalog_->Get("c").status();
    EXPECT_EQ(Answers(), before_) << what;
    const VerifyReport verified = Verify();
    EXPECT_TRUE(verified.clean()) << what << ": " << Text(verified);
    EXPECT_EQ(verified.postings, kRows);
  }

  // Paths of the sorted files of the family.
  std::vector<std::string> FilesOf(const std::string& family) {
    std::vector<std::string> paths;
    const auto store = OpenStore();
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return paths;
    EXPECT_TRUE((*store)->CheckFiles([&](const Store::CheckedFile& file) {
      if (file.family == family) paths.push_back(CollectionPath() + "/" + file.name);
      return OkStatus();
    }).ok());
    return paths;
  }
  StatusOr<std::unique_ptr<Store>> OpenStore() {
    Store::Options options;
    options.shared = &shared_;
    options.read_only = true;
    return Store::Open(CollectionPath(), options);
  }

  static void FlipByte(const std::string& path, size_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }

  // Changes a byte of each sorted file of the family. False if it has none. The first bytes are of a block of data, the
  // 200th of a small file is of its properties.
  bool FlipFiles(const std::string& family, int at = 5) {
    const std::vector<std::string> paths = FilesOf(family);
    for (const std::string& path : paths) FlipByte(path, at);
    return !paths.empty();
  }

  // Of one file of the family: that byte of its properties which RocksDB would not survive.
  bool DamageProperties(const std::string& family) {
    const std::string path = FilesOf(family).at(0);
    std::ifstream in(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const std::string count("\1\0\0\0", 4);
    for (size_t at = bytes.rfind(count); at != std::string::npos && at > 0; at = bytes.rfind(count, at - 1)) {
      FlipByte(path, at);
      const Status opened = OpenStore().status();
      if (MessageOf(opened).find("its properties are damaged") != std::string::npos) return true;
      FlipByte(path, at);
    }
    return false;
  }

  std::vector<std::string> before_;
};

TEST_F(RepairTest, WhatIsWholeStaysAsItIs) {
  FillFiles();
  const RepairReport report = Repair();
  EXPECT_EQ(report.rows, kRows);
  EXPECT_EQ(report.kept_codes, kRows);
  EXPECT_EQ(report.encoded_rows, 0u);
  EXPECT_TRUE(report.notes.empty()) << report.notes[0];
  EXPECT_EQ(report.damaged, directory_.path() + "/damaged/c-1");
  EXPECT_TRUE(fs::exists(report.damaged + "/CURRENT"));
  Reopen();
  EXPECT_EQ(Answers(), before_);
  EXPECT_TRUE(Verify().clean());
  // It goes on: written, trained, repaired again.
  Load(ClusteredRows(100, kDim, 9), kDim, 5000);
  ASSERT_TRUE(collection_->Train({}).ok());
  Close();
  EXPECT_EQ(Repair().damaged, directory_.path() + "/damaged/c-2");
}

TEST_F(RepairTest, AnswersAreAsBeforeWhereDerivedRecordsWereDamaged) {
  const std::map<std::string, std::function<void(Store&, Batch&)>> changes = {
      {"ids", [](Store&, Batch& batch) { for (uint64_t id = 0; id < 50; ++id) batch.DeleteId(PointId(id)); }},
      {"assignments", [](Store&, Batch& batch) {
         for (uint32_t row = 0; row < 5; ++row) batch.PutAssign(kFirst, RowId{row}, ListId{900});
       }},
      {"postings", [](Store& store, Batch& batch) {
         for (uint32_t row = 0; row < 40; ++row) {
           const ListId list = *store.GetAssigns(kFirst, {RowId{row}}, nullptr).value()[0];
           row % 2 ? batch.DeletePosting(kFirst, list, RowId{row})
                   : batch.PutPosting(kFirst, list, RowId{row}, "bad", 0, "");
         }
       }},
      {"centroids", [](Store&, Batch& batch) { batch.DeleteCentroid(kFirst, ListId{2}); }},
      {"model", [](Store&, Batch& batch) { batch.PutRecord(engine::ModelRecord(kFirst), "none"); }},
      {"codebook", [](Store&, Batch& batch) { batch.PutRecord(engine::CodebookRecord(1), "none"); }},
      {"progress", [](Store&, Batch& batch) { batch.DeleteRecord(engine::kProgressRecord); }},
  };
  FillFiles();
  fs::copy(CollectionPath(), directory_.path() + "/whole", fs::copy_options::recursive);
  for (const auto& [what, change] : changes) {
    Close();
    fs::remove_all(CollectionPath());
    fs::copy(directory_.path() + "/whole", CollectionPath(), fs::copy_options::recursive);
    Tamper(change);
    ExpectAsBefore(what);
  }
}

TEST_F(RepairTest, AnswersAreAsBeforeWhereFilesOfDerivedFamiliesWereDamaged) {
  FillFiles();
  fs::copy(CollectionPath(), directory_.path() + "/whole", fs::copy_options::recursive);
  for (const std::string family : {"ids", "assign-1", "postings-1", "centroids-1"}) {
    for (const int at : family == "postings-1" ? std::vector<int>{5, 200} : std::vector<int>{5}) {
      Close();
      fs::remove_all(CollectionPath());
      fs::copy(directory_.path() + "/whole", CollectionPath(), fs::copy_options::recursive);
      ASSERT_TRUE(FlipFiles(family, at)) << family;
      const auto reports = VerifyData(directory_.path(), "c", {});
      ASSERT_TRUE(reports.ok()) << reports.status();
      EXPECT_FALSE((*reports)[0].clean()) << family;
      ExpectAsBefore(family + " at " + std::to_string(at));
    }
  }
}

TEST_F(RepairTest, RowsAreFoundAgainByTheirIds) {
  FillFiles();
  ASSERT_TRUE(FlipFiles("rows"));
  const RepairReport report = Repair();
  EXPECT_EQ(report.rows, kRows);
  EXPECT_EQ(report.lost_points, 0u);
  EXPECT_FALSE(report.notes.empty());
  Reopen();
  EXPECT_EQ(Answers(), before_);
  EXPECT_TRUE(Verify().clean());
}

TEST_F(RepairTest, LostVectorsAreNamed) {
  FillFiles();
  Tamper([](Store&, Batch& batch) {
    batch.DeleteVector(RowId{5});
    batch.PutVector(RowId{6}, {ElementType::kF32, std::string_view("\0\0\0\0", 4)});
    batch.PutPayload(RowId{3}, std::string(3, '\0'));
  });
  const RepairReport report = Repair();
  EXPECT_EQ(report.rows, kRows - 2);
  EXPECT_EQ(report.lost, (std::vector<std::string>{"5", "6"}));
  Reopen();
  ASSERT_TRUE(collection_) << catalog_->Get("c").status();
  EXPECT_EQ(collection_->Count(), kRows - 2);
  const auto points = collection_->Get({PointId(5), PointId(7)});
  ASSERT_TRUE(points.ok()) << points.status();
  EXPECT_FALSE((*points)[0]);
  EXPECT_TRUE((*points)[1]);
}

TEST_F(RepairTest, DamagedFilesOfVectorsCostTheVectorsInThem) {
  FillFiles();
  ASSERT_TRUE(FlipFiles("vectors"));
  const RepairReport report = Repair();
  EXPECT_GT(report.lost_points, 0u);
  EXPECT_EQ(report.rows + report.lost_points, kRows);
  Reopen();
  ASSERT_TRUE(collection_) << catalog_->Get("c").status();
  EXPECT_EQ(collection_->Count(), report.rows);
  EXPECT_TRUE(Verify().clean());
}

TEST_F(RepairTest, AFileThatCannotEvenBeOpenedIsLeftOut) {
  FillFiles();
  fs::copy(CollectionPath(), directory_.path() + "/whole", fs::copy_options::recursive);
  for (const std::string family : {"ids", "assign-1", "postings-1", "rows"}) {
    Close();
    fs::remove_all(CollectionPath());
    fs::copy(directory_.path() + "/whole", CollectionPath(), fs::copy_options::recursive);
    ASSERT_TRUE(DamageProperties(family)) << family;
    ExpectAsBefore(family);
  }
}

TEST_F(RepairTest, WithoutAnyModelItIsTrainedAnew) {
  FillFiles();
  Tamper([](Store&, Batch& batch) {
    batch.PutRecord(engine::ModelRecord(kFirst), "none");
    batch.PutRecord(engine::CodebookRecord(1), "none");
  });
  const RepairReport report = Repair();
  EXPECT_TRUE(report.trained);
  EXPECT_EQ(report.rows, kRows);
  Reopen();
  ASSERT_TRUE(collection_) << catalog_->Get("c").status();
  EXPECT_GT(collection_->Stats().generation.value, 0u);
  const VerifyReport verified = Verify();
  EXPECT_TRUE(verified.clean()) << Text(verified);
}

TEST_F(RepairTest, UntrainedCollections) {
  Fill(100, Metric::kCosine, "IVF8,PQ8", false);
  const auto before = Answers();
  Close();
  Tamper([](Store&, Batch& batch) { batch.DeleteId(PointId(9)); });
  EXPECT_EQ(Repair().rows, 100u);
  Reopen();
  EXPECT_TRUE(Verify().clean());
}

TEST_F(RepairTest, WhatFailsLeavesEverythingAsItWas) {
  FillFiles();
  EXPECT_EQ(RepairCollection(directory_.path(), "none", {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(RepairCollection(directory_.path(), "../c", {}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RepairCollection(directory_.path() + "/none", "c", {}).status().code(), absl::StatusCode::kNotFound);
  SetFailpoints("repair.exchange=error");
  EXPECT_FALSE(RepairCollection(directory_.path(), "c", {}).ok());
  SetFailpoints("");
  RepairOptions options;
  options.stop = StopToken(StopToken::Clock::now());
  EXPECT_EQ(RepairCollection(directory_.path(), "c", options).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(fs::is_empty(directory_.path() + "/damaged"));
  Reopen();
  EXPECT_EQ(RepairCollection(directory_.path(), "c", {}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Answers(), before_);
  Close();
  Tamper([](Store&, Batch& batch) { batch.DeleteRecord(engine::kSpecRecord); });
  const Status lost = RepairCollection(directory_.path(), "c", {}).status();
  EXPECT_EQ(lost.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(MessageOf(lost).find("restore a backup"), std::string::npos) << lost;
}

}  // namespace
}  // namespace tessera

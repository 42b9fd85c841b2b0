// Whole families as they are read for checks, and the checksums of the files beneath them.
#include <fstream>
#include <map>

#include "tests/unit/store/store_fixture.h"

namespace tessera::store {
namespace {

class SurveyTest : public StoreTest {
 protected:
  void Fill() {
    Open();
    ASSERT_TRUE(store_->CreateGeneration(Generation(1)).ok());
    ASSERT_TRUE(Write([](Batch& batch) {
                  batch.PutRecord("a", "first");
                  batch.PutRecord("b", "second");
                  batch.PutId(PointId(5), RowId(1));
                  batch.PutId(PointId("key"), RowId(2));
                  for (uint32_t row = 0; row < 3; ++row) batch.PutAssign(Generation(1), RowId(row), ListId(row + 7));
                }).ok());
  }
  // Flips a byte of every sorted file of the directory, at a place that no block could do without.
  void FlipInSortedFiles() {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().extension() != ".sst") continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(5);
      const char byte = static_cast<char>(file.get() ^ 0x10);
      file.seekp(5);
      file.put(byte);
    }
  }
};

TEST_F(SurveyTest, RecordsIdsAndAssigns) {
  Fill();
  std::map<std::string, std::string> records;
  ASSERT_TRUE(store_->ScanRecords(nullptr, [&](const std::string& name, StatusOr<std::string> bytes) {
    records[name] = *bytes;
    return OkStatus();
  }).ok());
  EXPECT_EQ(records, (std::map<std::string, std::string>{{"a", "first"}, {"b", "second"}}));
  std::vector<std::pair<PointId, RowId>> ids;
  ASSERT_TRUE(store_->ScanIds(nullptr, [&](const PointId& id, RowId row) {
    ids.emplace_back(id, row);
    return OkStatus();
  }).ok());
  EXPECT_EQ(ids, (std::vector<std::pair<PointId, RowId>>{{PointId(5), RowId(1)}, {PointId("key"), RowId(2)}}));
  std::vector<uint32_t> lists;
  const auto visit = [&](RowId, ListId list) {
    lists.push_back(list.value);
    return OkStatus();
  };
  ASSERT_TRUE(store_->ScanAssigns(Generation(1), RowId(1), RowId(9), nullptr, visit).ok());
  EXPECT_EQ(lists, (std::vector<uint32_t>{8, 9}));
  EXPECT_EQ(store_->ScanAssigns(Generation(2), RowId(0), RowId(9), nullptr, visit).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->ScanIds(nullptr, [](const PointId&, RowId) { return Cancelled("enough"); }).code(),
            absl::StatusCode::kCancelled);
}

TEST_F(SurveyTest, StatesArePinned) {
  Fill();
  const StoreSnapshotPtr before = store_->GetSnapshot();
  ASSERT_TRUE(Write([](Batch& batch) {
                batch.DeleteRecord("a");
                batch.DeleteId(PointId(5));
                batch.PutRequest("r", {0, 1, 2, "reply"});
              }).ok());
  int records = 0;
  ASSERT_TRUE(store_->ScanRecords(before.get(), [&](const std::string&, const StatusOr<std::string>&) {
    ++records;
    return OkStatus();
  }).ok());
  EXPECT_EQ(records, 2);
  int ids = 0;
  ASSERT_TRUE(store_->ScanIds(before.get(), [&](const PointId&, RowId) {
    ++ids;
    return OkStatus();
  }).ok());
  EXPECT_EQ(ids, 2);
  EXPECT_FALSE(store_->GetRequests({"r"}, before.get()).value()[0]);
  EXPECT_TRUE(store_->GetRequests({"r"}, nullptr).value()[0]);
}

TEST_F(SurveyTest, FilesAreReadWhole) {
  Fill();
  ASSERT_TRUE(store_->FlushAll().ok());
  std::map<std::string, Status> files;
  uint64_t done = 0;
  const auto keep = [&](const Store::CheckedFile& file) {
    files[file.family] = file.status;
    EXPECT_GT(file.bytes_done, done);
    EXPECT_LE(file.bytes_done, file.bytes_total);
    done = file.bytes_done;
    return OkStatus();
  };
  ASSERT_TRUE(store_->CheckFiles(keep).ok());
  ASSERT_EQ(files.size(), 3u);
  for (const auto& [family, status] : files) EXPECT_TRUE(status.ok()) << status;

  FlipInSortedFiles();
  done = 0;
  ASSERT_TRUE(store_->CheckFiles(keep).ok());
  ASSERT_EQ(files.size(), 3u);
  for (const auto& [family, status] : files) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_TRUE(Mentions(status, family + ": file 0")) << status;
  }
  EXPECT_EQ(store_->CheckFiles([](const Store::CheckedFile&) { return Cancelled("enough"); }).code(),
            absl::StatusCode::kCancelled);
}

TEST_F(SurveyTest, ReadOnlyChangesNothing) {
  Fill();
  store_.reset();
  Store::Options options;
  options.shared = &shared_;
  options.read_only = true;
  const auto before = std::filesystem::last_write_time(path_);
  auto opened = Store::Open(path_, options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  store_ = *std::move(opened);
  EXPECT_EQ(store_->GetRecord("a").value(), "first");  // out of the log
  EXPECT_EQ(Id(PointId(5)), RowId(1));
  EXPECT_EQ(Write([](Batch& batch) { batch.PutRecord("c", ""); }).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->DropGeneration(Generation(1)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->FlushAll().code(), absl::StatusCode::kFailedPrecondition);
  store_.reset();
  EXPECT_EQ(std::filesystem::last_write_time(path_), before);
  EXPECT_EQ(Store::Open(path_ + "-none", options).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace tessera::store

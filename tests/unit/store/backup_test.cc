// Backups of a store: what is restored is what was there, files are shared, damage is found and named.
#include "index/store/backup.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/unit/store/store_fixture.h"
#include "tests/unit/store/unsynced_fs.h"

namespace tessera::store {
namespace {

namespace fs = std::filesystem;

const Generation kGeneration(3);

class BackupTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    home_ = path_ + "-home";
    fs::remove_all(home_);
    fs::create_directory(home_);
    folder_ = std::make_unique<BackupFolder>(home_ + "/backups");
    Open();
    ASSERT_TRUE(store_->CreateGeneration(kGeneration).ok());
  }
  void TearDown() override {
    StoreTest::TearDown();
    fs::remove_all(home_);
  }

  static std::string Bytes(uint32_t row, char salt) {
    return std::string(400, salt) + std::to_string(row);
  }
  Status Fill(uint32_t begin, uint32_t end, char salt, Durability durability = Durability::kSync) {
    return Write(
        [&](Batch& batch) {
          for (uint32_t r = begin; r < end; ++r) {
            batch.PutId(PointId(r), RowId(r));
            batch.PutRow(RowId(r), {PointId(r), 1, 1.0f});
            batch.PutVector(RowId(r), {ElementType::kU8, Bytes(r, salt)});
            batch.PutPosting(kGeneration, ListId(r % 7), RowId(r), "co", 1.0f, "");
          }
        },
        durability);
  }

  StatusOr<uint32_t> Backup(const Transfer& transfer = {}) {
    const std::string checkpoint = path_ + "-checkpoint";
    const Status taken = store_->Checkpoint(checkpoint);
    auto id = taken.ok() ? folder_->Create(checkpoint, "metadata", transfer) : StatusOr<uint32_t>(taken);
    fs::remove_all(checkpoint);
    return id;
  }
  // Opens what was restored into `directory` and gives its vectors.
  std::map<uint32_t, std::string> VectorsOf(const std::string& directory) {
    Store::Options options;
    options.shared = &shared_;
    std::map<uint32_t, std::string> vectors;
    const auto opened = Store::Open(directory, options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (!opened.ok()) return vectors;
    EXPECT_EQ((*opened)->Generations(), std::vector<Generation>{kGeneration});
    EXPECT_TRUE((*opened)
                    ->ScanVectors(RowId(0), RowId(UINT32_MAX), nullptr,
                                  [&](RowId row, const VectorView& v) {
                                    vectors[row.value] = std::string(v.bytes);
                                    return OkStatus();
                                  })
                    .ok());
    return vectors;
  }
  std::map<uint32_t, std::string> Expected(uint32_t begin, uint32_t end, char salt) {
    std::map<uint32_t, std::string> vectors;
    for (uint32_t r = begin; r < end; ++r) vectors[r] = Bytes(r, salt);
    return vectors;
  }
  // Every regular file of the folder, largest first.
  std::vector<fs::path> FilesOf(const std::string& directory) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end(),
              [](const auto& a, const auto& b) { return fs::file_size(a) > fs::file_size(b); });
    return files;
  }
  static void Flip(const fs::path& path, uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }

  std::string home_;
  std::unique_ptr<BackupFolder> folder_;
};

TEST_F(BackupTest, RestoresWhatWasThereHoweverItWasWritten) {
  ASSERT_TRUE(Fill(0, 100, 'a').ok());
  ASSERT_TRUE(Fill(100, 300, 'a', Durability::kIngest).ok());
  ASSERT_TRUE(Fill(300, 350, 'a', Durability::kLogged).ok());
  const auto id = Backup();
  ASSERT_TRUE(id.ok()) << id.status();
  ASSERT_TRUE(Fill(0, 400, 'b').ok());  // later
  ASSERT_TRUE(folder_->Verify(*id, {}).ok());
  ASSERT_TRUE(folder_->Restore(*id, home_ + "/restored", {}).ok());
  EXPECT_EQ(VectorsOf(home_ + "/restored"), Expected(0, 350, 'a'));

  const auto listed = folder_->List();
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().id, *id);
  EXPECT_EQ(listed->front().metadata, "metadata");
  EXPECT_FALSE(listed->front().damaged);
  EXPECT_EQ(listed->front().new_bytes, listed->front().bytes);
  EXPECT_GT(listed->front().bytes, 350u * 400);
}

TEST_F(BackupTest, SecondOneAddsWhatChangedAndDeletionFreesNoMore) {
  ASSERT_TRUE(Fill(0, 1000, 'a').ok());
  const uint32_t first = Backup().value();
  ASSERT_TRUE(Fill(0, 10, 'b').ok());
  const uint32_t second = Backup().value();
  EXPECT_GT(second, first);
  auto listed = folder_->List().value();
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_GT(listed[1].bytes, listed[0].bytes);
  EXPECT_LT(listed[1].new_bytes, listed[0].bytes / 5);

  ASSERT_TRUE(folder_->Delete(first).ok());
  listed = folder_->List().value();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].new_bytes, listed[0].bytes);
  ASSERT_TRUE(folder_->Restore(second, home_ + "/restored", {}).ok());
  auto expected = Expected(0, 1000, 'a');
  for (const auto& [row, bytes] : Expected(0, 10, 'b')) expected[row] = bytes;
  EXPECT_EQ(VectorsOf(home_ + "/restored"), expected);

  ASSERT_TRUE(folder_->Delete(second).ok());
  EXPECT_TRUE(folder_->List().value().empty());
  EXPECT_TRUE(FilesOf(home_ + "/backups").empty());
}

TEST_F(BackupTest, UnknownOnesAreNotFound) {
  EXPECT_TRUE(folder_->List().value().empty());
  for (const Status& status : {folder_->Verify(1, {}), folder_->Delete(1), folder_->Restore(1, home_ + "/r", {})}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    EXPECT_TRUE(Mentions(status, "no backup 1")) << status;
  }
  EXPECT_FALSE(fs::exists(home_ + "/r"));
  EXPECT_TRUE(folder_->Sweep().ok());
}

TEST_F(BackupTest, AFlippedByteAnywhereIsFoundAndNamed) {
  ASSERT_TRUE(Fill(0, 200, 'a').ok());
  const uint32_t id = Backup().value();
  for (const fs::path& file : FilesOf(home_ + "/backups")) {
    const uint64_t size = fs::file_size(file);
    if (size == 0 || file.parent_path().filename() == "meta") continue;  // of those the next test
    for (const uint64_t at : {uint64_t{0}, size / 2, size - 1}) {
      Flip(file, at);
      const Status verified = folder_->Verify(id, {});
      EXPECT_EQ(verified.code(), absl::StatusCode::kDataLoss) << file << ": " << verified;
      EXPECT_TRUE(Mentions(verified, file.filename().string())) << verified;
      EXPECT_EQ(folder_->Restore(id, home_ + "/restored", {}).code(), absl::StatusCode::kDataLoss) << file;
      fs::remove_all(home_ + "/restored");
      Flip(file, at);
    }
  }
  EXPECT_TRUE(folder_->Verify(id, {}).ok());
}

TEST_F(BackupTest, AFlippedByteInTheListOfFilesRestoresNothingElse) {
  ASSERT_TRUE(Fill(0, 20, 'a').ok());
  const uint32_t id = Backup().value();
  const fs::path meta = home_ + "/backups/meta/" + std::to_string(id);
  size_t refused = 0;
  for (uint64_t at = 0; at < fs::file_size(meta); ++at) {
    Flip(meta, at);
    if (folder_->Restore(id, home_ + "/restored", {}).ok()) {
      EXPECT_EQ(VectorsOf(home_ + "/restored"), Expected(0, 20, 'a')) << at;
    } else {
      ++refused;
    }
    fs::remove_all(home_ + "/restored");
    Flip(meta, at);
  }
  EXPECT_GT(refused, fs::file_size(meta) / 2);
}

TEST_F(BackupTest, AMissingFileIsDamageAndSoIsATruncatedOne) {
  ASSERT_TRUE(Fill(0, 200, 'a').ok());
  const uint32_t id = Backup().value();
  const fs::path largest = FilesOf(home_ + "/backups").front();
  fs::resize_file(largest, fs::file_size(largest) - 1);
  EXPECT_EQ(folder_->Restore(id, home_ + "/restored", {}).code(), absl::StatusCode::kDataLoss);
  fs::remove(largest);
  EXPECT_TRUE(folder_->List().value().at(0).damaged);
  EXPECT_EQ(folder_->Verify(id, {}).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(folder_->Restore(id, home_ + "/restored", {}).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(folder_->Delete(id).ok());
  EXPECT_TRUE(folder_->List().value().empty());
}

TEST_F(BackupTest, CancelledOneLeavesNothingAndSharesNothing) {
  ASSERT_TRUE(Fill(0, 1000, 'a').ok());
  const uint32_t first = Backup().value();
  const auto before = FilesOf(home_ + "/backups");
  ASSERT_TRUE(Fill(0, 1000, 'b').ok());
  std::atomic<bool> cancelled{false};
  Transfer transfer;
  transfer.check = [&] { return cancelled ? Cancelled("enough") : OkStatus(); };
  transfer.progress = [&](double fraction) { cancelled = fraction > 0.2; };
  EXPECT_EQ(Backup(transfer).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(FilesOf(home_ + "/backups"), before);
  cancelled = true;
  transfer.progress = nullptr;
  EXPECT_EQ(folder_->Verify(first, transfer).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(folder_->Restore(first, home_ + "/restored", transfer).code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(folder_->Verify(first, {}).ok());
}

TEST_F(BackupTest, ProgressAscendsToOne) {
  ASSERT_TRUE(Fill(0, 3000, 'a').ok());
  std::vector<double> told;
  Transfer transfer;
  transfer.progress = [&](double fraction) { told.push_back(fraction); };
  const auto check = [&] {
    EXPECT_GT(told.size(), 2u);
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    EXPECT_EQ(told.back(), 1);
    told.clear();
  };
  const uint32_t id = Backup(transfer).value();
  check();
  ASSERT_TRUE(folder_->Verify(id, transfer).ok());
  check();
  ASSERT_TRUE(folder_->Restore(id, home_ + "/restored", transfer).ok());
  check();
}

class CollectingSink final : public FileSink {
 public:
  Status Begin(const std::string& name) override {
    EXPECT_FALSE(open_);
    open_ = true;
    name_ = name;
    files[name_].clear();
    return OkStatus();
  }
  Status Append(std::string_view bytes) override {
    files[name_].append(bytes);
    return files[name_].size() > limit ? ResourceExhausted("enough") : OkStatus();
  }
  Status End() override {
    EXPECT_TRUE(open_);
    open_ = false;
    return OkStatus();
  }

  std::map<std::string, std::string> files;
  size_t limit = SIZE_MAX;

 private:
  std::string name_;
  bool open_ = false;
};

TEST_F(BackupTest, ExportGivesTheFilesOfARestore) {
  ASSERT_TRUE(Fill(0, 500, 'a').ok());
  const uint32_t id = Backup().value();
  CollectingSink sink;
  ASSERT_TRUE(folder_->Export(id, sink, {}).ok());
  ASSERT_TRUE(sink.files.contains("CURRENT"));
  fs::create_directory(home_ + "/written");
  for (const auto& [name, bytes] : sink.files) {
    std::ofstream(home_ + "/written/" + name, std::ios::binary) << bytes;
  }
  EXPECT_EQ(VectorsOf(home_ + "/written"), Expected(0, 500, 'a'));

  CollectingSink full;
  full.limit = 100;
  const Status stopped = folder_->Export(id, full, {});
  EXPECT_EQ(stopped.code(), absl::StatusCode::kResourceExhausted) << stopped;
  Flip(FilesOf(home_ + "/backups").front(), 77);
  EXPECT_EQ(folder_->Export(id, sink, {}).code(), absl::StatusCode::kDataLoss);
}

TEST_F(BackupTest, RestoredDatabaseIsBackedUpIntoTheSameFolder) {
  ASSERT_TRUE(Fill(0, 100, 'a').ok());
  const uint32_t first = Backup().value();
  ASSERT_TRUE(Fill(0, 100, 'b').ok());
  const uint32_t second = Backup().value();
  // Back to the first: the same file numbers now mean other files.
  store_.reset();
  fs::remove_all(path_);
  ASSERT_TRUE(folder_->Restore(first, path_, {}).ok());
  Open(false);
  ASSERT_TRUE(Fill(0, 100, 'c').ok());
  const uint32_t third = Backup().value();
  for (const auto& [id, salt] : {std::pair{first, 'a'}, {second, 'b'}, {third, 'c'}}) {
    ASSERT_TRUE(folder_->Restore(id, home_ + "/restored", {}).ok());
    EXPECT_EQ(VectorsOf(home_ + "/restored"), Expected(0, 100, salt));
    fs::remove_all(home_ + "/restored");
  }
}

// The power goes at the nth sync of a backup, of a restore: what was told to be there is.
class BackupPowerTest : public BackupTest {
 protected:
  void SetUp() override {
    BackupTest::SetUp();
    lossy_ = std::make_shared<UnsyncedFs>();
    lossy_env_ = rocksdb::NewCompositeEnv(lossy_);
    folder_ = std::make_unique<BackupFolder>(home_ + "/backups", lossy_env_.get());
  }

  std::shared_ptr<UnsyncedFs> lossy_;
  std::unique_ptr<rocksdb::Env> lossy_env_;
};

TEST_F(BackupPowerTest, FinishedBackupAndRestoreSurvive) {
  ASSERT_TRUE(Fill(0, 300, 'a').ok());
  const uint32_t id = Backup().value();
  lossy_->CutPower();
  lossy_->LoseUnsynced(0);
  ASSERT_TRUE(folder_->Verify(id, {}).ok());
  ASSERT_TRUE(folder_->Restore(id, home_ + "/restored", {}).ok());
  lossy_->CutPower();
  lossy_->LoseUnsynced(0);
  EXPECT_EQ(VectorsOf(home_ + "/restored"), Expected(0, 300, 'a'));
}

TEST_F(BackupPowerTest, AFullDiskEndsItAndLeavesNothing) {
  ASSERT_TRUE(Fill(0, 100, 'a').ok());
  const uint32_t first = Backup().value();
  const auto before = FilesOf(home_ + "/backups");
  ASSERT_TRUE(Fill(0, 1000, 'b').ok());
  lossy_->SetFull(true);
  const Status full = Backup().status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  EXPECT_EQ(folder_->Restore(first, home_ + "/restored", {}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(FilesOf(home_ + "/backups"), before);
  lossy_->SetFull(false);
  EXPECT_TRUE(folder_->Verify(first, {}).ok());
  EXPECT_TRUE(Backup().ok());
}

TEST_F(BackupPowerTest, AnEarlierBackupSurvivesTheNextOneCutAtAnySync) {
  ASSERT_TRUE(Fill(0, 100, 'a').ok());
  const uint32_t first = Backup().value();
  ASSERT_TRUE(Fill(50, 150, 'b').ok());
  const std::string checkpoint = path_ + "-checkpoint";
  ASSERT_TRUE(store_->Checkpoint(checkpoint).ok());
  bool finished = false;
  for (size_t nth = 1; !finished; ++nth) {
    ASSERT_LT(nth, 100u);
    lossy_->CutPowerAtSync(nth);
    const auto id = folder_->Create(checkpoint, "second", {});
    finished = id.ok();
    lossy_->CutPower();
    lossy_->LoseUnsynced(nth % 2 == 0 ? 0.5 : 0);
    ASSERT_TRUE(folder_->Sweep().ok());
    ASSERT_TRUE(folder_->Verify(first, {}).ok()) << nth;
    const auto listed = folder_->List();
    ASSERT_TRUE(listed.ok());
    for (const BackupEntry& entry : *listed) {
      if (entry.id == first || entry.damaged) continue;
      // Either it was finished, or it is as good as if it had been.
      EXPECT_TRUE(folder_->Verify(entry.id, {}).ok()) << nth;
      if (!finished) {
        ASSERT_TRUE(folder_->Delete(entry.id).ok());
      }
    }
  }
  fs::remove_all(checkpoint);
}

}  // namespace
}  // namespace tessera::store

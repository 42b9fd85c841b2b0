#include <fcntl.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/store/store_fixture.h"

namespace tessera::store {
namespace {

constexpr absl::StatusCode kPrecondition = absl::StatusCode::kFailedPrecondition;

TEST_F(StoreTest, MissingDatabaseIsNotFoundUnlessCreated) {
  EXPECT_EQ(TryOpen(false).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path_));
  Open(true);
  Reopen();
  store_.reset();
  Open(true);  // create also opens what is there
}

TEST_F(StoreTest, OpenTwiceInOneProcessIsRefused) {
  Open();
  const Status status = TryOpen(false).status();
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_TRUE(Mentions(status, "in use")) << status;
  EXPECT_TRUE(Write([](Batch& batch) { batch.PutRecord("r", "x"); }).ok());
}

TEST_F(StoreTest, OpenInAnotherProcessIsRefused) {
  Open();
  store_.reset();
  int locked[2], finish[2];
  ASSERT_EQ(pipe(locked) | pipe(finish), 0);
  const pid_t child = fork();
  if (child == 0) {  // holds the lock as another server would, until told to go
    close(finish[1]);
    const int fd = open((path_ + "/LOCK").c_str(), O_RDWR);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    const bool ok = fcntl(fd, F_SETLK, &lock) == 0;
    char byte = ok ? 'y' : 'n';
    if (write(locked[1], &byte, 1) != 1) _exit(1);
    _exit(read(finish[0], &byte, 1) == 0 ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(read(locked[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const Status status = TryOpen(false).status();
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_TRUE(Mentions(status, "in use by another process")) << status;
  close(finish[0]);
  close(finish[1]);
  int exited = 0;
  ASSERT_EQ(waitpid(child, &exited, 0), child);
  EXPECT_EQ(exited, 0);
  close(locked[0]);
  close(locked[1]);
  Open(false);
}

TEST_F(StoreTest, UnknownColumnFamilyIsANewerFormat) {
  Open();
  store_.reset();
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : {"default", "ids", "rows", "vectors", "payload", "requests"}) {
    families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  }
  ASSERT_TRUE(rocksdb::DB::Open({}, path_, families, &handles, &db).ok());
  rocksdb::ColumnFamilyHandle* future = nullptr;
  ASSERT_TRUE(db->CreateColumnFamily({}, "sparse-1", &future).ok());
  handles.push_back(future);
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  delete db;
  const Status status = TryOpen(false).status();
  EXPECT_EQ(status.code(), kPrecondition);
  EXPECT_TRUE(Mentions(status, "sparse-1")) << status;
}

TEST_F(StoreTest, DamagedManifestIsAnErrorNotACrash) {
  Open();
  store_.reset();
  std::ofstream(path_ + "/CURRENT", std::ios::trunc) << "MANIFEST-999999\n";
  EXPECT_FALSE(TryOpen(false).ok());
  std::ofstream(path_ + "/CURRENT", std::ios::trunc) << "\xff\xff";
  EXPECT_FALSE(TryOpen(false).ok());
}

// Values written past the encoders, as damage or another program would leave them.
TEST_F(StoreTest, HostileValuesAreDataLossNamingFamilyAndKey) {
  Open();
  ASSERT_TRUE(store_->CreateGeneration(Generation(1)).ok());
  store_.reset();
  const std::vector<std::string> names = {"default",  "ids",        "rows",    "vectors",  "centroids-1",
                                          "assign-1", "postings-1", "payload", "requests"};
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, path_, families, &handles, &db).ok());
  const std::string row_key("\0\0\0\5", 4);
  const std::string id_key("\0\0\0\0\0\0\0\0\7", 9);
  const std::string posting_key = row_key + row_key;
  for (size_t f = 0; f < names.size(); ++f) {
    const std::string key = f == 0 ? "spec" : f == 1 ? id_key : f == 6 ? posting_key : row_key;
    ASSERT_TRUE(db->Put({}, handles[f], key, f == 3 ? "\x09" : "x").ok());
  }
  ASSERT_TRUE(db->Put({}, handles[2], "toolong", "x").ok());
  ASSERT_TRUE(db->Put({}, handles[8], std::string("\0r", 2), "x").ok());
  ASSERT_TRUE(db->Put({}, handles[8], std::string("\1\0\0\0\0\0\0\0\5", 9), "x").ok());
  ASSERT_TRUE(db->Put({}, handles[8], "\2", "x").ok());
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  delete db;
  Open(false);
  const Generation g(1);
  const PointId seven(7);
  const auto row = [](RowId, const RowRecord&) { return OkStatus(); };
  const auto vector = [](RowId, const VectorView&) { return OkStatus(); };
  const auto posting = [](const PostingView&) { return OkStatus(); };
  const auto payload = [](RowId, std::string_view) { return OkStatus(); };
  const auto request = [](uint64_t, int64_t, std::string_view) { return OkStatus(); };
  const RowId begin(0), end(UINT32_MAX);
  const std::vector<std::pair<Status, const char*>> failures = {
      {store_->GetRecord("spec").status(), "default[spec]"},
      {store_->GetIds({&seven}, nullptr).status(), "ids[7]"},
      {store_->GetRows({RowId(5)}, nullptr).status(), "rows[5]"},
      {store_->GetVectors({RowId(5)}, nullptr).status(), "vectors[5]"},
      {store_->GetAssigns(g, {RowId(5)}, nullptr).status(), "assign-1[5]"},
      {store_->ReadCentroids(g, 1, 6, nullptr).status(), "centroids-1[5]"},
      {store_->ScanRows(begin, end, nullptr, row), "rows[5]"},
      {store_->ScanRows(RowId(6), end, nullptr, row), "rows: a key of 7 bytes"},
      {store_->ScanVectors(begin, end, nullptr, vector), "vectors[5]"},
      {store_->ScanPostings(g, ListId(0), ListId(9), 8, 0, nullptr, posting),
       "postings-1[list 5, row 5]"},
      {store_->GetPostings(g, {ListId(5)}, {RowId(5)}, 8, 0, nullptr).status(), "postings-1[list 5, row 5]"},
      {store_->GetPayloads({RowId(5)}, nullptr).status(), "payload[5]"},
      {store_->ScanPayloads(begin, end, nullptr, payload), "payload[5]"},
      {store_->GetRequests({"r"}, nullptr).status(), "requests[r]"},
      {store_->ScanRequests(0, 9, nullptr, request), "requests[place 5]"},
      {store_->RequestPlaces().status(), "requests: a key of 1 bytes"},
  };
  for (const auto& [status, where] : failures) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_TRUE(Mentions(status, where)) << status << ", expected " << where;
  }
}

}  // namespace
}  // namespace tessera::store

// A read that fails or falls short is an error: never taken for something that is not there.
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <vector>

#include "tests/unit/store/store_fixture.h"

namespace tessera::store {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr uint32_t kRows = 1200;
constexpr uint64_t kMostReads = 10000;
const Generation kGeneration(1);

// The nth read of a file at a place, from arming on, fails.
class FailingReads final : public rocksdb::FileSystemWrapper {
 public:
  FailingReads() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FailingReads"; }
  void FailRead(uint64_t nth, bool falls_short = false) {
    failed_ = false;
    falls_short_ = falls_short;
    left_ = nth;
  }
  bool failed() const { return failed_; }

  bool IsDue() {
    if (left_ == 0 || --left_ > 0) return false;
    failed_ = true;
    return true;
  }
  bool falls_short() const { return falls_short_; }
  IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file, IODebugContext* debug) override;

 private:
  std::atomic<uint64_t> left_{0};  // reads until one fails; 0 = none does
  std::atomic<bool> failed_{false};
  std::atomic<bool> falls_short_{false};
};

IOStatus Failure() { return IOStatus::IOError("a read failed"); }

class FailingFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  FailingFile(FailingReads& fs, std::unique_ptr<rocksdb::FSRandomAccessFile> file)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), fs_(fs) {}

  IOStatus Read(uint64_t offset, size_t bytes, const IOOptions& options, rocksdb::Slice* result, char* scratch,
                IODebugContext* debug) const override {
    const bool due = fs_.IsDue();
    if (due && !fs_.falls_short()) return Failure();
    return FSRandomAccessFileOwnerWrapper::Read(offset, due ? bytes / 2 : bytes, options, result, scratch, debug);
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* debug) override {
    for (size_t i = 0; i < count; ++i) {
      rocksdb::FSReadRequest& r = requests[i];
      r.status = Read(r.offset, r.len, options, &r.result, r.scratch, debug);
    }
    return IOStatus::OK();
  }
  IOStatus Prefetch(uint64_t, size_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported();
  }

 private:
  FailingReads& fs_;
};

IOStatus FailingReads::NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSRandomAccessFile>* file, IODebugContext* debug) {
  if (IsDue()) return Failure();
  std::unique_ptr<rocksdb::FSRandomAccessFile> opened;
  IOStatus status = FileSystemWrapper::NewRandomAccessFile(name, options, &opened, debug);
  if (status.ok()) *file = std::make_unique<FailingFile>(*this, std::move(opened));
  return status;
}

class ReadFaultTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    env_ = composed_.get();
    Open();
    ASSERT_TRUE(store_->CreateGeneration(kGeneration).ok());
    // Files of level 0 over each other, one below them, and some that were flushed.
    for (uint32_t part = 0; part < 6; ++part) {
      const auto durability = part % 2 == 0 ? Durability::kIngest : Durability::kSync;
      ASSERT_TRUE(Write([&](Batch& batch) { Fill(batch, part); }, durability).ok());
      ASSERT_TRUE(store_->FlushAll().ok());
      std::atomic<bool> stop{false};
      if (part == 2) { ASSERT_TRUE(store_->Reclaim(stop).ok()); }
    }
    for (uint32_t r = 0; r < kRows; ++r) {
      rows_.emplace_back(r);
      lists_.emplace_back(r % 7);
      ids_.emplace_back(uint64_t{r} * 7919 % kRows);
    }
    for (const PointId& id : ids_) pointers_.push_back(&id);
  }
  void TearDown() override {
    fs_->FailRead(0);
    store_.reset();
    StoreTest::TearDown();
  }

  // With a cache of its own, in which nothing is.
  void Reopen() {
    store_.reset();
    cold_ = std::make_unique<SharedResources>(SharedResources::Options{});
    Store::Options options;
    options.shared = cold_.get();
    options.env = env_;
    auto opened = Store::Open(path_, options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = std::move(*opened);
  }

  static void Fill(Batch& batch, uint32_t part) {
    const std::string vector(300, 'v');
    for (uint32_t r = part; r < kRows; r += 6) {
      batch.PutId(uint64_t{r} * 7919 % kRows, RowId(r));
      batch.PutRow(RowId(r), {r, 1, 1.0f});
      batch.PutVector(RowId(r), {ElementType::kU8, vector});
      batch.PutAssign(kGeneration, RowId(r), ListId(r % 7));
      batch.PutPosting(kGeneration, ListId(r % 7), RowId(r), "code", 1.0f, "");
    }
  }

  // Reads with the nth read failing, for growing n until none does, each with files and caches as just opened.
  template <typename Read>
  void ExpectAllOrAnError(const Read& read) {
    for (const bool falls_short : {false, true}) ExpectAllOrAnError(read, falls_short);
  }
  template <typename Read>
  void ExpectAllOrAnError(const Read& read, bool falls_short) {
    uint64_t nth = 1;
    for (bool whole = false; !whole && nth < kMostReads; nth += 1 + nth / 8) {
      Reopen();
      fs_->FailRead(nth, falls_short);
      const auto found = read();
      whole = !fs_->failed();
      fs_->FailRead(0);
      if (!found.ok()) continue;
      for (size_t i = 0; i < found->size(); ++i) ASSERT_TRUE((*found)[i]) << "read " << nth << ", row " << i;
    }
    EXPECT_GT(nth, 2u);
    EXPECT_LT(nth, kMostReads);
  }

  std::unique_ptr<SharedResources> cold_;
  std::vector<RowId> rows_;
  std::vector<ListId> lists_;
  std::vector<PointId> ids_;
  std::vector<const PointId*> pointers_;
  std::shared_ptr<FailingReads> fs_ = std::make_shared<FailingReads>();
  std::unique_ptr<rocksdb::Env> composed_ = rocksdb::NewCompositeEnv(fs_);
};

TEST_F(ReadFaultTest, Ids) {
  ExpectAllOrAnError([&] { return store_->GetIds(pointers_, nullptr); });
}

TEST_F(ReadFaultTest, Rows) {
  ExpectAllOrAnError([&] { return store_->GetRows(rows_, nullptr); });
}

TEST_F(ReadFaultTest, Vectors) {
  ExpectAllOrAnError([&] { return store_->GetVectors(rows_, nullptr); });
}

TEST_F(ReadFaultTest, Postings) {
  ExpectAllOrAnError([&] { return store_->GetPostings(kGeneration, lists_, rows_, 4, 0, nullptr); });
}

TEST_F(ReadFaultTest, Assigns) {
  ExpectAllOrAnError([&] { return store_->GetAssigns(kGeneration, rows_, nullptr); });
}

// What an ingest reads, of its own files and of those that are there: it is in force whole or not at all.
TEST_F(ReadFaultTest, Ingests) {
  uint32_t first = kRows;
  for (const bool falls_short : {false, true}) {
    uint64_t nth = 1;
    for (bool whole = false; !whole && nth < kMostReads; ++nth) {
      Reopen();
      fs_->FailRead(nth, falls_short);
      const Status written = Write([&](Batch& batch) {
        for (uint32_t r = first; r < first + 6; ++r) {
          batch.PutId(uint64_t{r}, RowId(r));
          batch.PutRow(RowId(r), {r, 1, 1.0f});
          batch.PutVector(RowId(r), {ElementType::kU8, "bytes"});
          batch.PutAssign(kGeneration, RowId(r), ListId(1));
          batch.PutPosting(kGeneration, ListId(1), RowId(r), "code", 1.0f, "");
        }
      }, Durability::kIngest);
      whole = !fs_->failed();
      fs_->FailRead(0);
      if (whole) { EXPECT_TRUE(written.ok()) << written; }
      Reopen();
      for (uint32_t r = first; r < first + 6; ++r) {
        const bool there = written.ok();
        EXPECT_EQ(Id(PointId(uint64_t{r})).has_value(), there) << nth;
        EXPECT_EQ(store_->GetRows({RowId(r)}, nullptr).value()[0].has_value(), there) << nth;
        EXPECT_EQ(Vector(r).has_value(), there) << nth;
        EXPECT_EQ(store_->GetAssigns(kGeneration, {RowId(r)}, nullptr).value()[0].has_value(), there) << nth;
        EXPECT_EQ(store_->GetPostings(kGeneration, {ListId(1)}, {RowId(r)}, 4, 0, nullptr).value()[0].has_value(), there)
            << nth;
      }
      ASSERT_FALSE(HasFailure()) << "read " << nth << (falls_short ? " falls short" : " fails");
      if (written.ok()) first += 6;
    }
    EXPECT_GT(nth, 6u);
    EXPECT_LT(nth, kMostReads);
  }
}

}  // namespace
}  // namespace tessera::store

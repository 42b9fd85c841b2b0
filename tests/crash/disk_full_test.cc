// A full disk: writes are refused before anything is half done, reads go on, and writes do too when there is space.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "index/catalog.h"
#include "index/thread_pool.h"
#include "tests/crash/crash_rows.h"
#include "tests/crash/file_faults.h"
#include "tests/temp_dir.h"

namespace tessera {
namespace {

using crash::ArmFileFaults;
using crash::Fault;
using crash::kBatch;
using crash::kDim;

constexpr uint64_t kForEver = UINT64_MAX / 2;

class DiskFull : public ::testing::Test {
 protected:
  ~DiskFull() override {
    ArmFileFaults({});
    collection_.reset();
    catalog_.reset();
  }

  std::string path() const { return directory_.path() + "/data"; }

  void Open(size_t ingest_rows) {
    collection_.reset();
    catalog_.reset();
    CatalogOptions options;
    options.path = path();
    options.compute = &compute_;
    options.io = &io_;
    options.ingest_rows = ingest_rows;
    auto catalog = Catalog::Open(options);
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    catalog_ = *std::move(catalog);
    auto found = catalog_->Get("c");
    if (!found.ok()) {
      CollectionSpec spec;
      spec.dim = kDim;
      spec.quantizer = *QuantizerSpec::Parse("IVF8,PQ4,Refine(SQ8)");
      spec.auto_train = false;
      found = catalog_->Create("c", spec);
    }
    ASSERT_TRUE(found.ok()) << found.status();
    collection_ = *found;
  }

  Status Insert(uint64_t batch) {
    const auto rows = crash::BatchRows(batch);
    std::vector<PointInput> points;
    for (uint64_t i = 0; i < kBatch; ++i) {
      const char* bytes = reinterpret_cast<const char*>(rows.data() + i * kDim);
      points.push_back({PointId(batch * kBatch + i), ElementType::kF32, {bytes, kDim * sizeof(float)}});
    }
    return collection_->Upsert(points, {.request_id = "insert " + std::to_string(batch)}).status();
  }

  // All rows of the first batches are there, and of the last one all or none, and queries find them.
  void Check(uint64_t batches, bool last_unsure) {
    const uint64_t count = collection_->Count();
    ASSERT_TRUE(count == batches * kBatch || (last_unsure && count == (batches + 1) * kBatch)) << count;
    for (uint64_t b = 0; b < batches; ++b) {
      const auto rows = crash::BatchRows(b);
      QueryParams params;
      params.limit = 1;
      params.rerank = RerankTier::kRaw;
      params.nprobe = 8;
      const auto found = collection_->Query(rows.data() + 7 * kDim, kDim, params);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_EQ(found->hits.at(0).id, PointId(b * kBatch + 7));
    }
  }

  // The disk fills up at the nth call that needs space; what then is asked of the collection.
  void FillUpAt(uint64_t nth, size_t ingest_rows, bool& ended) {
    Open(ingest_rows);
    uint64_t written = collection_->Count() / kBatch;
    ArmFileFaults({.root = path(), .fault = Fault::kNoSpace, .at = nth, .calls = kForEver});
    Status status;
    uint64_t attempts = 0;
    for (; status.ok() && attempts < 4; ++attempts) {
      status = Insert(written);
      if (status.ok()) ++written;
    }
    if (status.ok()) status = collection_->Train({});
    ended = status.ok();
    if (!ended) {
      const bool told = absl::IsResourceExhausted(status) || absl::IsUnavailable(status) || absl::IsFailedPrecondition(status);
      ASSERT_TRUE(told) << status;
    }
    ASSERT_NO_FATAL_FAILURE(Check(written, false));
    ArmFileFaults({});
    // There is space again: what the server does every second.
    ASSERT_TRUE(collection_->RemoveExpired().ok());
    status = Insert(written);
    if (!status.ok()) {
      // RocksDB does not go on after a log that it could not create.
      ++reopened_;
      Open(ingest_rows);
      status = Insert(written);
    } else if (!ended) {
      ++resumed_;
    }
    ASSERT_TRUE(status.ok()) << "after the disk was full at call " << nth << ": " << status;
    ++written;
    ASSERT_NO_FATAL_FAILURE(Check(written, false));
    Open(ingest_rows);
    ASSERT_NO_FATAL_FAILURE(Check(written, false));
  }

  // At call after call, further apart, until a run ends before.
  void FillUpAnywhere(size_t ingest_rows) {
    bool ended = false;
    for (uint64_t nth = 1; !ended && nth < 400 && !HasFatalFailure(); nth += 1 + nth / 8) FillUpAt(nth, ingest_rows, ended);
    EXPECT_TRUE(ended) << "the last run met a full disk";
    std::printf("%d times writes went on, %d times after reopening\n", resumed_, reopened_);
    EXPECT_GT(resumed_, reopened_);
  }

  int resumed_ = 0;
  int reopened_ = 0;
  ThreadPoolExecutor compute_{2}, io_{2};
  const testing::TempDir directory_;
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Collection> collection_;
};

TEST_F(DiskFull, WritesAreRefusedBeforeTheyBegin) {
  Open(1 << 20);
  ASSERT_TRUE(Insert(0).ok());
  ASSERT_TRUE(Insert(1).ok());
  ASSERT_TRUE(Insert(2).ok());
  ArmFileFaults({.root = path(), .free_bytes = 1 << 20});
  const Status refused = Insert(3);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_NE(refused.message().find("is full"), std::string::npos) << refused;
  EXPECT_TRUE(absl::IsResourceExhausted(collection_->Delete({PointId(0)}).status()));
  const Status training = collection_->Train({});
  EXPECT_TRUE(absl::IsResourceExhausted(training)) << training;
  EXPECT_FALSE(collection_->Stats().read_only);
  Check(3, false);
  ArmFileFaults({});
  ASSERT_TRUE(Insert(3).ok()) << "the same request again";
  EXPECT_TRUE(collection_->Train({}).ok());
  Check(4, false);
}

TEST_F(DiskFull, AnyCallThatNeedsSpaceMayFail) { FillUpAnywhere(1 << 20); }

TEST_F(DiskFull, AnyCallOfAnIngestMayFail) { FillUpAnywhere(50); }

}  // namespace
}  // namespace tessera

// What deletions leave behind is given back.
#include "index/engine/reclaim.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 64;
constexpr uint64_t kRows = 20000;

class ReclaimTest : public CollectionTest {
 protected:
  void Fill() {
    CollectionSpec spec;
    spec.dim = kDim;
    spec.auto_train = false;
    spec.sync_writes = false;
    auto created = catalog_->Create("c", spec);
    ASSERT_TRUE(created.ok()) << created.status();
    collection_ = *created;
    Load(ClusteredRows(kRows, kDim, 1), kDim);
    ASSERT_TRUE(collection_->Reclaim().ok());
    full_ = collection_->Stats().disk_bytes;
    ASSERT_GT(full_, kRows * kDim * sizeof(float));
  }
  void Delete(uint64_t begin, uint64_t end) {
    std::vector<PointId> ids;
    for (uint64_t id = begin; id < end; ++id) ids.push_back(PointId(id));
    ASSERT_EQ(collection_->Delete(ids)->deleted, end - begin);
  }
  void CheckRest(uint64_t first) {
    EXPECT_EQ(collection_->Count(), kRows - first);
    const auto got = collection_->Get({PointId(first - 1), PointId(first), PointId(kRows - 1)});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_FALSE((*got)[0]);
    const std::vector<float> rows = ClusteredRows(kRows, kDim, 1);
    EXPECT_EQ((*got)[1]->vector, Bytes(rows.data() + first * kDim, kDim));
    EXPECT_EQ((*got)[2]->vector, Bytes(rows.data() + (kRows - 1) * kDim, kDim));
  }
  uint64_t full_ = 0;
};

TEST_F(ReclaimTest, DiskIsGivenBack) {
  options_.background = nullptr;
  Fill();
  Delete(0, 5000);
  ASSERT_TRUE(collection_->Reclaim().ok());
  EXPECT_LT(collection_->Stats().disk_bytes, full_ * 85 / 100);
  CheckRest(5000);
  Reopen();
  CheckRest(5000);
}

TEST_F(ReclaimTest, RunsByItself) {
  Fill();
  Delete(0, 10000);
  Delete(10000, 15000);
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (collection_->Stats().disk_bytes > full_ / 2 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::yield();
  }
  EXPECT_LT(collection_->Stats().disk_bytes, full_ / 2);
  CheckRest(15000);
}

}  // namespace
}  // namespace tessera

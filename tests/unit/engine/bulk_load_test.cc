// Large commits, which bypass the log, and reopening what they left.
#include <gtest/gtest.h>

#include <future>
#include <set>
#include <vector>

#include "index/base/failpoint.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr size_t kDim = 8;

class BulkLoadTest : public CollectionTest {
 protected:
  void SetUp() override {
    options_.ingest_rows = 250;
    CollectionTest::SetUp();
  }
  void TearDown() override { SetFailpoints(""); }

  // Every third id is a string.
  static PointId IdOf(uint64_t n) { return n % 3 == 0 ? PointId("key-" + std::to_string(n)) : PointId(n); }

  StatusOr<UpsertResult> Upsert(const std::vector<float>& rows, uint64_t first) {
    std::vector<PointInput> points;
    for (size_t i = 0; i < rows.size() / kDim; ++i) {
      points.push_back({IdOf(first + i), ElementType::kF32, Bytes(rows.data() + i * kDim, kDim)});
    }
    return collection_->Upsert(points);
  }

  // All ids that a search over everything finds, each once.
  std::set<PointId> Everything() {
    QueryParams params;
    params.limit = 10000;
    params.nprobe = 1000;
    const std::vector<float> query(kDim, 0.0f);
    const auto result = collection_->Query(query.data(), kDim, params);
    EXPECT_TRUE(result.ok()) << result.status();
    std::set<PointId> ids;
    for (const Hit& hit : result->hits) EXPECT_TRUE(ids.insert(hit.id).second) << hit.id.ToString();
    return ids;
  }
};

// The only io thread is held until three requests wait, each below the mark of a large commit.
TEST_F(BulkLoadTest, WaitingRequestsBecomeOneCommit) {
  Create(kDim, Metric::kL2);
  std::promise<void> release;
  io_.Post([held = release.get_future().share()] { held.wait(); });
  const std::vector<float> rows = ClusteredRows(300, kDim, 1);
  std::vector<std::promise<StatusOr<UpsertResult>>> done(3);
  for (size_t r = 0; r < done.size(); ++r) {
    std::vector<PointInput> points;
    for (size_t i = r * 100; i < (r + 1) * 100; ++i) {
      points.push_back({PointId(i), ElementType::kF32, Bytes(rows.data() + i * kDim, kDim)});
    }
    collection_->UpsertAsync(points, {}, [&done, r](StatusOr<UpsertResult> result) {
      done[r].set_value(std::move(result));
    });
  }
  SetFailpoints("store.ingest.before=error:2");  // passed once, by one ingest of all three
  release.set_value();
  uint64_t commit = 0;
  for (auto& one : done) {
    const auto result = one.get_future().get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->commit, ++commit) << "one each, though they are written as one";
    EXPECT_EQ(result->upserted, 100u);
  }
  EXPECT_EQ(collection_->Count(), 300u);
  const auto second = Upsert(rows, 1000);
  EXPECT_FALSE(second.ok()) << "300 rows were not ingested";
}

TEST_F(BulkLoadTest, FailedIngestShowsNothingAndReopens) {
  Create(kDim, Metric::kL2);
  const std::vector<float> rows = ClusteredRows(1000, kDim, 1);
  ASSERT_TRUE(Upsert(rows, 0).ok());
  ASSERT_TRUE(collection_->Train({}).ok());
  SetFailpoints("store.ingest.before=error");
  EXPECT_FALSE(Upsert(ClusteredRows(600, kDim, 2), 500).ok());
  EXPECT_EQ(collection_->Count(), 1000u);
  EXPECT_TRUE(collection_->Stats().read_only);
  SetFailpoints("");
  Reopen();
  EXPECT_EQ(collection_->Count(), 1000u);
  ASSERT_TRUE(Upsert(ClusteredRows(600, kDim, 2), 500).ok());
  EXPECT_EQ(collection_->Count(), 1100u);
  EXPECT_EQ(Everything().size(), 1100u);
}

// Row numbers run far beyond the live rows and over many ranges that are read in parallel.
TEST_F(BulkLoadTest, ReplacedAndDeletedRowsStayGoneAfterReopening) {
  Create(kDim, Metric::kL2);
  constexpr uint64_t kRows = 6000;
  ASSERT_TRUE(Upsert(ClusteredRows(kRows, kDim, 1), 0).ok());
  ASSERT_TRUE(collection_->Train({}).ok());
  for (unsigned round = 2; round < 6; ++round) {
    ASSERT_TRUE(Upsert(ClusteredRows(kRows, kDim, round), 0).ok());
  }
  std::vector<PointId> gone;
  std::set<PointId> want;
  for (uint64_t n = 0; n < kRows; ++n) {
    if (n % 5 == 1 || (n > 2000 && n < 3000)) {
      gone.push_back(IdOf(n));
    } else {
      want.insert(IdOf(n));
    }
  }
  const auto deleted = collection_->Delete(gone);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, gone.size());
  EXPECT_EQ(Everything(), want);
  const std::vector<float> last = ClusteredRows(kRows, kDim, 5);
  for (int opened = 0; opened < 2; ++opened) {
    Reopen();
    EXPECT_EQ(collection_->Count(), want.size());
    EXPECT_EQ(Everything(), want);
    const auto got = collection_->Get({IdOf(0), IdOf(1), IdOf(2), IdOf(4000)});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_FALSE((*got)[1]);
    for (const auto& [slot, n] : {std::pair<size_t, size_t>{0, 0}, {2, 2}, {3, 4000}}) {
      ASSERT_TRUE((*got)[slot]);
      EXPECT_EQ((*got)[slot]->vector, Bytes(last.data() + n * kDim, kDim));
    }
    ASSERT_TRUE(collection_->Train({}).ok());
  }
}

}  // namespace
}  // namespace tessera

// Lists are split and merged while rows are written, replaced, patched, deleted and searched. Meant for
// ThreadSanitizer too.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 16;
constexpr uint64_t kStay = 600;   // ids that are always there, some of them replaced by themselves
constexpr uint64_t kCome = 2400;  // ids of each writer that come and go

class RebalanceRace : public CollectionTest {
 protected:
  void SetUp() override {
    CollectionTest::SetUp();
    CollectionSpec spec;
    spec.dim = kDim;
    spec.auto_train = false;
    spec.sync_writes = false;
    spec.quantizer = *QuantizerSpec::Parse("IVF48,PQ8,Refine(SQ8)");
    auto created = catalog_->Create("c", spec);
    ASSERT_TRUE(created.ok()) << created.status();
    collection_ = *created;
    rows_ = ClusteredRows(kStay, kDim, 1);
    Load(rows_, kDim);
    ASSERT_TRUE(collection_->Train({}).ok());
  }

  // A heap of rows comes and goes, so that lists grow long and empty; between, rows that stay are written again.
  void Write(uint64_t writer, const std::atomic<bool>& stop) {
    const std::vector<float> far = ClusteredRows(kCome, kDim, static_cast<unsigned>(writer) + 10, 6);
    for (uint64_t round = 0; !stop; ++round) {
      for (uint64_t begin = 0; begin < kCome && !stop; begin += 200) {
        std::vector<PointInput> points;
        std::vector<PointId> gone;
        for (uint64_t i = begin; i < begin + 200; ++i) {
          const PointId id(10000 * (writer + 1) + i);
          points.push_back({id, ElementType::kF32, Bytes(far.data() + i * kDim, kDim)});
          gone.push_back(id);
        }
        for (uint64_t i = writer; i < kStay; i += 37) {
          points.push_back({PointId(i), ElementType::kF32, Bytes(rows_.data() + i * kDim, kDim)});
        }
        failed_ += round % 2 == 0 ? !collection_->Upsert(points).ok() : !collection_->Delete(gone).ok();
        failed_ += !collection_->Patch({{PointId(begin % kStay), "{\"n\":1}"}}).ok();
      }
    }
  }

  // Whoever stays is there, once, and its refine record says what its vector does.
  void CheckOnce(unsigned seed) {
    QueryParams params;
    params.limit = 10000;
    params.rerank = RerankTier::kRefine;
    params.rerank_depth = 10000;
    params.with_vector = true;
    const float* q = rows_.data() + (seed % kStay) * kDim;
    const auto result = collection_->Query(q, kDim, params);
    ASSERT_TRUE(result.ok()) << result.status();
    std::set<uint64_t> seen;
    for (const Hit& hit : result->hits) {
      ASSERT_TRUE(seen.insert(hit.id.number()).second) << hit.id.ToString() << " came twice";
      const auto* v = reinterpret_cast<const float*>(hit.vector.data());
      float exact = 0;
      for (size_t j = 0; j < kDim; ++j) exact += (v[j] - q[j]) * (v[j] - q[j]);
      ASSERT_NEAR(hit.score, exact, 0.02f * exact + 3) << "code and centroid of " << hit.id.ToString();
    }
    for (uint64_t id = 0; id < kStay; ++id) ASSERT_TRUE(seen.count(id)) << id << " is gone";
  }

  std::vector<float> rows_;
  std::atomic<size_t> failed_{0};
};

TEST_F(RebalanceRace, EveryRowIsFoundWithItsCode) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (uint64_t w = 0; w < 2; ++w) threads.emplace_back([this, w, &stop] { Write(w, stop); });
  threads.emplace_back([this, &stop] {
    for (unsigned i = 0; !stop && !HasFatalFailure(); ++i) CheckOnce(i * 7);
  });
  uint64_t splits = 0;
  uint64_t merges = 0;
  // Both kinds, again and again: as long as the writers take for it.
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!HasFatalFailure() && (splits < 150 || merges < 60) && std::chrono::steady_clock::now() < patience) {
    const auto result = collection_->Rebalance();
    ASSERT_TRUE(result.ok()) << result.status();
    if (result->splits + result->merges == 0) std::this_thread::yield();
    splits += result->splits;
    merges += result->merges;
  }
  EXPECT_TRUE(collection_->Train({}).ok());
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(splits, 150u);
  EXPECT_GE(merges, 60u);
  EXPECT_EQ(failed_.load(), 0u);
  CheckOnce(1);
  const uint64_t rows = collection_->Count();
  Reopen();
  EXPECT_EQ(collection_->Count(), rows);
  CheckOnce(2);
}

}  // namespace
}  // namespace tessera

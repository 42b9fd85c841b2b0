// Readers check the invariants while writers, erasers and a rebuild run. Meant for ThreadSanitizer too.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 8;
constexpr uint64_t kPairs = 250;

class CollectionRace : public CollectionTest {
 protected:
  // Ids 2p and 2p + 1 are always written together, with the same vector.
  void WritePairs(uint64_t first, uint64_t count, float value) {
    std::vector<float> v(count * kDim, value);
    std::vector<PointInput> points;
    for (uint64_t p = 0; p < count; ++p) {
      v[p * kDim] = static_cast<float>(first + p);
      for (uint64_t side = 0; side < 2; ++side) {
        points.push_back({PointId(2 * (first + p) + side), ElementType::kF32, Bytes(v.data() + p * kDim, kDim)});
      }
    }
    const auto result = collection_->Upsert(points);
    ASSERT_TRUE(result.ok()) << result.status();
  }

  // One reader's look: no id twice, pairs whole, commits never go back.
  void CheckOnce(unsigned seed, uint64_t& last_commit) {
    QueryParams params;
    params.limit = 2 * kPairs + 100;
    params.with_vector = true;
    params.exact = seed % 3 == 0;
    params.rerank = seed % 3 == 1 ? RerankTier::kNone : RerankTier::kAuto;
    const std::vector<float> q(kDim, static_cast<float>(seed % 7));
    const auto result = collection_->Query(q.data(), kDim, params);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_GE(result->commit, last_commit);
    last_commit = result->commit;
    std::map<uint64_t, std::string> seen;
    for (const Hit& hit : result->hits) ASSERT_TRUE(seen.emplace(hit.id.number(), hit.vector).second);
    ASSERT_EQ(seen.size(), 2 * kPairs) << "replacing must not change the count";
    for (uint64_t p = 0; p < kPairs; ++p) ASSERT_EQ(seen[2 * p], seen[2 * p + 1]) << "pair " << p << " is torn";
  }
};

TEST_F(CollectionRace, ReadersSeeWholeCommitsDuringWritesAndRebuilds) {
  Create(kDim, Metric::kL2, "IVF4,PQ4x4,Refine(SQ8)");
  WritePairs(0, kPairs, 1);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned w = 0; w < 2; ++w) {
    threads.emplace_back([this, w, &stop] {
      for (unsigned i = 0; !stop; ++i) {
        WritePairs((i * 37 + w * 101) % (kPairs - 20), 20, static_cast<float>(i % 50));
      }
    });
  }
  for (unsigned r = 0; r < 2; ++r) {
    threads.emplace_back([this, r, &stop] {
      uint64_t last_commit = 0;
      for (unsigned i = r; !stop && !HasFatalFailure(); i += 2) CheckOnce(i, last_commit);
    });
  }
  for (int i = 0; i < 3; ++i) {
    const Status status = collection_->Train({});
    EXPECT_TRUE(status.ok()) << status;
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(collection_->Stats().generation, Generation{3});
  uint64_t commit = 0;
  for (unsigned i = 0; i < 3; ++i) CheckOnce(i, commit);
  Reopen();
  for (unsigned i = 0; i < 3; ++i) CheckOnce(i, commit);
}

TEST_F(CollectionRace, AWriteIsSeenByItsWriter) {
  Create(kDim, Metric::kL2);
  std::vector<std::thread> threads;
  for (uint64_t w = 0; w < 4; ++w) {
    threads.emplace_back([this, w] {
      for (uint64_t i = 0; i < 60; ++i) {
        const std::vector<float> v(kDim, static_cast<float>(w * 1000 + i));
        const auto written = collection_->Upsert({{PointId(w), ElementType::kF32, Bytes(v.data(), kDim)}});
        ASSERT_TRUE(written.ok());
        const auto got = collection_->Get({PointId(w)});
        ASSERT_TRUE(got.ok());
        ASSERT_EQ((*got)[0]->vector, Bytes(v.data(), kDim));
        ASSERT_EQ((*got)[0]->version, written->commit);
        if (i % 10 == 9) { ASSERT_EQ(collection_->Delete({PointId(w)})->deleted, 1u); }
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

TEST_F(CollectionRace, ClosingDuringATrainingCancelsIt) {
  Create(kDim, Metric::kL2, true);
  Load(ClusteredRows(12000, kDim, 1), kDim);
  const float v[kDim] = {1};
  ASSERT_TRUE(collection_->Upsert({{PointId(99999), ElementType::kF32, Bytes(v, kDim)}}).ok());
  Reopen();  // whatever the training had reached
  EXPECT_EQ(collection_->Count(), 12001u);
}

}  // namespace
}  // namespace tessera

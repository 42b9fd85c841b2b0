// A collection is trained, switched and rolled back while it is written and searched: no request fails, and recall
// stays. Meant for ThreadSanitizer too.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 16;
constexpr size_t kRows = 4000;
constexpr size_t kQueries = 100;
constexpr uint32_t kK = 10;

class RetrainRace : public CollectionTest {
 protected:
  void SetUp() override {
    CollectionTest::SetUp();
    Create(kDim, Metric::kL2, "IVF16,PQ8,Refine(SQ8)");
    rows_ = ClusteredRows(kRows, kDim, 1);
    queries_ = ClusteredRows(kQueries, kDim, 2);
    Load(rows_, kDim);
    QueryParams exact;
    exact.limit = kK;
    exact.exact = true;
    const auto truth = collection_->QueryBatch({queries_.data(), kQueries, kDim}, exact);
    ASSERT_TRUE(truth.ok()) << truth.status();
    for (const QueryResult& result : *truth) truth_.push_back(Ids(result));
  }

  // Recall of one pass over the queries; a failed request counts.
  double Recall() {
    size_t found = 0;
    QueryParams params;
    params.limit = kK;
    for (size_t q = 0; q < kQueries; ++q) {
      const auto result = collection_->Query(queries_.data() + q * kDim, kDim, params);
      if (!result.ok()) {
        ++failed_;
        continue;
      }
      for (const uint64_t id : Ids(*result)) found += std::ranges::count(truth_[q], id);
    }
    return static_cast<double>(found) / (kQueries * kK);
  }

  // Rows are replaced by themselves, and others far away come and go: the truth stays.
  void Write(size_t round) {
    std::vector<PointInput> points;
    for (size_t i = 0; i < 40; ++i) {
      const size_t row = (round * 41 + i * 97) % kRows;
      const bool taken = std::ranges::any_of(points, [&](const PointInput& p) { return p.id == PointId(row); });
      if (!taken) points.push_back({PointId(row), ElementType::kF32, Bytes(rows_.data() + row * kDim, kDim)});
    }
    failed_ += !collection_->Upsert(points).ok();
    const std::vector<float> far(kDim, 1000.0f + static_cast<float>(round % 7));
    failed_ += !collection_->Upsert({{PointId(kRows + round % 7), ElementType::kF32, Bytes(far.data(), kDim)}}).ok();
    failed_ += !collection_->Delete({PointId(kRows + (round + 3) % 7)}).ok();
  }

  std::vector<float> rows_;
  std::vector<float> queries_;
  std::vector<std::vector<uint64_t>> truth_;
  std::atomic<size_t> failed_{0};
};

TEST_F(RetrainRace, NoRequestFailsAndRecallStays) {
  ASSERT_TRUE(collection_->Train({}).ok());
  const double old_recall = Recall();
  ASSERT_GT(old_recall, 0.8);
  std::atomic<bool> stop{false};
  std::atomic<double> lowest{1};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (size_t round = 0; !stop; ++round) Write(round);
  });
  for (int r = 0; r < 2; ++r) {
    threads.emplace_back([&] {
      while (!stop) {
        const double recall = Recall();
        double seen = lowest;
        while (recall < seen && !lowest.compare_exchange_weak(seen, recall)) {
        }
      }
    });
  }
  TrainOptions other;
  other.context.seed = 99;
  EXPECT_TRUE(collection_->Train(other).ok());
  const auto candidate = collection_->codebooks().Train({}, "");
  EXPECT_TRUE(candidate.ok()) << candidate.status();
  if (candidate.ok()) {
    EXPECT_TRUE(collection_->codebooks().Activate(candidate->version, {}).ok());
  }
  EXPECT_TRUE(collection_->codebooks().RollBack({}).ok());
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed_.load(), 0u);
  EXPECT_GE(lowest.load(), old_recall - 0.02);
  EXPECT_EQ(collection_->Stats().generation, Generation{4});
  EXPECT_GE(Recall(), old_recall - 0.02);
}

}  // namespace
}  // namespace tessera

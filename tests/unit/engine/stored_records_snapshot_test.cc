// Refine records on disk with writers, trainings and damage beside the queries: each query is as of its snapshot.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "tests/unit/engine/stored_records_fixture.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kDim = kStoredDim;
constexpr uint64_t kRows = kStoredRows;

class StoredRecordsSnapshotTest : public StoredRecordsTest {};

// Between the snapshot of a query and its reading all its rows are replaced or deleted, what they were is merged away,
// their lists change, and the generation is dropped.
TEST_F(StoredRecordsSnapshotTest, AQueryIsAsOfItsSnapshot) {
  CreateOnDisk("IVF8,PQ8,Refine(SQ8)");
  Put(*collection_, ClusteredRows(1500, kDim, 1), 0);
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto expect_kept = [&](const char* when, const std::function<void()>& change) {
    const Answers before = Batch(*collection_, Refined(50));
    between_.Do(change);
    EXPECT_EQ(Batch(*collection_, Refined(50)), before) << when;
    EXPECT_TRUE(between_.done());
    EXPECT_NE(Batch(*collection_, Refined(50)), before) << when;
  };
  expect_kept("replaced", [&] {
    Put(*collection_, ClusteredRows(1500, kDim, 2), 0);
    ASSERT_TRUE(collection_->Reclaim().ok());
  });
  expect_kept("deleted", [&] {
    std::vector<PointId> gone;
    for (uint64_t id = 0; id < 1500; id += 2) gone.push_back(PointId(id));
    ASSERT_TRUE(collection_->Delete(gone).ok());
    ASSERT_TRUE(collection_->Reclaim().ok());
  });
  expect_kept("lists changed", [&] {
    Put(*collection_, ClusteredRows(3000, kDim, 5, 20), 5000);
    Put(*collection_, ClusteredRows(500, kDim, 6), 0);
    const auto changed = collection_->Rebalance();
    ASSERT_TRUE(changed.ok()) << changed.status();
    EXPECT_GT(changed->splits, 0u);
    ASSERT_TRUE(collection_->Reclaim().ok());
  });
  expect_kept("trained twice", [&] {
    ASSERT_TRUE(collection_->Train({}).ok());
    Put(*collection_, ClusteredRows(1500, kDim, 7), 0);
    ASSERT_TRUE(collection_->Train({}).ok());
    ASSERT_TRUE(collection_->Reclaim().ok());
  });
}

// Answers of commit n beside a writer are those that the same collection with records in memory gave at commit n.
TEST_F(StoredRecordsSnapshotTest, WritersChangeNoAnswerOfACommit) {
  CreateBoth("IVF16,PQ8,Refine(SQ8)");
  LoadBoth(0, kRows, 1);
  TrainBoth();
  constexpr size_t kCommits = 60;
  const QueryParams params = Refined(20);
  const auto write = [&](Collection& collection, size_t i) {
    if (i % 5 == 4) {
      std::vector<PointId> gone;
      for (uint64_t id = i; id < kRows; id += 60) gone.push_back(PointId(id));
      ASSERT_TRUE(collection.Delete(gone).ok());
    } else {
      const std::vector<float> rows = ClusteredRows(300, kDim, static_cast<unsigned>(100 + i));
      Put(collection, rows, i * 37 % kRows);
    }
    if (i % 15 == 14) {
      ASSERT_TRUE(collection.Reclaim().ok());
    }
  };
  const std::vector<float> queries = ClusteredRows(4, kDim, 77);
  const auto search = [&](Collection& collection, std::map<uint64_t, std::vector<Answers>>& by_commit) {
    const auto results = collection.QueryBatch({queries.data(), 4, kDim}, params);
    ASSERT_TRUE(results.ok()) << results.status();
    std::vector<Answers> answers(4);
    for (size_t q = 0; q < 4; ++q) Add((*results)[q], answers[q]);
    by_commit[(*results)[0].commit] = answers;
  };
  std::map<uint64_t, std::vector<Answers>> expected;
  search(*collection_, expected);
  for (size_t i = 0; i < kCommits; ++i) {
    write(*collection_, i);
    search(*collection_, expected);
  }
  std::atomic<bool> done{false};
  std::map<uint64_t, std::vector<Answers>> found;
  uint64_t searches = 0;
  std::thread searcher([&] {
    while (!done) {
      std::map<uint64_t, std::vector<Answers>> now;
      search(*on_disk_, now);
      ++searches;
      for (const auto& [commit, answers] : now) {
        // Lists packed anew by Reclaim are commits of their own, with the answers of the one before.
        const auto known = expected.find(commit);
        if (known != expected.end()) {
          ASSERT_EQ(answers, known->second) << commit;
        }
        found[commit] = answers;
      }
    }
  });
  for (size_t i = 0; i < kCommits; ++i) write(*on_disk_, i);
  done = true;
  searcher.join();
  EXPECT_GT(searches, 10u);
  EXPECT_GT(found.size(), 5u);
  ExpectSame("in the end");
}

// A search that began before a training switched reads the records of the generation that is being dropped.
TEST_F(StoredRecordsSnapshotTest, SearchesGoOnBesideTrainings) {
  CreateOnDisk("IVF16,PQ8,Refine(SQ8)");
  Put(*collection_, ClusteredRows(kRows, kDim, 1), 0);
  ASSERT_TRUE(collection_->Train({}).ok());
  std::atomic<bool> done{false};
  std::atomic<uint64_t> searches{0};
  std::thread searcher([&] {
    const std::vector<float> queries = ClusteredRows(64, kDim, 9);
    while (!done) {
      const auto results = collection_->QueryBatch({queries.data(), 64, kDim}, Refined());
      ASSERT_TRUE(results.ok()) << results.status();
      ++searches;
    }
  });
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(collection_->Train({}).ok());
  done = true;
  searcher.join();
  EXPECT_GT(searches, 0u);
}

// A damaged block costs the searches that rerank by a record in it, and names it; the others serve.
TEST_F(StoredRecordsSnapshotTest, ADamagedBlockCostsTheSearchesThatReadIt) {
  CreateOnDisk("IVF16,PQ8,Refine(SQ8)");
  Put(*collection_, ClusteredRows(kRows, kDim, 1), 0);
  ASSERT_TRUE(collection_->Train({}).ok());
  ASSERT_TRUE(collection_->Reclaim().ok());
  const std::vector<float> queries = ClusteredRows(100, kDim, 9);
  std::vector<Answers> before(100);
  QueryParams params = Refined();
  params.nprobe = 1;
  for (size_t q = 0; q < 100; ++q) {
    const auto result = collection_->Query(queries.data() + q * kDim, kDim, params);
    ASSERT_TRUE(result.ok()) << result.status();
    Add(*result, before[q]);
  }
  Open(nullptr);  // with no block in the cache
  size_t largest = 0;
  fs::path file;
  for (const auto& entry : fs::directory_iterator(directory_.path() + "/collections/c")) {
    if (entry.path().extension() != ".sst" || entry.file_size() < largest) continue;
    largest = entry.file_size();
    file = entry.path();
  }
  ASSERT_GT(largest, kRows * kDim / 2) << "the postings";
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekg(static_cast<std::streamoff>(largest / 2));
    const char byte = static_cast<char>(bytes.get() ^ 1);
    bytes.seekp(static_cast<std::streamoff>(largest / 2));
    bytes.put(byte);
  }
  size_t lost = 0;
  for (size_t q = 0; q < 100; ++q) {
    const auto result = collection_->Query(queries.data() + q * kDim, kDim, params);
    QueryParams by_codes = params;
    by_codes.rerank = RerankTier::kNone;
    EXPECT_TRUE(collection_->Query(queries.data() + q * kDim, kDim, by_codes).ok());
    if (result.ok()) {
      Answers after;
      Add(*result, after);
      EXPECT_EQ(after, before[q]);
      continue;
    }
    ++lost;
    EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss) << result.status();
    EXPECT_NE(MessageOf(result.status()).find("postings-1[list "), std::string::npos) << result.status();
    EXPECT_NE(MessageOf(result.status()).find("row "), std::string::npos) << result.status();
  }
  EXPECT_GT(lost, 0u);
  EXPECT_LT(lost, 100u);
  const auto batch = collection_->QueryBatch({queries.data(), 100, kDim}, params);
  EXPECT_EQ(batch.status().code(), absl::StatusCode::kDataLoss);
  Put(*collection_, ClusteredRows(1, kDim, 3), 9000);
  const auto report = collection_->Verify({});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GT(report->found, 0u);
  const auto in_postings = [](const Finding& finding) { return finding.where.find("postings") != std::string::npos; };
  EXPECT_TRUE(std::any_of(report->findings.begin(), report->findings.end(), in_postings));
}

}  // namespace
}  // namespace tessera

// Limits of memory in force: what is refused, what is said of it, and that what is said is so.
#include "index/engine/memory_advice.h"

#include <atomic>
#include <chrono>
#include <regex>
#include <thread>

#include "index/backup.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 32;
constexpr uint64_t kTrainRows = 2000;
constexpr size_t kWrite = 500;  // points

class MemoryAdviceTest : public CollectionTest {
 protected:
  static constexpr const char* kQuantizer = "IVF16,PQ8,Refine(SQ8)";

  StatusOr<UpsertResult> Write(uint64_t first, size_t count = kWrite) { return Write(*collection_, first, count); }
  static StatusOr<UpsertResult> Write(Collection& collection, uint64_t first, size_t count = kWrite) {
    const std::vector<float> rows = ClusteredRows(count, kDim, static_cast<unsigned>(first) + 1);
    std::vector<PointInput> points;
    for (size_t i = 0; i < count; ++i) {
      points.push_back({PointId(first + i), ElementType::kF32, Bytes(rows.data() + i * kDim, kDim)});
    }
    return collection.Upsert(points);
  }
  // Writes until it is refused, or has so many; the refusal.
  Status Fill(uint64_t rows = 200000) { return Fill(*collection_, rows); }
  static Status Fill(Collection& collection, uint64_t rows) {
    for (uint64_t first = collection.Count(); first < rows; first += kWrite) {
      const auto written = Write(collection, first);
      if (!written.ok()) return written.status();
    }
    return OkStatus();
  }
  void Limit(uint64_t bytes) {
    const Status updated = collection_->Update({.memory_limit_bytes = bytes});
    ASSERT_TRUE(updated.ok()) << updated;
  }
  void CreateTrained(const std::string& quantizer) {
    Create(kDim, Metric::kL2, quantizer);
    Load(ClusteredRows(kTrainRows, kDim, 1), kDim);
    const Status trained = collection_->Train({});
    ASSERT_TRUE(trained.ok()) << trained;
  }
  void CreateFull(uint64_t limit) {
    CreateTrained(kQuantizer);
    Limit(limit);
    refusal_ = Fill();
    ASSERT_EQ(refusal_.code(), absl::StatusCode::kResourceExhausted) << refusal_;
  }
  void ExpectServing() {
    const std::vector<float> query = ClusteredRows(1, kDim, 9);
    const auto result = collection_->Query(query.data(), kDim, QueryParams());
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->hits.size(), 10u);
  }
  static uint64_t NumberAfter(const std::string& text, const std::string& before) {
    const size_t at = text.find(before);
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + before.size()));
  }
  static std::string QuantizerIn(const std::string& text) {
    std::smatch found;
    return std::regex_search(text, found, std::regex("quantizer \"([^\"]+)\"")) ? found[1].str() : std::string();
  }

  Status refusal_;
};

TEST_F(MemoryAdviceTest, AWriteThatDoesNotFitIsRefusedWholeWithWhatWould) {
  constexpr uint64_t kLimit = 600000;
  CreateFull(kLimit);
  const uint64_t rows = collection_->Count();
  const CollectionStats stats = collection_->Stats();
  EXPECT_EQ(rows % kWrite, 0u) << "nothing of the refused write is there";
  EXPECT_EQ(stats.rows, rows);
  EXPECT_LE(stats.memory.total(), kLimit);
  EXPECT_GE(stats.memory.total(), kLimit * 9 / 10) << "refused too early";
  EXPECT_EQ(stats.budget.limit, kLimit);
  EXPECT_EQ(stats.budget.used, stats.memory.total());
  EXPECT_EQ(stats.budget.refused, 1u);
  EXPECT_EQ(stats.budget.last_refusal, MessageOf(refusal_));
  ExpectServing();
  const std::string text = MessageOf(refusal_);
  EXPECT_NE(text.find("collection \"c\": a write of 500 points needs "), std::string::npos) << text;
  EXPECT_NE(text.find("memory limit, 600000 bytes, " + std::to_string(stats.budget.used) + " are used"),
            std::string::npos) << text;
  // The limit that is named does.
  Limit(NumberAfter(text, "a limit of at least "));
  EXPECT_TRUE(Write(rows).ok());
  // And so does the quantizer that is named, under the old limit.
  const std::string quantizer = QuantizerIn(text);
  ASSERT_FALSE(quantizer.empty()) << text;
  ASSERT_TRUE(catalog_->Drop("c").ok());
  CreateTrained(quantizer);
  Limit(kLimit);
  for (uint64_t first = kTrainRows; first < rows + kWrite; first += kWrite) {
    const auto written = Write(first);
    ASSERT_TRUE(written.ok()) << quantizer << ": " << written.status();
  }
  EXPECT_EQ(collection_->Count(), rows + kWrite);
}

TEST_F(MemoryAdviceTest, DeletionsPassAndGiveRoom) {
  CreateFull(600000);
  const uint64_t rows = collection_->Count();
  // Every tenth: too few in each list for it to be packed anew by itself.
  std::vector<PointId> ids;
  for (uint64_t id = 0; id < rows; id += 10) ids.push_back(PointId(id));
  const auto deleted = collection_->Delete(ids);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, ids.size());
  EXPECT_FALSE(Write(rows).ok());
  const uint64_t before = collection_->Stats().memory.total();
  const uint64_t commit = collection_->Stats().commit;
  ASSERT_TRUE(collection_->Reclaim().ok());
  const CollectionStats stats = collection_->Stats();
  EXPECT_EQ(stats.dead_rows, 0u);
  EXPECT_LT(stats.memory.total(), before * 96 / 100);
  EXPECT_EQ(stats.budget.used, stats.memory.total());
  EXPECT_EQ(stats.commit, commit + 1);
  EXPECT_TRUE(Write(rows, ids.size() / 2).ok());
  ExpectServing();
  const auto report = collection_->Verify({});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->found, 0u);
  Reopen();
  EXPECT_EQ(collection_->Count(), rows - ids.size() + ids.size() / 2);
  EXPECT_EQ(collection_->spec().memory_limit_bytes, 600000u);
}

TEST_F(MemoryAdviceTest, ATrainingThatDoesNotFitLeavesAllAsItIs) {
  CreateFull(600000);
  const uint32_t generation = collection_->Stats().generation.value;
  const Status refused = collection_->Train({});
  ASSERT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_NE(MessageOf(refused).find("are used"), std::string::npos) << refused;
  EXPECT_EQ(collection_->codebooks().RollBack({}).code(), absl::StatusCode::kFailedPrecondition);
  const CollectionStats stats = collection_->Stats();
  EXPECT_EQ(stats.generation.value, generation);
  EXPECT_FALSE(stats.training);
  EXPECT_EQ(stats.budget.reserved, 0u);
  EXPECT_EQ(stats.budget.refused, 2u);
  ExpectServing();
  // With room for two generations and the sample it goes.
  Limit(6 * 600000);
  const Status trained = collection_->Train({});
  EXPECT_TRUE(trained.ok()) << trained;
  EXPECT_EQ(collection_->Stats().generation.value, generation + 1);
  EXPECT_EQ(collection_->Stats().budget.used, collection_->Stats().memory.total());
  // Back is no less than there.
  Limit(650000);
  EXPECT_EQ(collection_->codebooks().RollBack({}).code(), absl::StatusCode::kResourceExhausted);
  ExpectServing();
}

TEST_F(MemoryAdviceTest, SamplesShrinkToTheRoomThereIs) {
  CreateTrained(kQuantizer);
  EvaluateOptions options;
  options.quantizers = {*QuantizerSpec::Parse("IVF8,PQ4")};
  options.sample_rows = kTrainRows;
  options.queries = 50;
  const uint64_t used = collection_->Stats().memory.total();
  Limit(used + 1500 * 3 * kDim * sizeof(float));
  const auto result = collection_->Evaluate(options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rows + result->queries, 1500u);
  Limit(used + 900 * 3 * kDim * sizeof(float));
  EXPECT_EQ(collection_->Evaluate(options).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(collection_->Stats().budget.reserved, 0u);
}

TEST_F(MemoryAdviceTest, AnUntrainedCollectionKeepsRoomForItsTraining) {
  CollectionSpec spec;
  spec.dim = kDim;
  spec.quantizer = *QuantizerSpec::Parse(kQuantizer);
  spec.memory_limit_bytes = 3000000;
  CatalogOptions quiet = options_;
  quiet.path = directory_.path() + "/quiet";
  quiet.background = nullptr;
  auto catalog = Catalog::Open(quiet);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  collection_ = *(*catalog)->Create("c", spec);
  const Status refused = Fill();
  ASSERT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_NE(MessageOf(refused).find("raw vectors, with room to train it"), std::string::npos) << refused;
  const uint64_t rows = collection_->Count();
  EXPECT_GT(rows, 5000u);
  const Status trained = collection_->Train({});
  ASSERT_TRUE(trained.ok()) << trained;
  EXPECT_TRUE(Write(rows).ok()) << "codes are smaller";
  collection_.reset();
}

TEST_F(MemoryAdviceTest, AccountedBytesAreThoseOfTheStatistics) {
  Create(kDim, Metric::kCosine, kQuantizer);
  const auto expect_same = [&](const char* when) {
    const CollectionStats stats = collection_->Stats();
    EXPECT_EQ(stats.budget.used, stats.memory.total()) << when;
    EXPECT_EQ(catalog_->Memory().collections, stats.memory.total()) << when;
    // What was waiting is let go right behind the replies to it.
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (catalog_->Memory().queues > 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_EQ(catalog_->Memory().queues, 0u) << when;
  };
  Load(ClusteredRows(3000, kDim, 1), kDim);
  expect_same("raw");
  ASSERT_TRUE(collection_->Train({}).ok());
  expect_same("trained");
  Load(ClusteredRows(2000, kDim, 2), kDim, 2000);
  expect_same("replaced");
  const std::vector<float> row = ClusteredRows(1, kDim, 3);
  PointInput point{PointId(7), ElementType::kF32, Bytes(row.data(), kDim)};
  point.payload = "{\"a\": 1}";
  point.expire_at_ms = int64_t{1} << 50;
  ASSERT_TRUE(collection_->Upsert({point}).ok());
  expect_same("a payload that expires");
  ASSERT_EQ(*collection_->Count(*ParseFilter("a = 1")), 1u);
  EXPECT_GT(collection_->Stats().memory.filters, 0u);
  expect_same("a filter");
  ASSERT_TRUE(collection_->Delete({PointId(7), PointId(8)}).ok());
  expect_same("deleted");
  ASSERT_TRUE(collection_->Rebalance().ok());
  expect_same("rebalanced");
  Reopen();
  expect_same("opened");
  ASSERT_TRUE(catalog_->Drop("c").ok());
  EXPECT_EQ(catalog_->Memory().collections, 0u);
}

TEST_F(MemoryAdviceTest, FilterMasksGiveWay) {
  CreateTrained(kQuantizer);
  Limit(collection_->Stats().memory.total() + 40000);
  ASSERT_TRUE(collection_->Count(*ParseFilter("missing(a)")).ok());
  const uint64_t filters = collection_->Stats().memory.filters;
  ASSERT_GT(filters, 0u);
  // As many points as fit only without them.
  const uint64_t room = 40000 - filters;
  uint64_t first = kTrainRows;
  for (; collection_->Stats().memory.filters > 0; first += 10) {
    const auto written = Write(first, 10);
    ASSERT_TRUE(written.ok()) << written.status();
    ASSERT_LE(first, kTrainRows + 2000);
  }
  EXPECT_GT((first - kTrainRows) * 44, room / 2) << "given up too early";
  // And none is kept where there is no room.
  const Status full = Fill();
  ASSERT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  Limit(collection_->Stats().memory.total() + 10);
  ASSERT_TRUE(collection_->Count(*ParseFilter("missing(b)")).ok());
  EXPECT_EQ(collection_->Stats().memory.filters, 0u);
}

TEST_F(MemoryAdviceTest, ExpectedRowsMustFit) {
  CollectionSpec spec;
  spec.dim = kDim;
  spec.quantizer = *QuantizerSpec::Parse("IVF,PQ16,Refine(SQ8)");
  spec.goal.expected_rows = 1000000;
  spec.memory_limit_bytes = 30u << 20;
  const Status refused = catalog_->Create("big", spec).status();
  ASSERT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  const std::string text = MessageOf(refused);
  EXPECT_NE(text.find("expected_rows of 1000000"), std::string::npos) << text;
  EXPECT_TRUE(catalog_->List().empty());
  CollectionSpec smaller = spec;
  smaller.quantizer = *QuantizerSpec::Parse(QuantizerIn(text));
  EXPECT_TRUE(catalog_->Create("small", smaller).ok()) << text;
  spec.memory_limit_bytes = NumberAfter(text, "a limit of at least ");
  EXPECT_TRUE(catalog_->Create("big", spec).ok()) << text;
  spec.memory_limit_bytes = 1u << 20;
  EXPECT_NE(MessageOf(catalog_->Create("tiny", spec).status()).find("no quantizer is small enough"), std::string::npos);
}

// What is said of records left on disk is so.
TEST_F(MemoryAdviceTest, RecordsOnDiskAreAdvisedWhereTheyFit) {
  CollectionSpec spec;
  spec.dim = kDim;
  spec.quantizer = *QuantizerSpec::Parse("IVF,PQ16,Refine(SQ8)");
  spec.goal.expected_rows = 1000000;
  spec.memory_limit_bytes = 40u << 20;
  const std::string text = MessageOf(catalog_->Create("big", spec).status());
  const uint64_t bytes = NumberAfter(text, "with refine records left on disk (refine_on_disk) they take about ");
  ASSERT_GT(bytes, 0u) << text;
  EXPECT_LE(bytes, spec.memory_limit_bytes);
  spec.refine_on_disk = true;
  EXPECT_TRUE(catalog_->Create("big", spec).ok()) << text;
  spec.memory_limit_bytes = 10u << 20;
  const std::string smaller = MessageOf(catalog_->Create("small", spec).status());
  EXPECT_NE(smaller.find("expected_rows of 1000000"), std::string::npos) << smaller;
  EXPECT_EQ(smaller.find("refine_on_disk"), std::string::npos) << smaller;
}

TEST_F(MemoryAdviceTest, WithRecordsOnDiskMoreIsTaken) {
  CreateFull(1u << 20);
  const uint64_t in_memory = collection_->Count();
  EXPECT_NE(MessageOf(refusal_).find("refine_on_disk"), std::string::npos) << refusal_;
  ASSERT_TRUE(collection_->Update({.refine_on_disk = true}).ok());
  Reopen();
  ASSERT_EQ(Fill().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GT(collection_->Count(), 2 * in_memory);
  EXPECT_LE(collection_->Stats().memory.total(), 1u << 20);
  ExpectServing();
}

class CatalogMemoryTest : public MemoryAdviceTest {
 protected:
  static constexpr uint64_t kStore = 8u << 20;

  void SetUp() override {
    options_.block_cache_bytes = kStore;
    options_.write_buffer_bytes = kStore / 2;
    MemoryAdviceTest::SetUp();
  }
  void ReopenWith(uint64_t limit) {
    options_.memory_limit_bytes = limit;
    Reopen();
  }
};

TEST_F(CatalogMemoryTest, CachesAloneMustFit) {
  catalog_.reset();
  options_.memory_limit_bytes = kStore;
  const Status refused = Catalog::Open(options_).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_NE(MessageOf(refused).find(std::to_string(kStore)), std::string::npos) << refused;
}

TEST_F(CatalogMemoryTest, WhatIsThereIsServedAboveALoweredLimit) {
  CreateTrained(kQuantizer);
  const uint64_t rows = collection_->Count();
  ReopenWith(kStore + 1000);
  ASSERT_NE(collection_, nullptr);
  EXPECT_EQ(collection_->Count(), rows);
  ExpectServing();
  EXPECT_TRUE(catalog_->Memory().budget.exceeded());
  const Status refused = Write(rows).status();
  ASSERT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_NE(MessageOf(refused).find("memory limit of the server"), std::string::npos) << refused;
  EXPECT_TRUE(collection_->Delete({PointId(0)}).ok());
  EXPECT_EQ(catalog_->Memory().budget.refused, 1u);
  ReopenWith(0);
  EXPECT_TRUE(Write(rows).ok());
}

TEST_F(CatalogMemoryTest, TwoCollectionsShareTheLimit) {
  ReopenWith(kStore + (1u << 20));
  Create(kDim, Metric::kL2, kQuantizer);
  const auto first = collection_;
  const Status filled = Fill(*first, 5000);  // 640,000 bytes of floats
  ASSERT_TRUE(filled.ok()) << filled;
  CollectionSpec spec = first->spec();
  const auto second = *catalog_->Create("d", spec);
  const Status refused = Fill(*second, 5000);
  ASSERT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_GT(second->Count(), 0u);
  EXPECT_LT(second->Count(), 3000u);
  EXPECT_EQ(second->Stats().budget.refused, 1u);
  EXPECT_EQ(first->Stats().budget.refused, 0u);
  ASSERT_TRUE(catalog_->Drop("c").ok());
  EXPECT_TRUE(Fill(*second, 5000).ok()) << "memory came back";
  EXPECT_EQ(catalog_->Memory().collections, second->Stats().memory.total());
  collection_.reset();
}

TEST_F(CatalogMemoryTest, ARestoreThatDoesNotFitIsRefusedBeforeItCopies) {
  Create(kDim, Metric::kL2, kQuantizer);
  Load(ClusteredRows(4000, kDim, 1), kDim);
  ASSERT_TRUE(catalog_->backups().Create("c", {}).ok());
  std::string archive;
  const auto sink = [&](std::string_view bytes) -> Status {
    archive.append(bytes);
    return OkStatus();
  };
  ASSERT_TRUE(catalog_->backups().Download("c", 1, sink, {}).ok());
  ReopenWith(kStore + 900000);
  std::vector<std::string> stages;
  BackupContext context;
  context.progress = [&](double, const char* stage) { stages.push_back(stage); };
  const Status refused = catalog_->backups().Restore("c", 1, "e", context).status();
  ASSERT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_TRUE(stages.empty());
  EXPECT_NE(MessageOf(refused).find("the backup of 4000 rows"), std::string::npos) << refused;
  {
    auto upload = *catalog_->backups().Upload("e");
    EXPECT_EQ(upload->Append(archive).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(upload->Finish().status().code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(catalog_->List(), std::vector<std::string>{"c"});
  EXPECT_EQ(catalog_->Memory().budget.reserved, 0u);
  ReopenWith(kStore + 1400000);
  const auto restored = catalog_->backups().Restore("c", 1, "e", {});
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ((*restored)->Count(), 4000u);
}

TEST_F(CatalogMemoryTest, ABackupSaysThatRefineRecordsAreLeftOnDisk) {
  CollectionSpec spec;
  spec.dim = kDim;
  spec.quantizer = *QuantizerSpec::Parse(kQuantizer);
  spec.auto_train = false;
  spec.refine_on_disk = true;
  collection_ = *catalog_->Create("c", spec);
  Load(ClusteredRows(4000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  const uint64_t resident = collection_->Stats().memory.total();
  ASSERT_TRUE(catalog_->backups().Create("c", {}).ok());
  collection_.reset();
  ASSERT_TRUE(catalog_->Drop("c").ok());
  ReopenWith(kStore + resident + resident / 2);  // records would not fit
  const auto restored = catalog_->backups().Restore("c", 1, "e", {});
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ((*restored)->Count(), 4000u);
  EXPECT_EQ((*restored)->Stats().memory.total(), resident);
}

}  // namespace
}  // namespace tessera

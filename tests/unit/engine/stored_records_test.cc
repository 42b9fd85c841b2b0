// Refine records that are left on disk: fewer bytes in memory, and the same answers to the bit, through writes, changes
// of lists and trainings.
#include "index/engine/stored_records.h"

#include "tests/unit/engine/stored_records_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = kStoredDim;
constexpr uint64_t kRows = kStoredRows;

TEST_F(StoredRecordsTest, AnswersAreTheSameThroughout) {
  const std::pair<const char*, Metric> kinds[] = {{"IVF16,PQ8,Refine(SQ8)", Metric::kL2},
                                                  {"OPQ,IVF16,PQ16x4,Refine(SQ4)", Metric::kCosine},
                                                  {"IVF16,RaBitQ1,Refine(SQ8)", Metric::kL2},
                                                  {"IVF16,RaBitQ2,Refine(SQ8S)", Metric::kInnerProduct},
                                                  {"IVF16,SQ4,Refine(FP16)", Metric::kInnerProduct}};
  for (const auto& [quantizer, metric] : kinds) {
    SCOPED_TRACE(quantizer);
    CreateBoth(quantizer, metric);
    LoadBoth(0, kRows, 1);
    EXPECT_FALSE(on_disk_->Stats().refine_on_disk) << "raw rows are in memory";
    TrainBoth();
    ExpectSame("trained");
    LoadBoth(kRows - 500, 1500, 2);  // some replaced
    std::vector<PointId> gone;
    for (uint64_t id = 0; id < kRows; id += 7) gone.push_back(PointId(id));
    PatchInput patch;
    patch.id = PointId(1);
    patch.payload = "{\"n\": 1}";
    Both([&](Collection& collection) {
      ASSERT_TRUE(collection.Delete(gone).ok());
      ASSERT_TRUE(collection.Patch({patch}).ok());
    });
    ExpectSame("written");
    Open(nullptr);
    ExpectSame("opened");
    Both([&](Collection& collection) { ASSERT_TRUE(collection.Reclaim().ok()); });
    ExpectSame("reclaimed");
    TrainBoth();
    ExpectSame("trained again");
    Both([&](Collection& collection) {
      const auto report = collection.Verify({});
      ASSERT_TRUE(report.ok()) << report.status();
      EXPECT_EQ(report->found, 0u);
    });
    DropBoth();
  }
}

TEST_F(StoredRecordsTest, ListsThatChangeTakeTheirRecordsAlong) {
  CreateBoth("IVF8,PQ8,Refine(SQ8)");
  LoadBoth(0, 1500, 1);
  TrainBoth();
  LoadBoth(5000, 3000, 5, 20);
  uint64_t splits = 0;
  Both([&](Collection& collection) {
    const auto result = collection.Rebalance();
    ASSERT_TRUE(result.ok()) << result.status();
    splits += result->splits;
  });
  EXPECT_GT(splits, 2u);
  ExpectSame("split");
  std::vector<PointId> gone;
  for (uint64_t id = 5100; id < 8000; ++id) gone.push_back(PointId(id));
  uint64_t merges = 0;
  Both([&](Collection& collection) {
    ASSERT_TRUE(collection.Delete(gone).ok());
    const auto result = collection.Rebalance();
    ASSERT_TRUE(result.ok()) << result.status();
    merges += result->merges;
  });
  EXPECT_GT(merges, 0u);
  const QueryParams params = Refined(50);
  EXPECT_EQ(Batch(*collection_, params), Batch(*on_disk_, params));
  Open(nullptr);
  EXPECT_EQ(Batch(*collection_, params), Batch(*on_disk_, params));
  EXPECT_EQ(on_disk_->Stats().memory.refine, 0u);
}

TEST_F(StoredRecordsTest, TuningMeasuresTheSameRecall) {
  for (const char* quantizer : {"IVF16,PQ8,Refine(SQ8)", "IVF16,RaBitQ1,Refine(SQ4)"}) {
    CreateBoth(quantizer);
    LoadBoth(0, kRows, 1);
    TrainBoth();
    TuneOptions options;
    options.max_queries = 100;
    Both([&](Collection& collection) { ASSERT_TRUE(collection.Tune(options).ok()); });
    // What costs least may be something else, where records are read.
    for (const float target : {0.7f, 0.95f}) {
      QueryParams params;
      params.target_recall = target;
      const std::vector<float> query = ClusteredRows(1, kDim, 78);
      const auto chosen = on_disk_->Query(query.data(), kDim, params);
      ASSERT_TRUE(chosen.ok()) << chosen.status();
      ASSERT_TRUE(chosen->recall_estimate);
      params.target_recall = 0;
      params.exact = chosen->exact;
      params.nprobe = chosen->nprobe;
      params.rerank = chosen->exact ? RerankTier::kAuto : chosen->rerank;
      params.rerank_depth = chosen->rerank_depth;
      const auto same = collection_->Query(query.data(), kDim, params);
      ASSERT_TRUE(same.ok()) << same.status();
      Answers a, b;
      Add(*chosen, a);
      Add(*same, b);
      EXPECT_EQ(a, b) << target;
    }
    const Generation generation = collection_->Stats().generation;
    on_disk_.reset();
    collection_.reset();
    catalog_.reset();
    const std::vector<engine::RecallGrid> grids = GridsOf({"c", "d"}, generation);
    ASSERT_TRUE(grids[0].refine);
    EXPECT_EQ(grids[0].nprobe, grids[1].nprobe);
    EXPECT_EQ(grids[0].depths, grids[1].depths);
    EXPECT_EQ(grids[0].rows_scanned, grids[1].rows_scanned);
    ASSERT_EQ(grids[0].cells.size(), grids[1].cells.size());
    for (size_t i = 0; i < grids[0].cells.size(); ++i) {
      ASSERT_EQ(grids[0].cells[i].recall, grids[1].cells[i].recall) << i;
      ASSERT_EQ(grids[0].cells[i].variance, grids[1].cells[i].variance) << i;
    }
    Open(nullptr);
    DropBoth();
  }
}

TEST_F(StoredRecordsTest, LiveRecallIsTheSame) {
  Open(&background_);
  for (const bool on_disk : {false, true}) {
    CollectionSpec spec = Spec("IVF16,PQ4,Refine(SQ4)", on_disk);
    spec.recall_sampling = 1;
    ASSERT_TRUE(catalog_->Create(on_disk ? "d" : "c", spec).ok());
  }
  collection_ = *catalog_->Get("c");
  on_disk_ = *catalog_->Get("d");
  LoadBoth(0, 1200, 1);
  TrainBoth();
  // A round that was waited for posts the next one.
  const auto drain = [&] {
    for (int round = 0; round < 2; ++round) {
      std::atomic<bool> done{false};
      background_.Post([&] {
        done = true;
        done.notify_all();
      });
      done.wait(false);
    }
  };
  drain();
  const std::vector<float> queries = ClusteredRows(40, kDim, 2);
  Both([&](Collection& collection) {
    for (size_t i = 0; i < 40; ++i) {
      ASSERT_TRUE(collection.Query(queries.data() + i * kDim, kDim, Refined()).ok());
      if (i % 4 == 3) drain();
    }
  });
  const LiveRecall a = collection_->Stats().live_recall;
  const LiveRecall b = on_disk_->Stats().live_recall;
  ASSERT_EQ(a.queries, 40u);
  ASSERT_EQ(b.queries, 40u);
  EXPECT_GT(a.code_loss, 0);
  EXPECT_EQ(a.recall.value, b.recall.value);
  EXPECT_EQ(a.probe_loss, b.probe_loss);
  EXPECT_EQ(a.code_loss, b.code_loss);
}

TEST_F(StoredRecordsTest, AChangeIsInForceFromTheNextTrainingOrOpeningOn) {
  ASSERT_TRUE(catalog_->Create("c", Spec("IVF16,PQ8,Refine(SQ8)", false)).ok());
  collection_ = *catalog_->Get("c");
  Put(*collection_, ClusteredRows(kRows, kDim, 1), 0);
  ASSERT_TRUE(collection_->Train({}).ok());
  const Answers before = Batch(*collection_, Refined());
  const uint64_t records = collection_->Stats().memory.refine;
  EXPECT_GT(records, kRows * kDim);
  ASSERT_TRUE(collection_->Update({.refine_on_disk = true}).ok());
  EXPECT_TRUE(collection_->spec().refine_on_disk);
  EXPECT_FALSE(collection_->Stats().refine_on_disk);
  EXPECT_EQ(collection_->Stats().memory.refine, records);
  Open(nullptr);
  EXPECT_TRUE(collection_->Stats().refine_on_disk);
  EXPECT_EQ(collection_->Stats().memory.refine, 0u);
  EXPECT_EQ(Batch(*collection_, Refined()), before);
  ASSERT_TRUE(collection_->Update({.refine_on_disk = false}).ok());
  EXPECT_EQ(collection_->Stats().memory.refine, 0u);
  ASSERT_TRUE(collection_->Update({.memory_limit_bytes = 1u << 30}).ok());
  EXPECT_FALSE(collection_->spec().refine_on_disk) << "what is absent stays";
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_EQ(collection_->Stats().memory.refine, records);
}

TEST_F(StoredRecordsTest, WithoutRefineRecordsNothingIsOnDisk) {
  CreateOnDisk("IVF16,PQ8");
  Put(*collection_, ClusteredRows(kRows, kDim, 1), 0);
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_TRUE(collection_->spec().refine_on_disk);
  EXPECT_FALSE(collection_->Stats().refine_on_disk);
  QueryParams params;
  params.rerank = RerankTier::kNone;
  const std::vector<float> query = ClusteredRows(1, kDim, 3);
  const auto by_codes = collection_->Query(query.data(), kDim, params);
  ASSERT_TRUE(by_codes.ok()) << by_codes.status();
  EXPECT_FALSE(by_codes->read_disk);
  EXPECT_EQ(collection_->Query(query.data(), kDim, Refined()).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace tessera

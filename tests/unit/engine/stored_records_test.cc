// Refine records that are left on disk: fewer bytes in memory, and the same answers to the bit, through writes, changes
// of lists, trainings, damage and with writers beside the queries.
#include "index/engine/stored_records.h"

#include <atomic>
#include <bit>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "index/engine/metadata.h"
#include "index/engine/recall_grid.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kDim = 32;
constexpr uint64_t kRows = 2500;
constexpr size_t kQueries = 8;

using Answers = std::vector<std::string>;

// Does something once, on the thread of the next query, after it has its snapshot and before it searches.
class BetweenExecutor final : public Executor {
 public:
  explicit BetweenExecutor(Executor& executor) : executor_(executor) {}
  void Post(std::function<void()> task) override { executor_.Post(std::move(task)); }
  size_t Concurrency() const override { return executor_.Concurrency(); }
  void Breathe() override {
    std::function<void()> once;
    {
      std::lock_guard lock(mutex_);
      once.swap(once_);
    }
    if (once) once();
  }
  void Do(std::function<void()> once) {
    std::lock_guard lock(mutex_);
    once_ = std::move(once);
  }
  bool done() {
    std::lock_guard lock(mutex_);
    return !once_;
  }

 private:
  Executor& executor_;
  std::mutex mutex_;
  std::function<void()> once_;
};

class StoredRecordsTest : public CollectionTest {
 protected:
  static CollectionSpec Spec(const std::string& quantizer, bool refine_on_disk, Metric metric = Metric::kL2) {
    CollectionSpec spec;
    spec.dim = kDim;
    spec.metric = metric;
    spec.auto_train = false;
    spec.quantizer = *QuantizerSpec::Parse(quantizer);
    spec.refine_on_disk = refine_on_disk;
    return spec;
  }
  void SetUp() override { Open(nullptr); }
  // Without a background nothing is trained or measured that a test did not ask for.
  void Open(Executor* background) {
    on_disk_.reset();
    collection_.reset();
    catalog_.reset();
    options_.path = directory_.path();
    options_.compute = &between_;
    options_.io = &io_;
    options_.background = background;
    auto opened = Catalog::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    if (auto found = catalog_->Get("c"); found.ok()) collection_ = *found;
    if (auto found = catalog_->Get("d"); found.ok()) on_disk_ = *found;
  }
  // The same twice: "c" with records in memory, "d" with records on disk.
  void CreateBoth(const std::string& quantizer, Metric metric = Metric::kL2) {
    ASSERT_TRUE(catalog_->Create("c", Spec(quantizer, false, metric)).ok());
    ASSERT_TRUE(catalog_->Create("d", Spec(quantizer, true, metric)).ok());
    collection_ = *catalog_->Get("c");
    on_disk_ = *catalog_->Get("d");
  }
  void CreateOnDisk(const std::string& quantizer) {
    auto made = catalog_->Create("c", Spec(quantizer, true));
    ASSERT_TRUE(made.ok()) << made.status();
    collection_ = *made;
  }
  void DropBoth() {
    collection_.reset();
    on_disk_.reset();
    ASSERT_TRUE(catalog_->Drop("c").ok());
    ASSERT_TRUE(catalog_->Drop("d").ok());
  }
  template <typename Work>
  void Both(const Work& work) {
    work(*collection_);
    work(*on_disk_);
  }
  static void Put(Collection& collection, const std::vector<float>& rows, uint64_t first) {
    static const std::vector<std::string> payloads = [] {
      std::vector<std::string> texts;
      for (int n = 0; n < 10; ++n) texts.push_back("{\"n\":" + std::to_string(n) + "}");
      return texts;
    }();
    std::vector<PointInput> points;
    for (size_t i = 0; i < rows.size() / kDim; ++i) {
      points.push_back({PointId(first + i), ElementType::kF32, Bytes(rows.data() + i * kDim, kDim)});
      points.back().payload = payloads[(first + i) % 10];
    }
    const auto put = collection.Upsert(points);
    ASSERT_TRUE(put.ok()) << put.status();
    ASSERT_EQ(put->upserted, points.size());
  }
  void LoadBoth(uint64_t first, uint64_t count, unsigned seed, float shift = 0) {
    const std::vector<float> rows = ClusteredRows(count, kDim, seed, shift);
    Both([&](Collection& collection) { Put(collection, rows, first); });
  }
  void TrainBoth() {
    Both([](Collection& collection) {
      const Status trained = collection.Train({});
      ASSERT_TRUE(trained.ok()) << trained;
    });
  }

  static std::string Score(float score) { return std::to_string(std::bit_cast<uint32_t>(score)); }
  // What is read from disk is told, and nothing else is.
  static void ExpectTold(Collection& collection, const QueryResult& result) {
    const bool refined = result.rerank == RerankTier::kRefine && collection.Stats().refine_on_disk;
    EXPECT_EQ(result.read_disk, !result.exact && (refined || result.rerank == RerankTier::kRaw));
  }
  static void Add(const QueryResult& result, Answers& answers) {
    for (const Hit& hit : result.hits) answers.push_back(hit.id.ToString() + " " + Score(hit.score));
    answers.push_back("of commit " + std::to_string(result.commit) + (result.exhausted ? ", all" : ""));
  }
  static Answers Batch(Collection& collection, const QueryParams& params, size_t queries = kQueries) {
    const std::vector<float> rows = ClusteredRows(queries, kDim, 77);
    const auto results = collection.QueryBatch({rows.data(), queries, kDim}, params);
    EXPECT_TRUE(results.ok()) << results.status();
    Answers answers;
    if (!results.ok()) return answers;
    for (const QueryResult& result : *results) Add(result, answers);
    ExpectTold(collection, results->back());
    return answers;
  }
  static QueryParams Refined(uint32_t limit = 10) {
    QueryParams params;
    params.limit = limit;
    params.rerank = RerankTier::kRefine;
    params.nprobe = 4;
    return params;
  }

  // Everything that searches, in every way.
  Answers All(Collection& collection) {
    Answers answers;
    const auto add = [&](const Answers& more) { answers.insert(answers.end(), more.begin(), more.end()); };
    for (const RerankTier tier : {RerankTier::kAuto, RerankTier::kNone, RerankTier::kRefine, RerankTier::kRaw}) {
      for (const uint32_t limit : {1u, 100u}) {
        for (const uint32_t nprobe : {2u, 64u}) {
          QueryParams params = Refined(limit);
          params.rerank = tier;
          params.nprobe = nprobe;
          add(Batch(collection, params));
          add(Batch(collection, params, 1));
        }
      }
    }
    QueryParams deep = Refined(20);
    deep.rerank_depth = 1500;  // more than are read at once
    deep.nprobe = 64;
    add(Batch(collection, deep));
    QueryParams filtered = Refined(20);
    for (const char* filter : {"n < 5", "n = 3 and n != 4"}) {
      filtered.filter = *ParseFilter(filter);
      add(Batch(collection, filtered));
    }
    QueryParams exact;
    exact.exact = true;
    add(Batch(collection, exact));
    QueryParams target;
    target.target_recall = 0.9f;
    add(Batch(collection, target));
    const auto groups = collection.QueryGroups(Examples::Of(PointId(500)), {"n", 2}, Refined(5));
    EXPECT_TRUE(groups.ok()) << groups.status();
    if (groups.ok()) {
      for (const GroupHits& group : groups->groups) {
        for (const Hit& hit : group.hits) answers.push_back(hit.id.ToString() + " " + Score(hit.score));
      }
    }
    RangeParams range;
    range.radius = 30;
    std::vector<std::string> within;
    const auto visited = collection.QueryRange(Examples::Of(PointId(500)), range, [&](std::vector<Hit>& hits) {
      for (const Hit& hit : hits) within.push_back(hit.id.ToString() + " " + Score(hit.score));
      return OkStatus();
    });
    EXPECT_TRUE(visited.ok()) << visited.status();
    std::sort(within.begin(), within.end());
    add(within);
    return answers;
  }
  void ExpectSame(const std::string& when) {
    const Answers in_memory = All(*collection_);
    ASSERT_GT(in_memory.size(), 4000u);
    ASSERT_EQ(in_memory, All(*on_disk_)) << when;
    const MemoryUsage a = collection_->Stats().memory;
    const CollectionStats stats = on_disk_->Stats();
    EXPECT_GT(a.refine, 0u) << when;
    EXPECT_EQ(stats.memory.refine, 0u) << when;
    EXPECT_EQ(a.codes, stats.memory.codes) << when;
    EXPECT_EQ(stats.budget.used, stats.memory.total()) << when;
    EXPECT_LE(stats.memory.total() + a.refine, a.total()) << when;
    EXPECT_TRUE(stats.refine_on_disk) << when;
    EXPECT_FALSE(collection_->Stats().refine_on_disk) << when;
  }

  std::vector<engine::RecallGrid> GridsOf(std::initializer_list<const char*> names, Generation generation) {
    std::vector<engine::RecallGrid> grids;
    store::SharedResources shared{store::SharedResources::Options{}};
    store::Store::Options options;
    options.shared = &shared;
    options.read_only = true;
    for (const std::string name : names) {
      const auto store = store::Store::Open(directory_.path() + "/collections/" + name, options);
      EXPECT_TRUE(store.ok()) << store.status();
      const auto bytes = (*store)->GetRecord(engine::CurveRecord(generation));
      EXPECT_TRUE(bytes.ok() && *bytes);
      grids.push_back(*engine::DecodeGrid(**bytes));
    }
    return grids;
  }

  BetweenExecutor between_{compute_};
  std::shared_ptr<Collection> on_disk_;
};

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

// Between the snapshot of a query and its reading all its rows are replaced or deleted, what they were is merged away,
// their lists change, and the generation is dropped.
TEST_F(StoredRecordsTest, AQueryIsAsOfItsSnapshot) {
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
TEST_F(StoredRecordsTest, WritersChangeNoAnswerOfACommit) {
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
TEST_F(StoredRecordsTest, SearchesGoOnBesideTrainings) {
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
TEST_F(StoredRecordsTest, ADamagedBlockCostsTheSearchesThatReadIt) {
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

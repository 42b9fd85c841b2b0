// One collection with refine records in memory and the same with records on disk, and everything that searches them.
#pragma once

#include <algorithm>
#include <bit>
#include <functional>
#include <mutex>

#include "index/engine/metadata.h"
#include "index/engine/recall_grid.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {

inline constexpr uint32_t kStoredDim = 32;
inline constexpr uint64_t kStoredRows = 2500;
inline constexpr size_t kStoredQueries = 8;

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
    spec.dim = kStoredDim;
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
    for (size_t i = 0; i < rows.size() / kStoredDim; ++i) {
      points.push_back({PointId(first + i), ElementType::kF32, Bytes(rows.data() + i * kStoredDim, kStoredDim)});
      points.back().payload = payloads[(first + i) % 10];
    }
    const auto put = collection.Upsert(points);
    ASSERT_TRUE(put.ok()) << put.status();
    ASSERT_EQ(put->upserted, points.size());
  }
  void LoadBoth(uint64_t first, uint64_t count, unsigned seed, float shift = 0) {
    const std::vector<float> rows = ClusteredRows(count, kStoredDim, seed, shift);
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
  static Answers Batch(Collection& collection, const QueryParams& params, size_t queries = kStoredQueries) {
    const std::vector<float> rows = ClusteredRows(queries, kStoredDim, 77);
    const auto results = collection.QueryBatch({rows.data(), queries, kStoredDim}, params);
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

}  // namespace tessera

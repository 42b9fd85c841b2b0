// Random operations on a collection against a map in memory: writes, deletes, queries, training, reopening.
//
// TESSERA_PROPERTY_SEED replays a run, TESSERA_PROPERTY_STEPS lengthens it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 12;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class CollectionProperty : public CollectionTest, public ::testing::WithParamInterface<Metric> {
 protected:
  PointId RandomId() {
    const uint64_t n = random_() % 3000;
    if (n % 7 == 0) return PointId("key-" + std::to_string(n));
    return PointId(n % 11 == 0 ? ~uint64_t{0} - n : n);  // ids near both ends
  }

  std::vector<float> RandomVector() {
    std::normal_distribution<float> normal;
    std::vector<float> v(kDim);
    const float center = static_cast<float>(random_() % 5) * 4;
    for (float& x : v) x = center + normal(random_);
    return v;
  }

  void Upsert() {
    std::map<PointId, std::vector<float>> rows;
    for (size_t i = 0, n = 1 + random_() % 200; i < n; ++i) rows[RandomId()] = RandomVector();
    std::vector<PointInput> points;
    for (const auto& [id, v] : rows) points.push_back({id, ElementType::kF32, Bytes(v.data(), kDim)});
    const auto result = collection_->Upsert(points);
    ASSERT_TRUE(result.ok()) << result.status();
    for (auto& [id, v] : rows) model_[id] = v;
  }

  void Delete() {
    std::vector<PointId> ids;
    std::set<PointId> there;
    for (size_t i = 0, n = 1 + random_() % 150; i < n; ++i) {
      ids.push_back(RandomId());
      if (model_.count(ids.back())) there.insert(ids.back());
    }
    const auto result = collection_->Delete(ids);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->deleted, there.size());
    for (const PointId& id : there) model_.erase(id);
  }

  // What the store gives back is what the map holds.
  void Get() {
    std::vector<PointId> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(RandomId());
    const auto got = collection_->Get(ids);
    ASSERT_TRUE(got.ok()) << got.status();
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto it = model_.find(ids[i]);
      ASSERT_EQ((*got)[i].has_value(), it != model_.end()) << ids[i].ToString();
      if (it != model_.end()) { ASSERT_EQ((*got)[i]->vector, Bytes(it->second.data(), kDim)); }
    }
  }

  // All rows come back, each once, whatever path answers: raw, refined, codes, exact.
  void QueryEverything() {
    QueryParams params;
    params.limit = 10000;
    params.exact = random_() % 3 == 0;
    params.rerank = static_cast<RerankTier>(random_() % 4);
    const auto q = RandomVector();
    const auto result = collection_->Query(q.data(), kDim, params);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_TRUE(result->exhausted);
    std::set<PointId> ids;
    for (const Hit& hit : result->hits) {
      ASSERT_TRUE(ids.insert(hit.id).second) << hit.id.ToString() << " came twice";
      ASSERT_TRUE(model_.count(hit.id)) << hit.id.ToString() << " is not there";
    }
    ASSERT_EQ(ids.size(), model_.size());
    for (size_t i = 1; i < result->hits.size(); ++i) {
      ASSERT_FALSE(RanksBefore(GetParam(), result->hits[i].score, result->hits[i - 1].score));
    }
  }

  // Exact answers, and raw reranking of everything, agree with each other.
  void QueryBest() {
    const auto q = RandomVector();
    QueryParams exact;
    exact.exact = true;
    QueryParams raw;
    raw.nprobe = 1000;
    raw.rerank = RerankTier::kRaw;
    raw.rerank_depth = 10000;
    const auto a = collection_->Query(q.data(), kDim, exact);
    const auto b = collection_->Query(q.data(), kDim, raw);
    ASSERT_TRUE(a.ok()) << a.status();
    ASSERT_TRUE(b.ok()) << b.status();
    ASSERT_EQ(a->hits.size(), b->hits.size());
    for (size_t i = 0; i < a->hits.size(); ++i) {
      ASSERT_EQ(a->hits[i].id, b->hits[i].id);
      ASSERT_EQ(a->hits[i].score, b->hits[i].score);
    }
  }

  void Train() {
    if (model_.size() < 300) return;
    static const char* const kSpecs[] = {"IVF8,PQ4,Refine(SQ8)", "IVF3,PQ6x4,Refine(SQ8S)",
                                         "RR,IVF5,PQ3,Refine(SQ8)"};
    TrainOptions options;
    options.quantizer = *QuantizerSpec::Parse(kSpecs[random_() % 3]);
    const Status status = collection_->Train(options);
    ASSERT_TRUE(status.ok()) << status;
  }

  void Step() {
    const uint64_t dice = random_() % 100;
    if (dice < 40) return Upsert();
    if (dice < 60) return Delete();
    if (dice < 72) return Get();
    if (dice < 84) return QueryEverything();
    if (dice < 94) return QueryBest();
    if (dice < 97) return Reopen();
    return Train();
  }

  std::mt19937_64 random_;
  std::map<PointId, std::vector<float>> model_;
};

TEST_P(CollectionProperty, MatchesAMap) {
  const uint64_t seed = FromEnvironment("TESSERA_PROPERTY_SEED", 20261123);
  const uint64_t steps = FromEnvironment("TESSERA_PROPERTY_STEPS", 400);
  RecordProperty("seed", std::to_string(seed));
  std::printf("seed %llu, %llu steps\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(steps));
  random_.seed(seed + static_cast<uint64_t>(GetParam()));
  options_.ingest_rows = 100;  // half of the upserts, a third of the deletes
  Reopen();
  Create(kDim, GetParam(), "IVF8,PQ4,Refine(SQ8)");
  for (uint64_t step = 0; step < steps; ++step) {
    Step();
    ASSERT_TRUE(collection_);
    ASSERT_EQ(collection_->Count(), model_.size()) << "step " << step;
    if (HasFatalFailure()) FAIL() << "seed " << seed << ", step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, CollectionProperty,
                         ::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine),
                         [](const auto& metric) { return MetricName(metric.param); });

}  // namespace
}  // namespace tessera

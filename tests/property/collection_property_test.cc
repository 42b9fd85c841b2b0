// Random operations on a collection against a map in memory: writes of every mode, with conditions, request ids and
// expiry, patches and deletes by id and by filter, every kind of search, lists, training,
// splits and merges of lists, reopening.
//
// TESSERA_PROPERTY_SEED replays a run, TESSERA_PROPERTY_STEPS lengthens it.
#include "tests/property/collection_model.h"

#include <cstdlib>
#include <iterator>

namespace tessera {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class CollectionProperty : public CollectionModel {
 protected:
  // What the store gives back is what the map holds.
  void Get() {
    std::vector<PointId> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(RandomId());
    const auto got = collection_->Get(ids);
    ASSERT_TRUE(got.ok()) << got.status();
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto it = model_.find(ids[i]);
      ASSERT_EQ((*got)[i].has_value(), it != model_.end()) << ids[i].ToString();
      if (it == model_.end()) continue;
      ASSERT_EQ((*got)[i]->vector, Bytes(it->second.vector.data(), kDim));
      ASSERT_EQ((*got)[i]->version, it->second.version);
      ASSERT_EQ((*got)[i]->expire_at_ms, it->second.expire_at_ms);
      ASSERT_EQ(ParsePayload((*got)[i]->payload), it->second.payload);
    }
  }

  // All rows come back, each once, whatever path answers: raw, refined, codes, exact.
  void QueryEverything() {
    QueryParams params;
    params.limit = 10000;
    params.exact = random_() % 3 == 0;
    params.with_payload = random_() % 2 == 0;
    params.rerank = static_cast<RerankTier>(random_() % 4);
    const auto q = RandomVector();
    const auto result = collection_->Query(q.data(), kDim, params);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_TRUE(result->exhausted);
    std::set<PointId> ids;
    for (const Hit& hit : result->hits) {
      ASSERT_TRUE(ids.insert(hit.id).second) << hit.id.ToString() << " came twice";
      ASSERT_TRUE(model_.count(hit.id)) << hit.id.ToString() << " is not there";
      if (params.with_payload) { ASSERT_EQ(ParsePayload(hit.payload), model_[hit.id].payload); }
    }
    ASSERT_EQ(ids.size(), model_.size());
    for (size_t i = 1; i < result->hits.size(); ++i) {
      ASSERT_FALSE(RanksBefore(GetParam(), result->hits[i].score, result->hits[i - 1].score));
    }
  }

  // A condition as people write it, and what it means to the model.
  struct Question {
    std::string text;
    std::function<bool(const Payload&)> passes;
  };
  Question RandomCondition() {
    const std::string key = "k" + std::to_string(random_() % 5);
    const uint64_t bound = random_() % 1000;
    const auto value = [key](const Payload& payload) {
      const auto it = payload.find(key);
      return it == payload.end() ? std::optional<uint64_t>() : it->second;
    };
    const std::string number = std::to_string(bound);
    switch (random_() % 5) {
      case 0: return {key + " < " + number, [=](const Payload& p) { return value(p) && *value(p) < bound; }};
      case 1: return {key + " != " + number, [=](const Payload& p) { return value(p) && *value(p) != bound; }};
      case 2: return {"missing(" + key + ")", [=](const Payload& p) { return !value(p); }};
      case 3: return {"exists(" + key + ")", [=](const Payload& p) { return value(p).has_value(); }};
      default:
        return {"not " + key + " between " + number + " and " + std::to_string(bound + 300),
                [=](const Payload& p) { return !(value(p) && *value(p) >= bound && *value(p) <= bound + 300); }};
    }
  }
  Question RandomQuestion() {
    const Question a = RandomCondition(), b = RandomCondition();
    switch (random_() % 3) {
      case 0: return a;
      case 1:
        return {a.text + " and " + b.text, [=](const Payload& p) { return a.passes(p) && b.passes(p); }};
      default:
        return {a.text + " or " + b.text, [=](const Payload& p) { return a.passes(p) || b.passes(p); }};
    }
  }
  std::set<PointId> Passing(const Question& question) const {
    std::set<PointId> ids;
    for (const auto& [id, state] : model_) {
      if (question.passes(state.payload)) ids.insert(id);
    }
    return ids;
  }

  // What passes comes back, whatever path answers, and nothing else.
  void QueryFiltered() {
    const Question question = RandomQuestion();
    const auto filter = ParseFilter(question.text);
    ASSERT_TRUE(filter.ok()) << filter.status();
    const std::set<PointId> passing = Passing(question);
    const auto count = collection_->Count(*filter);
    ASSERT_TRUE(count.ok()) << count.status();
    ASSERT_EQ(*count, passing.size()) << question.text;
    QueryParams params;
    params.filter = *filter;
    params.limit = random_() % 2 == 0 ? 10000 : 7;
    params.exact = random_() % 3 == 0;
    params.rerank = static_cast<RerankTier>(random_() % 4);
    const auto q = RandomVector();
    const auto result = collection_->Query(q.data(), kDim, params);
    ASSERT_TRUE(result.ok()) << result.status();
    std::set<PointId> found;
    for (const Hit& hit : result->hits) {
      ASSERT_TRUE(passing.count(hit.id)) << question.text << " let " << hit.id.ToString() << " through";
      ASSERT_TRUE(found.insert(hit.id).second);
    }
    ASSERT_EQ(found.size(), std::min<size_t>(params.limit, passing.size())) << question.text;
  }

  void DeleteFiltered() {
    const Question question = RandomQuestion();
    const std::set<PointId> passing = Passing(question);
    if (passing.size() * 4 > model_.size()) return;  // or nothing is left to test with
    const auto filter = ParseFilter(question.text);
    ASSERT_TRUE(filter.ok()) << filter.status();
    const auto deleted = collection_->DeleteByFilter(*filter);
    ASSERT_TRUE(deleted.ok()) << deleted.status();
    ASSERT_EQ(deleted->deleted, passing.size()) << question.text;
    for (const PointId& id : passing) model_.erase(id);
  }

  void PatchFiltered() {
    const Question question = RandomQuestion();
    const std::set<PointId> passing = Passing(question);
    const auto filter = ParseFilter(question.text);
    ASSERT_TRUE(filter.ok()) << filter.status();
    const uint64_t value = random_() % 1000;
    const std::string text = "{\"k3\":" + std::to_string(value) + ",\"k4\":null}";
    PatchInput patch;
    patch.payload = text;
    const auto patched = collection_->PatchByFilter(*filter, patch);
    ASSERT_TRUE(patched.ok()) << patched.status();
    ASSERT_TRUE(patched->rejected.empty());
    ASSERT_EQ(patched->patched, passing.size()) << question.text;
    std::vector<PointId> ids(passing.begin(), passing.end());
    const auto got = collection_->Get(ids);
    ASSERT_TRUE(got.ok());
    for (size_t i = 0; i < ids.size(); ++i) {
      State& state = model_[ids[i]];
      state.payload["k3"] = value;
      state.payload.erase("k4");
      ASSERT_TRUE((*got)[i]);
      state.version = (*got)[i]->version;  // several commits: which had it is not known here
    }
  }

  // Page by page, with a write after the first: what the first page's state had.
  void List() {
    std::optional<Question> question;
    ListParams params;
    params.limit = 1 + random_() % 700;
    params.with_vector = random_() % 2 == 0;
    params.with_payload = true;
    if (random_() % 2 == 0) {
      question = RandomQuestion();
      params.filter = *ParseFilter(question->text);
    }
    const std::map<PointId, State> before = model_;
    std::set<PointId> listed;
    do {
      const auto page = collection_->List(params);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const StoredPoint& point : page->points) {
        const auto it = before.find(point.id);
        ASSERT_TRUE(it != before.end() && listed.insert(point.id).second) << point.id.ToString();
        ASSERT_EQ(ParsePayload(point.payload), it->second.payload);
        ASSERT_EQ(point.version, it->second.version);
        if (params.with_vector) { ASSERT_EQ(point.vector, Bytes(it->second.vector.data(), kDim)); }
        if (question) { ASSERT_TRUE(question->passes(it->second.payload)) << question->text; }
      }
      if (params.after.empty() && random_() % 2 == 0) Write(Kind::kUpsert);
      if (params.after.empty() && random_() % 2 == 0) Write(Kind::kDelete);
      params.after = page->next;
    } while (!params.after.empty());
    size_t expected = 0;
    for (const auto& [id, state] : before) expected += !question || question->passes(state.payload);
    ASSERT_EQ(listed.size(), expected);
  }

  // All values of a key, each with its best points; and their counts.
  void Groups() {
    const std::string key = "k" + std::to_string(random_() % 5);
    std::map<uint64_t, size_t> counts;
    for (const auto& [id, state] : model_) {
      const auto it = state.payload.find(key);
      if (it != state.payload.end()) ++counts[it->second];
    }
    const auto facet = collection_->Facet(key, nullptr, 5000);
    ASSERT_TRUE(facet.ok());
    ASSERT_EQ(facet->size(), counts.size());
    for (const FacetCount& count : *facet) {
      ASSERT_EQ(count.count, counts[static_cast<uint64_t>(count.value.integer)]);
    }
    QueryParams params;
    params.limit = 2000;
    params.with_payload = true;
    params.exact = random_() % 3 == 0;
    const auto result = collection_->QueryGroups(Examples::Of(RandomVector()), {key, 3}, params);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->groups.size(), counts.size());
    ASSERT_TRUE(result->exhausted);
    for (const GroupHits& group : result->groups) {
      const auto value = static_cast<uint64_t>(group.value.integer);
      ASSERT_EQ(group.hits.size(), std::min<size_t>(3, counts[value]));
      for (const Hit& hit : group.hits) ASSERT_EQ(model_[hit.id].payload[key], value);
    }
  }

  // Within a radius is what an exact search of everything has above it.
  void Range() {
    const auto q = RandomVector();
    QueryParams params;
    params.exact = true;
    params.limit = 10000;
    const auto all = collection_->Query(q.data(), kDim, params);
    ASSERT_TRUE(all.ok());
    if (all->hits.empty()) return;
    const size_t within = random_() % all->hits.size();
    RangeParams range;
    range.radius = all->hits[within].score;
    std::map<PointId, float> expected, found;
    for (const Hit& hit : all->hits) {
      if (!RanksBefore(GetParam(), range.radius, hit.score)) expected[hit.id] = hit.score;
    }
    const auto done = collection_->QueryRange(Examples::Of(q), range, [&](std::vector<Hit>& hits) {
      for (const Hit& hit : hits) found[hit.id] = hit.score;
      return OkStatus();
    });
    ASSERT_TRUE(done.ok()) << done.status();
    ASSERT_EQ(done->hits, expected.size());
    ASSERT_EQ(found, expected);
  }

  void QueryExamples() {
    if (model_.size() < 3) return;
    Examples examples;
    for (auto* ids : {&examples.positive, &examples.positive, &examples.negative}) {
      ids->push_back(std::next(model_.begin(), static_cast<ptrdiff_t>(random_() % model_.size()))->first);
    }
    const std::set<PointId> used(examples.positive.begin(), examples.positive.end());
    QueryParams params;
    params.limit = 10000;
    const auto result = collection_->QueryByExamples(examples, params);
    if (GetParam() == Metric::kCosine && absl::IsInvalidArgument(result.status())) return;  // they cancel out
    ASSERT_TRUE(result.ok()) << result.status();
    std::set<PointId> left_out = used;
    left_out.insert(examples.negative.front());
    ASSERT_EQ(result->hits.size(), model_.size() - left_out.size());
    for (const Hit& hit : result->hits) ASSERT_FALSE(left_out.count(hit.id));
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

  void RemoveExpired() {
    const auto removed = collection_->RemoveExpired();
    ASSERT_TRUE(removed.ok()) << removed.status();
    ASSERT_EQ(collection_->Stats().rows, model_.size());
  }

  void Train() {
    if (model_.size() < 300) return;
    static const char* const kSpecs[] = {"IVF8,PQ4,Refine(SQ8)", "IVF3,PQ6x4,Refine(SQ8S)",
                                         "RR,IVF5,PQ3,Refine(SQ8)", "IVF64,PQ4,Refine(SQ8)"};
    TrainOptions options;
    options.quantizer = *QuantizerSpec::Parse(kSpecs[random_() % 4]);
    const Status status = collection_->Train(options);
    ASSERT_TRUE(status.ok()) << status;
  }

  void Rebalance() {
    const auto result = collection_->Rebalance();
    ASSERT_TRUE(result.ok()) << result.status();
    splits_ += result->splits;
    merges_ += result->merges;
  }

  void Step() {
    now_ = now_ + static_cast<int64_t>(random_() % 20);
    Expire();
    const uint64_t dice = random_() % 100;
    if (dice < 30) return Write(Kind::kUpsert);
    if (dice < 43) return Write(Kind::kPatch);
    if (dice < 54) return Write(Kind::kDelete);
    if (dice < 56) return Repeat();
    if (dice < 65) return Get();
    if (dice < 71) return QueryEverything();
    if (dice < 77) return QueryFiltered();
    if (dice < 78) return DeleteFiltered();
    if (dice < 79) return PatchFiltered();
    if (dice < 82) return List();
    if (dice < 84) return Groups();
    if (dice < 86) return Range();
    if (dice < 87) return QueryExamples();
    if (dice < 90) return RemoveExpired();
    if (dice < 93) return QueryBest();
    if (dice < 95) return Rebalance();
    if (dice < 98) return Reopen();
    return Train();
  }
};

TEST_P(CollectionProperty, MatchesAMap) {
  const uint64_t seed = FromEnvironment("TESSERA_PROPERTY_SEED", 20261123);
  const uint64_t steps = FromEnvironment("TESSERA_PROPERTY_STEPS", 400);
  RecordProperty("seed", std::to_string(seed));
  std::printf("seed %llu, %llu steps\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(steps));
  random_.seed(seed + static_cast<uint64_t>(GetParam()));
  options_.clock = [this] { return now_.load(); };
  options_.ingest_rows = 100;  // half of the upserts, a third of the deletes
  Reopen();
  Create(kDim, GetParam(), "IVF8,PQ4,Refine(SQ8)");
  for (uint64_t step = 0; step < steps; ++step) {
    Step();
    ASSERT_TRUE(collection_);
    ASSERT_EQ(collection_->Count(), model_.size()) << "step " << step;
    if (HasFatalFailure()) FAIL() << "seed " << seed << ", step " << step;
  }
  std::printf("%llu lists split, %llu merged\n", static_cast<unsigned long long>(splits_),
              static_cast<unsigned long long>(merges_));
}

INSTANTIATE_TEST_SUITE_P(Metrics, CollectionProperty,
                         ::testing::Values(Metric::kL2, Metric::kInnerProduct, Metric::kCosine),
                         [](const auto& metric) { return MetricName(metric.param); });

}  // namespace
}  // namespace tessera

// Random operations on a collection against a map in memory: writes of every mode, with conditions, request ids and
// expiry, patches and deletes by id and by filter, every kind of search, lists, training,
// splits and merges of lists, reopening.
//
// TESSERA_PROPERTY_SEED replays a run, TESSERA_PROPERTY_STEPS lengthens it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
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

  using Payload = std::map<std::string, uint64_t>;
  struct State {
    std::vector<float> vector;
    Payload payload;
    uint64_t version = 0;
    int64_t expire_at_ms = 0;
  };
  // A row of a write, and a request as it was sent last, to be sent again.
  struct Row {
    PointId id;
    std::vector<float> vector;
    Payload set;
    std::set<std::string> removed;  // of a merge patch
    std::string text;               // payload or patch, as sent
    std::optional<uint64_t> if_version;
    std::optional<int64_t> expire_at_ms;
  };
  enum class Kind { kUpsert, kPatch, kDelete };
  struct Request {
    Kind kind = Kind::kUpsert;
    UpsertMode upsert = UpsertMode::kUpsert;
    PatchMode patch = PatchMode::kMerge;
    bool atomic = false;
    std::string id;
    std::vector<Row> rows;
  };
  struct Reply {
    uint64_t commit = 0;
    size_t done = 0;
    std::map<size_t, absl::StatusCode> refused;
    friend bool operator==(const Reply&, const Reply&) = default;
  };

  static std::string TextOf(const Payload& set, const std::set<std::string>& removed = {}) {
    std::string text = "{";
    for (const auto& [key, value] : set) {
      text += (text.size() > 1 ? ", \"" : "\"") + key + "\": " + std::to_string(value);
    }
    for (const std::string& key : removed) text += (text.size() > 1 ? ",\"" : "\"") + key + "\":null";
    return text + "}";
  }

  // {"k1":5,"k2":6} in any order.
  static Payload ParsePayload(const std::string& text) {
    Payload payload;
    for (size_t at = text.find('"'); at != std::string::npos; at = text.find('"', at)) {
      const size_t end = text.find('"', at + 1);
      const std::string key = text.substr(at + 1, end - at - 1);
      EXPECT_TRUE(payload.emplace(key, std::strtoull(text.c_str() + end + 2, nullptr, 10)).second) << text;
      at = end + 1;
    }
    return payload;
  }

  Payload RandomPayload() {
    Payload payload;
    for (uint64_t i = 0, n = random_() % 4; i < n; ++i) {
      payload["k" + std::to_string(random_() % 5)] = random_() % 1000;
    }
    return payload;
  }

  // What a condition of a careful, a stale or a hopeful caller says.
  std::optional<uint64_t> RandomCondition(const PointId& id) {
    if (random_() % 4 != 0) return std::nullopt;
    const auto it = model_.find(id);
    const uint64_t version = it == model_.end() ? 0 : it->second.version;
    return random_() % 3 == 0 ? random_() % 50 : version;
  }

  // Soon, never, or (seldom) past.
  int64_t RandomExpiry() {
    const uint64_t dice = random_() % 20;
    if (dice < 4) return 0;
    return dice == 4 ? now_ - 1 : now_ + 1 + static_cast<int64_t>(random_() % 500);
  }

  Request RandomRequest(Kind kind) {
    Request request;
    request.kind = kind;
    request.upsert = random_() % 2 ? UpsertMode::kUpsert : static_cast<UpsertMode>(random_() % 3);
    request.patch = random_() % 2 ? PatchMode::kMerge : static_cast<PatchMode>(random_() % 3);
    request.atomic = random_() % 4 == 0;
    if (random_() % 4 == 0) request.id = "request " + std::to_string(++requests_);
    const bool conditions = random_() % 3 == 0;
    std::set<PointId> seen;
    for (size_t i = 0, n = 1 + random_() % (random_() % 3 ? 30 : 200); i < n; ++i) {
      Row row;
      row.id = RandomId();
      if (!seen.insert(row.id).second) continue;
      if (conditions) row.if_version = RandomCondition(row.id);
      if (kind == Kind::kDelete && row.if_version == 0) row.if_version.reset();
      if (kind == Kind::kUpsert) row.vector = RandomVector();
      if (kind != Kind::kDelete && random_() % 3) row.set = RandomPayload();
      if (kind == Kind::kPatch && request.patch == PatchMode::kMerge) {
        for (const char* key : {"k1", "k2"}) {
          if (random_() % 4 == 0 && !row.set.count(key)) row.removed.insert(key);
        }
      }
      if (kind != Kind::kDelete && random_() % 8 == 0) row.expire_at_ms = RandomExpiry();
      const bool empty = kind == Kind::kPatch ? request.patch == PatchMode::kClear : row.set.empty();
      row.text = empty ? "" : TextOf(row.set, row.removed);
      request.rows.push_back(std::move(row));
    }
    return request;
  }

  // What the map says of a row: OK, or why it is refused.
  absl::StatusCode Expected(const Request& request, const Row& row) const {
    const auto it = model_.find(row.id);
    const bool there = it != model_.end();
    if (request.kind == Kind::kUpsert && request.upsert == UpsertMode::kInsert && there) {
      return absl::StatusCode::kAlreadyExists;
    }
    const bool replaces = request.kind == Kind::kPatch ||
                          (request.kind == Kind::kUpsert && request.upsert == UpsertMode::kUpdate);
    if (replaces && !there) return absl::StatusCode::kNotFound;
    if (row.if_version && *row.if_version != (there ? it->second.version : 0)) return absl::StatusCode::kAborted;
    return absl::StatusCode::kOk;
  }

  template <typename Result>
  static StatusOr<Reply> ReplyOf(const StatusOr<Result>& result, size_t Result::*done) {
    if (!result.ok()) return result.status();
    Reply reply{result->commit, (*result).*done, {}};
    for (const RowError& error : result->rejected) reply.refused[error.index] = error.status.code();
    return reply;
  }

  StatusOr<Reply> Send(const Request& request) {
    if (request.kind == Kind::kUpsert) {
      std::vector<PointInput> points;
      for (const Row& row : request.rows) {
        points.push_back({row.id, ElementType::kF32, Bytes(row.vector.data(), kDim)});
        points.back().payload = row.text;
        points.back().if_version = row.if_version;
        points.back().expire_at_ms = row.expire_at_ms.value_or(0);
      }
      return ReplyOf(collection_->Upsert(points, {request.upsert, request.atomic, request.id, Ack::kDurable}),
                     &UpsertResult::upserted);
    }
    if (request.kind == Kind::kPatch) {
      std::vector<PatchInput> patches;
      for (const Row& row : request.rows) patches.push_back({row.id, row.text, row.if_version, row.expire_at_ms});
      return ReplyOf(collection_->Patch(patches, {request.patch, request.atomic, request.id, Ack::kDurable, {}}),
                     &PatchResult::patched);
    }
    std::vector<PointId> ids;
    std::vector<uint64_t> versions;
    for (const Row& row : request.rows) {
      ids.push_back(row.id);
      versions.push_back(row.if_version.value_or(0));
    }
    return ReplyOf(collection_->Delete(ids, {versions, false, request.atomic, request.id, Ack::kDurable, {}}),
                   &DeleteResult::deleted);
  }

  void ApplyToModel(const Request& request, const Row& row, uint64_t commit) {
    if (request.kind == Kind::kDelete) {
      model_.erase(row.id);
      return;
    }
    State& state = model_[row.id];
    state.version = commit;
    if (request.kind == Kind::kUpsert) state.vector = row.vector;
    if (request.kind == Kind::kUpsert || row.expire_at_ms) state.expire_at_ms = row.expire_at_ms.value_or(0);
    if (request.kind == Kind::kPatch && request.patch == PatchMode::kMerge) {
      for (const auto& [key, value] : row.set) state.payload[key] = value;
      for (const std::string& key : row.removed) state.payload.erase(key);
    } else {
      state.payload = row.text.empty() ? Payload() : row.set;
    }
  }

  void Write(Kind kind) {
    const Request request = RandomRequest(kind);
    std::map<size_t, absl::StatusCode> refused;
    size_t done = 0;
    for (size_t i = 0; i < request.rows.size(); ++i) {
      const absl::StatusCode expected = Expected(request, request.rows[i]);
      if (expected != absl::StatusCode::kOk) refused[i] = expected;
      const bool counts = kind != Kind::kDelete || model_.count(request.rows[i].id);
      done += expected == absl::StatusCode::kOk && counts;
    }
    const auto reply = Send(request);
    if (request.atomic && !refused.empty()) {
      ASSERT_EQ(reply.status().code(), refused.begin()->second) << reply.status();
      return;
    }
    ASSERT_TRUE(reply.ok()) << reply.status();
    ASSERT_EQ(reply->refused, refused);
    ASSERT_EQ(reply->done, done);
    for (size_t i = 0; i < request.rows.size(); ++i) {
      if (!refused.count(i)) ApplyToModel(request, request.rows[i], reply->commit);
    }
    if (!request.id.empty()) sent_.emplace_back(request, *reply);
    Expire();
  }

  void Expire() {
    std::erase_if(model_, [&](const auto& entry) {
      return entry.second.expire_at_ms > 0 && entry.second.expire_at_ms <= now_;
    });
  }

  // A request that was answered some time ago comes again.
  void Repeat() {
    if (sent_.empty()) return;
    const auto& [request, reply] = sent_[random_() % sent_.size()];
    const auto again = Send(request);
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ(*again, reply);
    Request other = request;
    other.rows.pop_back();
    if (other.rows.empty()) return;
    ASSERT_EQ(Send(other).status().code(), absl::StatusCode::kInvalidArgument);
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

  std::mt19937_64 random_;
  std::atomic<int64_t> now_{1000000};
  std::map<PointId, State> model_;
  std::vector<std::pair<Request, Reply>> sent_;
  uint64_t requests_ = 0;
  uint64_t splits_ = 0;
  uint64_t merges_ = 0;
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

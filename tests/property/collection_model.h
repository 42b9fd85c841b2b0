// A collection and the map in memory that it is held against, and random writes to both.
#pragma once

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

inline constexpr uint32_t kDim = 12;

// The map, and the writes that it and the collection both take.
class CollectionModel : public CollectionTest, public ::testing::WithParamInterface<Metric> {
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

  std::mt19937_64 random_;
  std::atomic<int64_t> now_{1000000};
  std::map<PointId, State> model_;
  std::vector<std::pair<Request, Reply>> sent_;
  uint64_t requests_ = 0;
  uint64_t splits_ = 0;
  uint64_t merges_ = 0;
};

}  // namespace tessera

// Modes, conditions, patches, whole requests and requests that come again, through a collection.
#include "index/engine/write_set.h"

#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <map>

#include "index/base/failpoint.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

using absl::StatusCode;
constexpr uint32_t kDim = 4;

class WriteSetTest : public CollectionTest {
 protected:
  void TearDown() override { SetFailpoints(""); }

  PointInput Point(uint64_t id, float value, std::string_view payload = {}) {
    vectors_.push_back({value, value, value, 1});
    PointInput point{PointId(id), ElementType::kF32, Bytes(vectors_.back().data(), kDim)};
    point.payload = payload;
    return point;
  }
  PointInput If(PointInput point, uint64_t version) {
    point.if_version = version;
    return point;
  }
  static PatchInput If(PatchInput patch, uint64_t version) {
    patch.if_version = version;
    return patch;
  }

  std::optional<StoredPoint> Get(uint64_t id) {
    const auto got = collection_->Get({PointId(id)});
    EXPECT_TRUE(got.ok()) << got.status();
    return got.ok() ? (*got)[0] : std::nullopt;
  }

  static void ExpectRejected(const std::vector<RowError>& rejected, size_t at, size_t index, StatusCode code,
                             const std::string& message) {
    ASSERT_GT(rejected.size(), at);
    EXPECT_EQ(rejected[at].index, index);
    EXPECT_EQ(rejected[at].status.code(), code);
    EXPECT_EQ(MessageOf(rejected[at].status), message);
  }

  std::deque<std::vector<float>> vectors_;
};

TEST_F(WriteSetTest, ModesRefuseRowsNotRequests) {
  Create(kDim, Metric::kL2);
  ASSERT_TRUE(collection_->Upsert({Point(1, 1, R"({"a":1})")}).ok());
  const auto inserted = collection_->Upsert({Point(1, 5), Point(2, 2)}, {.mode = UpsertMode::kInsert});
  ASSERT_TRUE(inserted.ok()) << inserted.status();
  EXPECT_EQ(inserted->upserted, 1u);
  ExpectRejected(inserted->rejected, 0, 0, StatusCode::kAlreadyExists,
                 "points[0].id 1 is in collection \"c\" already");
  EXPECT_EQ(Get(1)->payload, R"({"a":1})");
  EXPECT_EQ(Get(2)->version, inserted->commit);

  const auto updated = collection_->Upsert({Point(9, 5), Point(1, 7)}, {.mode = UpsertMode::kUpdate});
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->upserted, 1u);
  ExpectRejected(updated->rejected, 0, 0, StatusCode::kNotFound, "points[0].id 9 is not in collection \"c\"");
  EXPECT_EQ(Get(1)->payload, "") << "an update replaces the payload too";
  EXPECT_EQ(Get(1)->vector, Bytes(vectors_.back().data(), kDim));
  EXPECT_EQ(collection_->Count(), 2u);
}

TEST_F(WriteSetTest, ConditionsCompareVersions) {
  Create(kDim, Metric::kL2);
  const uint64_t first = collection_->Upsert({If(Point(1, 1), 0)})->commit;
  EXPECT_EQ(Get(1)->version, first);
  auto result = collection_->Upsert({If(Point(1, 2), 0), If(Point(2, 2), 7), If(Point(3, 3), 0)});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->upserted, 1u);
  ExpectRejected(result->rejected, 0, 0, StatusCode::kAborted,
                 "points[0].if_version is 0, id 1 has version " + std::to_string(first));
  ExpectRejected(result->rejected, 1, 1, StatusCode::kAborted,
                 "points[1].if_version is 7, id 2 is not there");
  const uint64_t second = collection_->Upsert({If(Point(1, 2), first)})->commit;
  EXPECT_GT(second, first);
  EXPECT_EQ(collection_->Upsert({If(Point(1, 3), first)})->upserted, 0u);

  const auto stale = collection_->Delete({PointId(1), PointId(3)}, {.if_versions = {first, 0}});
  ASSERT_TRUE(stale.ok());
  EXPECT_EQ(stale->deleted, 1u);
  ExpectRejected(stale->rejected, 0, 0, StatusCode::kAborted,
                 "if_versions[0] is " + std::to_string(first) + ", id 1 has version " + std::to_string(second));
  EXPECT_EQ(collection_->Delete({PointId(1)}, {.if_versions = {second}})->deleted, 1u);
  EXPECT_EQ(collection_->Count(), 0u);
  EXPECT_EQ(collection_->Delete({PointId(1)}, {.if_versions = {1, 2}}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(WriteSetTest, AtomicRequestsAreWrittenWholeOrNotAtAll) {
  Create(kDim, Metric::kL2);
  ASSERT_TRUE(collection_->Upsert({Point(1, 1)}).ok());
  const uint64_t before = collection_->Stats().commit;
  const auto failed =
      collection_->Upsert({Point(2, 2), Point(1, 5)}, {.mode = UpsertMode::kInsert, .atomic = true});
  EXPECT_EQ(failed.status(), AlreadyExists("points[1].id 1 is in collection \"c\" already"));
  const auto bad = collection_->Upsert({Point(2, 2), Point(3, 3, "[1]")}, {.atomic = true});
  EXPECT_EQ(bad.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(MessageOf(bad.status()).find("points[1].payload: "), std::string::npos) << bad.status();
  EXPECT_EQ(collection_->Patch({{PointId(1), "{}"}, {PointId(9), "{}"}}, {.atomic = true}).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(collection_->Delete({PointId(1)}, {.if_versions = {99}, .atomic = true}).status().code(),
            StatusCode::kAborted);
  EXPECT_EQ(collection_->Count(), 1u);
  EXPECT_EQ(collection_->Stats().commit, before) << "nothing was written";
  EXPECT_EQ(collection_->Upsert({Point(2, 2), Point(3, 3, "[1]")})->upserted, 1u);
}

// Untrained and trained, reopened in between: the vector, its code and its list stay as they are.
TEST_F(WriteSetTest, PatchesChangePayloadsAlone) {
  Create(kDim, Metric::kCosine, "IVF4,PQ2,Refine(SQ8)");
  const auto rows = ClusteredRows(400, kDim, 1);
  Load(rows, kDim);
  for (const bool trained : {false, true}) {
    if (trained) { ASSERT_TRUE(collection_->Train({}).ok()); }
    QueryParams params;
    params.limit = 400;
    params.with_payload = true;
    params.rerank = RerankTier::kNone;
    params.nprobe = 4;
    const auto before = collection_->Query(rows.data(), kDim, params);
    const auto patched = collection_->Patch({{PointId(3), R"({"a":{"b":1},"c":[1, 2]})"}, {PointId(900), "{}"}});
    ASSERT_TRUE(patched.ok()) << patched.status();
    EXPECT_EQ(patched->patched, 1u);
    ExpectRejected(patched->rejected, 0, 1, StatusCode::kNotFound,
                   "points[1].id 900 is not in collection \"c\"");
    EXPECT_EQ(Get(3)->payload, R"({"a":{"b":1},"c":[1,2]})");
    EXPECT_EQ(Get(3)->version, patched->commit);
    EXPECT_EQ(Get(3)->vector, Bytes(rows.data() + 3 * kDim, kDim));
    ASSERT_TRUE(collection_->Patch({{PointId(3), R"({"a":{"d":2},"c":null})"}}).ok());
    EXPECT_EQ(Get(3)->payload, R"({"a":{"b":1,"d":2}})");
    for (int opened = 0; opened < 2; ++opened) {
      const auto after = collection_->Query(rows.data(), kDim, params);
      ASSERT_TRUE(after.ok());
      ASSERT_EQ(after->hits.size(), 400u);
      std::map<PointId, float> scores;
      for (const Hit& hit : before->hits) scores[hit.id] = hit.score;
      for (const Hit& hit : after->hits) {
        EXPECT_EQ(hit.score, scores[hit.id]) << hit.id.ToString();
        EXPECT_EQ(hit.payload, hit.id == PointId(3) ? R"({"a":{"b":1,"d":2}})" : "");
        EXPECT_GT(hit.version, 0u);
      }
      Reopen();
    }
    ASSERT_TRUE(collection_->Patch({{PointId(3), R"({"x":1})"}}, {.mode = PatchMode::kReplace}).ok());
    EXPECT_EQ(Get(3)->payload, R"({"x":1})");
    ASSERT_TRUE(collection_->Patch({{PointId(3), ""}}, {.mode = PatchMode::kClear}).ok());
    EXPECT_EQ(Get(3)->payload, "");
    EXPECT_EQ(collection_->Count(), 400u);
  }
  EXPECT_EQ(collection_->Patch({{PointId(3), "{}"}}, {.mode = PatchMode::kClear})->rejected.size(), 1u);
  EXPECT_EQ(collection_->Patch({{PointId(3), "nothing"}})->rejected.size(), 1u);
  const auto twice = collection_->Patch({{PointId(3), "{}"}, {PointId(3), "{}"}});
  ExpectRejected(twice->rejected, 0, 1, StatusCode::kInvalidArgument,
                 "points[1].id 3 stands at points[0] too");
}

// Requests that wait for one commit are resolved in order, each with a version of its own.
TEST_F(WriteSetTest, RequestsOfOneCommitSeeEachOther) {
  Create(kDim, Metric::kL2);
  const uint64_t first = collection_->Upsert({Point(1, 1, R"({"n":0})")})->commit;
  std::promise<void> release;
  io_.Post([held = release.get_future().share()] { held.wait(); });
  std::vector<PatchInput> add_a{{PointId(1), R"({"a":1})"}};
  std::vector<PatchInput> stale{If({PointId(1), R"({"b":1})"}, first)};
  std::vector<PointInput> replace{Point(1, 9, R"({"r":1})"), Point(2, 2)};
  std::vector<PatchInput> add_c{{PointId(1), R"({"c":1})"}, {PointId(2), R"({"d":1})"}};
  std::promise<StatusOr<PatchResult>> patched, refused, last;
  std::promise<StatusOr<UpsertResult>> replaced;
  std::promise<StatusOr<DeleteResult>> gone;
  const auto into = [](auto& promise) {
    return [&promise](auto result) { promise.set_value(std::move(result)); };
  };
  collection_->PatchAsync(add_a, {}, into(patched));
  collection_->PatchAsync(stale, {}, into(refused));
  collection_->UpsertAsync(replace, {}, into(replaced));
  collection_->PatchAsync(add_c, {}, into(last));
  const std::vector<PointId> second{PointId(2)};
  collection_->DeleteAsync(second, {}, into(gone));
  release.set_value();
  const auto a = patched.get_future().get();
  const auto b = refused.get_future().get();
  const auto r = replaced.get_future().get();
  const auto c = last.get_future().get();
  const auto d = gone.get_future().get();
  ASSERT_TRUE(a.ok() && b.ok() && r.ok() && c.ok() && d.ok());
  EXPECT_EQ(a->commit, first + 1);
  EXPECT_EQ(b->patched, 0u) << "the point has changed since";
  EXPECT_EQ(r->commit, first + 2);
  EXPECT_EQ(c->commit, first + 3);
  EXPECT_EQ(c->patched, 2u);
  EXPECT_EQ(d->commit, first + 4);
  EXPECT_EQ(d->deleted, 1u);
  EXPECT_EQ(Get(1)->payload, R"({"r":1,"c":1})");
  EXPECT_EQ(Get(1)->version, c->commit);
  EXPECT_EQ(Get(1)->vector, Bytes(replace[0].vector.empty() ? nullptr : vectors_[1].data(), kDim));
  EXPECT_FALSE(Get(2).has_value());
  Reopen();
  EXPECT_EQ(collection_->Stats().commit, d->commit);
  EXPECT_EQ(Get(1)->version, c->commit);
}

TEST_F(WriteSetTest, ARequestThatComesAgainGetsTheFirstReply) {
  Create(kDim, Metric::kL2);
  const std::vector<PointInput> points{Point(1, 1), Point(2, 2, "no object")};
  const UpsertOptions options{.mode = UpsertMode::kInsert, .request_id = "load-1"};
  const auto first = collection_->Upsert(points, options);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->rejected.size(), 1u);
  ASSERT_TRUE(collection_->Patch({{PointId(1), R"({"n":1})"}}, {.request_id = "patch"}).ok());
  ASSERT_TRUE(collection_->Delete({PointId(1)}, {.request_id = "delete"}).ok());
  const uint64_t commit = collection_->Stats().commit;
  for (int opened = 0; opened < 2; ++opened) {
    const auto again = collection_->Upsert(points, options);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->commit, first->commit);
    EXPECT_EQ(again->upserted, 1u);
    ASSERT_EQ(again->rejected.size(), 1u);
    EXPECT_EQ(again->rejected[0].index, 1u);
    EXPECT_EQ(again->rejected[0].status, first->rejected[0].status);
    EXPECT_EQ(collection_->Patch({{PointId(1), R"({"n":1})"}}, {.request_id = "patch"})->patched, 1u);
    EXPECT_EQ(collection_->Delete({PointId(1)}, {.request_id = "delete"})->deleted, 1u);
    EXPECT_EQ(collection_->Upsert({points[0]}, options).status(),
              InvalidArgument("request_id \"load-1\" was used for another request"));
    EXPECT_EQ(collection_->Delete({PointId(1)}, {.request_id = "patch"}).status().code(),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(collection_->Count(), 0u);
    EXPECT_EQ(collection_->Stats().commit, commit);
    Reopen();
  }
  EXPECT_EQ(collection_->Upsert(points, {.request_id = std::string(65, 'x')}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(WriteSetTest, OfTwoAtOnceOneIsExecuted) {
  Create(kDim, Metric::kL2);
  std::promise<void> release;
  io_.Post([held = release.get_future().share()] { held.wait(); });
  const std::vector<PointInput> points{Point(1, 1)};
  const std::vector<PointInput> others{Point(2, 1)};
  const UpsertOptions options{.mode = UpsertMode::kInsert, .atomic = true, .request_id = "once"};
  std::promise<StatusOr<UpsertResult>> done[3];
  for (int i = 0; i < 3; ++i) {
    collection_->UpsertAsync(i < 2 ? points : others, options,
                             [&, i](StatusOr<UpsertResult> result) { done[i].set_value(std::move(result)); });
  }
  release.set_value();
  const auto a = done[0].get_future().get();
  const auto b = done[1].get_future().get();
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(a->commit, b->commit);
  EXPECT_EQ(b->upserted, 1u);
  EXPECT_EQ(done[2].get_future().get().status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(collection_->Count(), 1u);
}

// A request that failed may be tried again under its id.
TEST_F(WriteSetTest, AFailureIsNoReply) {
  Create(kDim, Metric::kL2);
  ASSERT_TRUE(collection_->Upsert({Point(1, 1)}).ok());
  const std::vector<PointInput> points{Point(1, 2)};
  const UpsertOptions options{.mode = UpsertMode::kInsert, .atomic = true, .request_id = "r"};
  EXPECT_EQ(collection_->Upsert(points, options).status().code(), StatusCode::kAlreadyExists);
  ASSERT_TRUE(collection_->Delete({PointId(1)}).ok());
  EXPECT_EQ(collection_->Upsert(points, options)->upserted, 1u);
}

TEST_F(WriteSetTest, OldRepliesGo) {
  options_.kept_requests = 3;
  Reopen();
  Create(kDim, Metric::kL2);
  const auto insert = [&](uint64_t n) {
    const auto result = collection_->Upsert({Point(1, 1)}, {.mode = UpsertMode::kInsert,
                                                            .request_id = "r" + std::to_string(n)});
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(collection_->Delete({PointId(1)}).ok());
    return result->commit;
  };
  std::vector<uint64_t> commits;
  for (uint64_t n = 0; n < 10; ++n) commits.push_back(insert(n));
  Reopen();
  EXPECT_EQ(insert(9), commits[9]);
  EXPECT_EQ(insert(7), commits[7]);
  EXPECT_GT(insert(6), commits[9]) << "forgotten";
  EXPECT_GT(insert(7), commits[9]) << "pushed out by the last";
  options_.kept_requests = 100;
  options_.request_retention = std::chrono::milliseconds(0);
  Reopen();
  const uint64_t now = collection_->Stats().commit;
  EXPECT_GT(insert(9), now) << "too old";
}

TEST_F(WriteSetTest, ValidateOnlyDeletesNothing) {
  Create(kDim, Metric::kL2);
  const uint64_t version = collection_->Upsert({Point(1, 1), Point(2, 2)})->commit;
  const std::vector<PointId> ids{PointId(1), PointId(1), PointId(7), PointId(2)};
  const auto tried =
      collection_->Delete(ids, {.if_versions = {0, 0, 0, version + 1}, .validate_only = true});
  ASSERT_TRUE(tried.ok()) << tried.status();
  EXPECT_EQ(tried->deleted, 1u);
  ExpectRejected(tried->rejected, 0, 3, StatusCode::kAborted,
                 "if_versions[3] is " + std::to_string(version + 1) + ", id 2 has version " +
                     std::to_string(version));
  EXPECT_EQ(collection_->Count(), 2u);
  EXPECT_EQ(collection_->Stats().commit, version);
  EXPECT_EQ(collection_->Delete(ids)->deleted, 2u);
}

TEST_F(WriteSetTest, AcceptedRequestsAreWrittenLater) {
  Create(kDim, Metric::kL2);
  ASSERT_TRUE(collection_->Upsert({Point(1, 1)}).ok());
  std::promise<void> release;
  io_.Post([held = release.get_future().share()] { held.wait(); });
  {
    // Gone before the rows are written.
    const std::vector<float> short_lived{5, 6, 7, 8};
    const auto accepted =
        collection_->Upsert({{PointId(1), ElementType::kF32, Bytes(short_lived.data(), kDim)},
                             {PointId(2), ElementType::kF32, Bytes(short_lived.data(), kDim)},
                             {PointId(3), ElementType::kF32, "odd"}},
                            {.mode = UpsertMode::kInsert, .ack = Ack::kAccepted});
    ASSERT_TRUE(accepted.ok()) << accepted.status();
    EXPECT_EQ(accepted->commit, 0u);
    EXPECT_EQ(accepted->upserted, 2u);
    EXPECT_EQ(accepted->rejected.size(), 1u);
  }
  EXPECT_EQ(collection_->Count(), 1u);
  release.set_value();
  ASSERT_TRUE(collection_->Upsert({Point(4, 4)}).ok());  // behind it
  EXPECT_EQ(collection_->Count(), 3u);
  const float want[] = {5, 6, 7, 8};
  EXPECT_EQ(Get(2)->vector, Bytes(want, kDim));
  EXPECT_EQ(collection_->Stats().accepted_rows_failed, 1u) << "id 1 was there";
  SetFailpoints("store.write.before=error");
  ASSERT_TRUE(collection_->Delete({PointId(4)}, {.ack = Ack::kAccepted}).ok());
  EXPECT_FALSE(collection_->Upsert({Point(5, 5)}).ok());
  EXPECT_EQ(collection_->Stats().accepted_rows_failed, 2u);
}

// Patched rows are rows that came and went to a rebuild that runs meanwhile.
TEST_F(WriteSetTest, PatchesDuringATrainingAreThereAfterIt) {
  Create(kDim, Metric::kL2, "IVF4,PQ2,Refine(SQ8)");
  Load(ClusteredRows(600, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  TrainOptions options;
  bool patched = false;
  options.context.progress = [&](double, const char* stage) {
    if (patched || std::string(stage) != "encode") return;
    patched = true;
    EXPECT_EQ(collection_->Patch({{PointId(5), R"({"a":1})"}})->patched, 1u);
    EXPECT_EQ(collection_->Patch({{PointId(5), R"({"b":2})"}, {PointId(6), R"({"c":3})"}})->patched, 2u);
  };
  ASSERT_TRUE(collection_->Train(options).ok());
  ASSERT_TRUE(patched);
  for (int opened = 0; opened < 2; ++opened) {
    EXPECT_EQ(Get(5)->payload, R"({"a":1,"b":2})");
    EXPECT_EQ(Get(6)->payload, R"({"c":3})");
    QueryParams params;
    params.limit = 1000;
    params.nprobe = 4;
    const std::vector<float> query(kDim, 0.0f);
    EXPECT_EQ(collection_->Query(query.data(), kDim, params)->hits.size(), 600u);
    Reopen();
  }
}

}  // namespace
}  // namespace tessera

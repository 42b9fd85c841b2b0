// Points whose time runs out: gone from every answer at that moment, and from the disk after.
#include "index/engine/expiry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "index/filter.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

using engine::ExpiryWatch;

std::vector<uint32_t> Numbers(const std::vector<RowId>& rows) {
  std::vector<uint32_t> numbers;
  for (const RowId row : rows) numbers.push_back(row.value);
  return numbers;
}

TEST(ExpiryWatchTest, TellsWhatIsDue) {
  ExpiryWatch watch;
  EXPECT_TRUE(watch.Due(INT64_MAX - 1).empty());
  for (uint32_t row = 0; row < 100; ++row) watch.Add(RowId{row}, 1000 - 10 * int64_t{row % 10});
  EXPECT_TRUE(watch.Due(909).empty());
  EXPECT_EQ(watch.Due(910).size(), 10u);
  EXPECT_EQ(Numbers(watch.Due(920)).front(), 8u);
  EXPECT_EQ(watch.Due(920).size(), 20u);
  EXPECT_EQ(watch.Due(1000).size(), 100u);
}

TEST(ExpiryWatchTest, WhatIsTakenStaysDueUntilItIsDone) {
  ExpiryWatch watch;
  for (uint32_t row = 0; row < 10; ++row) watch.Add(RowId{row}, 100 + row);
  EXPECT_EQ(Numbers(watch.Take(104, 3)), (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_EQ(Numbers(watch.Due(104)), (std::vector<uint32_t>{0, 1, 2, 3, 4}));
  watch.Done(false);
  EXPECT_EQ(Numbers(watch.Due(104)), (std::vector<uint32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(watch.Take(104, 100).size(), 5u);
  watch.Done(true);
  EXPECT_TRUE(watch.Due(104).empty());
  EXPECT_EQ(Numbers(watch.Due(105)), (std::vector<uint32_t>{5}));
}

TEST(ExpiryWatchTest, ForgetsRowsThatWereReplaced) {
  ExpiryWatch watch;
  for (uint32_t row = 0; row < 5000; ++row) watch.Add(RowId{row}, 100);
  EXPECT_TRUE(watch.crowded());
  const size_t before = watch.bytes();
  watch.Keep([](RowId row) { return row.value >= 4990; });
  EXPECT_FALSE(watch.crowded());
  EXPECT_LT(watch.bytes(), before / 10);
  EXPECT_EQ(watch.Due(100).size(), 10u);
}

// On a clock that the test moves.
class ExpiryTest : public CollectionTest {
 protected:
  static constexpr uint32_t kDim = 8;

  void SetUp() override {
    options_.clock = [this] { return now_.load(); };
    CollectionTest::SetUp();
  }
  // Points 0..n-1; those whose number is odd expire at `at`.
  void Make(uint32_t n, int64_t at, bool train) {
    Create(kDim, Metric::kL2, "IVF2,PQ4x4,Refine(SQ8)");
    rows_ = ClusteredRows(n, kDim, 5);
    std::vector<PointInput> points;
    for (uint32_t i = 0; i < n; ++i) {
      PointInput point;
      point.id = PointId(i);
      point.vector = Bytes(rows_.data() + i * kDim, kDim);
      point.payload = i % 3 == 0 ? R"({"a":1})" : R"({"a":2})";
      point.expire_at_ms = i % 2 == 1 ? at : 0;
      points.push_back(point);
    }
    ASSERT_TRUE(collection_->Upsert(points).ok());
    if (train) {
      const Status trained = collection_->Train({});
      ASSERT_TRUE(trained.ok()) << trained;
    }
  }
  PointInput Point(uint32_t i, int64_t expire_at_ms) {
    PointInput point;
    point.id = PointId(i);
    point.vector = Bytes(rows_.data() + i * kDim, kDim);
    point.expire_at_ms = expire_at_ms;
    return point;
  }
  static Filter Parsed(const char* text) { return *ParseFilter(text); }

  // Every way to see points sees exactly the even ones of n.
  void ExpectOnlyEven(uint32_t n) {
    EXPECT_EQ(collection_->Count(), n / 2);
    EXPECT_EQ(*collection_->Count(Parsed("true")), n / 2);
    EXPECT_EQ(*collection_->Count(Parsed("a = 1")), n / 6);
    const auto facet = collection_->Facet("a", nullptr, 10);
    ASSERT_TRUE(facet.ok());
    EXPECT_EQ(facet->front().count + facet->back().count, n / 2);
    for (const bool exact : {false, true}) {
      for (const char* filter : {"", "a = 1"}) {
        QueryParams params;
        params.limit = n;
        params.exact = exact;
        if (*filter) params.filter = Parsed(filter);
        const auto found = collection_->Query(rows_.data() + kDim, kDim, params);
        ASSERT_TRUE(found.ok()) << found.status();
        EXPECT_EQ(found->hits.size(), *filter ? n / 6 : n / 2);
        EXPECT_TRUE(found->exhausted);
        for (const Hit& hit : found->hits) EXPECT_EQ(hit.id.number() % 2, 0u);
        params.limit = 5;
        const auto few = collection_->Query(rows_.data() + kDim, kDim, params);
        ASSERT_TRUE(few.ok());
        EXPECT_EQ(few->hits.size(), 5u);
        EXPECT_FALSE(few->exhausted);
      }
    }
    const auto got = collection_->Get({PointId(0), PointId(1), PointId(2)});
    ASSERT_TRUE(got.ok());
    EXPECT_TRUE((*got)[0].has_value());
    EXPECT_FALSE((*got)[1].has_value());
    EXPECT_EQ(collection_->QueryById(PointId(1), {}).status().code(), absl::StatusCode::kNotFound);
    DeleteOptions dry;
    dry.validate_only = true;
    EXPECT_EQ(collection_->Delete({PointId(0), PointId(1)}, dry)->deleted, 1u);
    EXPECT_EQ(collection_->DeleteByFilter(Parsed("true"), dry)->deleted, n / 2);
    size_t listed = 0;
    ListParams list;
    list.limit = 7;
    do {
      const auto page = collection_->List(list);
      ASSERT_TRUE(page.ok()) << page.status();
      listed += page->points.size();
      list.after = page->next;
    } while (!list.after.empty());
    EXPECT_EQ(listed, n / 2);
    size_t within = 0;
    RangeParams range;
    range.radius = 1e9f;
    const auto ranged = collection_->QueryRange(Examples::Of(std::vector<float>(kDim, 0)), range,
                                                [&](std::vector<Hit>& hits) {
                                                  within += hits.size();
                                                  return OkStatus();
                                                });
    ASSERT_TRUE(ranged.ok());
    EXPECT_EQ(within, n / 2);
  }

  std::atomic<int64_t> now_{1000};
  std::vector<float> rows_;
};

// 120 points with few expired ones, which are left out of what is found; 600 with more, which are kept out by a mask.
TEST_F(ExpiryTest, GoneFromAllAnswersAtTheMoment) {
  for (const bool train : {false, true}) {
    for (const uint32_t n : {120u, 600u}) {
      SCOPED_TRACE(std::to_string(n) + (train ? " trained" : ""));
      Make(n, 5000, train);
      now_ = 4999;
      EXPECT_EQ(collection_->Count(), n);
      EXPECT_EQ((*collection_->Get({PointId(1)}))[0]->expire_at_ms, 5000);
      now_ = 5000;
      ExpectOnlyEven(n);
      EXPECT_EQ(collection_->Stats().rows, n);  // not yet removed
      Reopen();
      ExpectOnlyEven(n);
      EXPECT_EQ(*collection_->RemoveExpired(), n / 2);
      EXPECT_EQ(*collection_->RemoveExpired(), 0u);
      EXPECT_EQ(collection_->Stats().rows, n / 2);
      ExpectOnlyEven(n);
      Reopen();
      ExpectOnlyEven(n);
      now_ = 1000;
      collection_.reset();
      ASSERT_TRUE(catalog_->Drop("c").ok());
    }
  }
}

TEST_F(ExpiryTest, ExpiredIdsAreFreeForWrites) {
  Make(120, 5000, true);
  now_ = 5000;
  UpsertOptions insert;
  insert.mode = UpsertMode::kInsert;
  EXPECT_TRUE(collection_->Upsert({Point(1, 0)}, insert)->rejected.empty());
  EXPECT_EQ(collection_->Upsert({Point(2, 0)}, insert)->rejected.size(), 1u);
  UpsertOptions update;
  update.mode = UpsertMode::kUpdate;
  EXPECT_EQ(collection_->Upsert({Point(3, 0)}, update)->rejected.size(), 1u);
  EXPECT_EQ(collection_->Patch({{PointId(5), R"({"b":1})"}})->rejected.size(), 1u);
  EXPECT_EQ(collection_->Delete({PointId(7)})->deleted, 0u);
  EXPECT_EQ(collection_->Count(), 61u);
  EXPECT_EQ(*collection_->RemoveExpired(), 59u);
  EXPECT_EQ(collection_->Count(), 61u);
  EXPECT_EQ((*collection_->Get({PointId(1)}))[0]->expire_at_ms, 0);
}

TEST_F(ExpiryTest, WritingAgainChangesTheTime) {
  Make(120, 5000, true);
  ASSERT_TRUE(collection_->Upsert({Point(1, 9000)}).ok());     // later
  ASSERT_TRUE(collection_->Upsert({Point(3, 0)}).ok());        // never
  PatchInput later{PointId(5), "{}"};
  later.expire_at_ms = 9000;
  PatchInput never{PointId(7), "{}"};
  never.expire_at_ms = 0;
  const PatchInput same{PointId(9), R"({"a":3})"};
  ASSERT_TRUE(collection_->Patch({later, never, same}).ok());
  now_ = 5000;
  const auto got = collection_->Get({PointId(1), PointId(3), PointId(5), PointId(7), PointId(9)});
  std::vector<int64_t> times;
  for (const auto& point : *got) times.push_back(point ? point->expire_at_ms : -1);
  EXPECT_EQ(times, (std::vector<int64_t>{9000, 0, 9000, 0, -1}));
  EXPECT_EQ(*collection_->RemoveExpired(), 56u);
  EXPECT_EQ(collection_->Count(), 64u);
  now_ = 9000;
  EXPECT_EQ(*collection_->RemoveExpired(), 2u);
  EXPECT_EQ(collection_->Count(), 62u);
}

TEST_F(ExpiryTest, APointOfThePastIsNeverSeen) {
  Make(10, 5000, false);
  ASSERT_TRUE(collection_->Upsert({Point(2, 1000)}).ok());
  EXPECT_FALSE((*collection_->Get({PointId(2)}))[0].has_value());
  EXPECT_EQ(collection_->Count(), 9u);
}

TEST_F(ExpiryTest, ANegativeTimeIsRefused) {
  Make(10, 5000, false);
  const auto result = collection_->Upsert({Point(1, 0), Point(2, -1)});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->rejected.size(), 1u);
  EXPECT_EQ(MessageOf(result->rejected[0].status),
            "points[1].expire_at_ms is -1, expected Unix milliseconds, or 0 for never");
}

}  // namespace
}  // namespace tessera

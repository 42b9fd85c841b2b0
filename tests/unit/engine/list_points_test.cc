// Lists of all points: each once, of the state of the first page, whatever is written meanwhile.
#include "index/engine/list_points.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "index/filter.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 8;
constexpr uint32_t kRows = 1000;

class ListPointsTest : public CollectionTest {
 protected:
  void SetUp() override {
    options_.clock = [this] { return now_.load(); };
    CollectionTest::SetUp();
    Create(kDim, Metric::kL2, "IVF8,PQ4x8");
    rows_ = ClusteredRows(kRows, kDim, 5);
    Put(0, kRows, "old");
  }
  void Put(uint32_t begin, uint32_t end, const std::string& state) {
    std::vector<std::string> payloads;
    for (uint32_t i = begin; i < end; ++i) {
      payloads.push_back(R"({"state":")" + state + R"(","n":)" + std::to_string(i) + "}");
    }
    std::vector<PointInput> points;
    for (uint32_t i = begin; i < end; ++i) {
      points.push_back({PointId(i), ElementType::kF32, Bytes(rows_.data() + i * kDim, kDim), {}, payloads[i - begin]});
    }
    ASSERT_TRUE(collection_->Upsert(points).ok());
  }
  // Ids from a page to the end.
  std::vector<uint64_t> Rest(ListParams params) {
    std::vector<uint64_t> ids;
    for (;;) {
      const auto page = collection_->List(params);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return ids;
      EXPECT_LE(page->points.size(), params.limit);
      for (const StoredPoint& point : page->points) ids.push_back(point.id.number());
      params.after = page->next;
      if (params.after.empty()) return ids;
    }
  }
  static std::vector<uint64_t> Range(uint64_t begin, uint64_t end) {
    std::vector<uint64_t> ids;
    for (; begin < end; ++begin) ids.push_back(begin);
    return ids;
  }

  std::atomic<int64_t> now_{1000};
  std::vector<float> rows_;
};

TEST_F(ListPointsTest, EachPointOnceAtAnyPageSize) {
  for (const uint32_t limit : {1u, 7u, 255u, 256u, 257u, 999u, 1000u, 16384u}) {
    ListParams params;
    params.limit = limit;
    EXPECT_EQ(Rest(params), Range(0, kRows)) << limit;
  }
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_EQ(Rest({}), Range(0, kRows));
}

TEST_F(ListPointsTest, VectorsAndPayloadsAreThoseOfTheState) {
  ListParams params;
  params.limit = 10;
  params.with_vector = true;
  params.with_payload = true;
  const auto first = collection_->List(params);
  ASSERT_TRUE(first.ok());
  Put(0, kRows, "new");
  params.after = first->next;
  const auto second = collection_->List(params);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_EQ(second->points.size(), 10u);
  EXPECT_EQ(second->points[0].id.number(), 10u);
  EXPECT_EQ(second->points[0].payload, R"({"state":"old","n":10})");
  EXPECT_EQ(second->points[0].vector, Bytes(rows_.data() + 10 * kDim, kDim));
  EXPECT_EQ(second->points[0].version, 1u);
  EXPECT_EQ(second->commit, first->commit);
  params.after.clear();
  EXPECT_EQ(collection_->List(params)->points[0].payload, R"({"state":"new","n":0})");
}

TEST_F(ListPointsTest, WritesMeanwhileDoNotShow) {
  ListParams params;
  params.limit = 100;
  const auto first = collection_->List(params);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(collection_->DeleteByFilter(*ParseFilter("n >= 300 and n < 600")).ok());
  Put(600, 700, "new");
  ASSERT_TRUE(collection_->Train({}).ok());
  params.after = first->next;
  EXPECT_EQ(Rest(params), Range(100, kRows));
  params.after.clear();
  EXPECT_EQ(Rest(params).size(), 700u);
}

TEST_F(ListPointsTest, UnderAFilter) {
  Put(0, 500, "new");
  ListParams params;
  params.limit = 64;
  params.filter = *ParseFilter("state = \"old\" and n < 600");
  EXPECT_EQ(Rest(params), Range(500, 600));
  params.limit = 8;
  const auto page = collection_->List(params);
  ASSERT_TRUE(page.ok());
  params.after = page->next;
  params.filter = *ParseFilter("state = \"new\"");
  EXPECT_EQ(collection_->List(params).status().code(), absl::StatusCode::kInvalidArgument);
  params.filter.reset();
  EXPECT_EQ(collection_->List(params).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ListPointsTest, AStateIsForgottenWhenNoPageIsAskedFor) {
  ListParams params;
  params.limit = 10;
  params.after = collection_->List(params)->next;
  now_ = now_ + options_.list_retention.count();
  EXPECT_TRUE(collection_->List(params).ok());
  now_ = now_ + options_.list_retention.count() + 1;
  // Nothing was written: the state is that in force.
  EXPECT_TRUE(collection_->List(params).ok());
  Put(0, 1, "new");
  EXPECT_TRUE(collection_->List(params).ok());
  now_ = now_ + options_.list_retention.count() + 1;
  const auto late = collection_->List(params);
  EXPECT_EQ(late.status().code(), absl::StatusCode::kAborted);
  EXPECT_NE(MessageOf(late.status()).find("list from the beginning"), std::string::npos);
}

TEST_F(ListPointsTest, ATokenOutlivesARestartUntilSomethingIsWritten) {
  ListParams params;
  params.limit = 400;
  params.after = collection_->List(params)->next;
  Reopen();
  EXPECT_EQ(Rest(params), Range(400, kRows));
  Put(0, 1, "new");
  Reopen();
  EXPECT_EQ(collection_->List(params).status().code(), absl::StatusCode::kAborted);
}

TEST_F(ListPointsTest, HostileTokensAreRefused) {
  ListParams params;
  params.limit = 10;
  const std::string token = collection_->List(params)->next;
  for (size_t i = 0; i < token.size(); ++i) {
    params.after = token;
    params.after[i] = static_cast<char>(params.after[i] ^ 1);
    EXPECT_EQ(collection_->List(params).status().code(), absl::StatusCode::kInvalidArgument) << i;
    params.after = token.substr(0, i);
    if (i > 0) {
      EXPECT_EQ(collection_->List(params).status().code(), absl::StatusCode::kInvalidArgument) << i;
    }
  }
  params.after = token + "x";
  EXPECT_EQ(collection_->List(params).status().code(), absl::StatusCode::kInvalidArgument);
  params.after.clear();
  for (const uint32_t limit : {0u, kMaxLimit + 1}) {
    params.limit = limit;
    EXPECT_EQ(collection_->List(params).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(ListPointsTest, AnEmptyCollection) {
  ASSERT_TRUE(collection_->DeleteByFilter(*ParseFilter("true")).ok());
  const auto page = collection_->List({});
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->points.empty());
  EXPECT_TRUE(page->next.empty());
}

}  // namespace
}  // namespace tessera

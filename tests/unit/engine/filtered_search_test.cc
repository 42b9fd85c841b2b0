// Searches, counts and deletions under a filter: what passes, all of it, and nothing else.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "index/filter.h"
#include "index/payload.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 16;
constexpr uint32_t kRows = 4000;
constexpr size_t kQueries = 40;

Filter Parsed(const std::string& text) {
  const StatusOr<Filter> filter = ParseFilter(text);
  EXPECT_TRUE(filter.ok()) << filter.status();
  return filter.ok() ? *filter : Filter();
}

std::string PayloadOf(uint32_t i) {
  if (i % 50 == 7) return "";
  return "{\"n\":" + std::to_string(i) + ",\"kind\":\"k" + std::to_string(i % 10) + "\",\"cluster\":" +
         std::to_string(i * 8 / kRows) + ",\"tags\":[\"a" + std::to_string(i % 3) + "\",\"b" + std::to_string(i % 7) +
         "\"]}";
}

// Selectivities from all to nothing, of fields that have nothing to do with the vectors and of one that has.
const char* const kFilters[] = {"true",
                                "kind = \"k3\"",
                                "n < 40",
                                "n < 400 and kind in (\"k1\", \"k2\")",
                                "n = 1234",
                                "missing(n)",
                                "not kind = \"k3\"",
                                "cluster = 2",
                                "cluster >= 6 and tags = \"b5\"",
                                "id in (5, 6, 7, 3999) or n = 17",
                                "n > 100000"};

class FilteredSearch : public CollectionTest, public ::testing::WithParamInterface<const char*> {
 protected:
  // Rows in order of their cluster, some replaced, patched and deleted.
  void Make() {
    Create(kDim, Metric::kL2, *GetParam() ? GetParam() : "IVF,PQ8x8");
    rows_ = ClusteredRows(kRows, kDim, 3);
    std::vector<size_t> order(kRows);
    for (size_t i = 0; i < kRows; ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return rows_[a * kDim] < rows_[b * kDim]; });
    std::vector<float> sorted;
    for (const size_t i : order) {
      sorted.insert(sorted.end(), rows_.begin() + static_cast<ptrdiff_t>(i * kDim),
                    rows_.begin() + static_cast<ptrdiff_t>((i + 1) * kDim));
    }
    rows_ = sorted;
    payloads_.resize(kRows);
    for (uint32_t i = 0; i < kRows; ++i) payloads_[i] = PayloadOf(i);
    Put(0, kRows);
    if (*GetParam()) {
      ASSERT_TRUE(collection_->Train({}).ok());
    }
    for (uint32_t i = 0; i < kRows; i += 11) payloads_[i] = PayloadOf((i * 7) % kRows);
    for (uint32_t i = 0; i < kRows; i += 11) Put(i, i + 1);
    std::vector<PointId> dead;
    for (uint64_t i = 3; i < kRows; i += 13) {
      dead.emplace_back(i);
      dead_.insert(i);
    }
    ASSERT_TRUE(collection_->Delete(dead).ok());
    std::vector<PatchInput> patches;
    for (uint64_t i = 4; i < kRows; i += 97) {
      if (dead_.count(i)) continue;
      patches.push_back({PointId(i), "{\"kind\":\"k3\"}"});
      payloads_[i] = *MergePayload(payloads_[i], "{\"kind\":\"k3\"}");
    }
    ASSERT_TRUE(collection_->Patch(patches).ok());
  }
  void Put(uint32_t begin, uint32_t end) {
    std::vector<PointInput> points;
    for (uint32_t i = begin; i < end; ++i) {
      points.push_back({PointId(i), ElementType::kF32, Bytes(rows_.data() + i * kDim, kDim), {}, payloads_[i]});
    }
    const auto put = collection_->Upsert(points);
    ASSERT_TRUE(put.ok()) << put.status();
    ASSERT_EQ(put->upserted, end - begin);
  }

  std::set<uint64_t> Passing(const Filter& filter) const {
    std::set<uint64_t> ids;
    for (uint64_t i = 0; i < kRows; ++i) {
      if (dead_.count(i)) continue;
      const auto passes = Matches(filter, payloads_[i], PointId(i), {});
      EXPECT_TRUE(passes.ok());
      if (*passes) ids.insert(i);
    }
    return ids;
  }
  // The ids, nearest to q first.
  std::vector<uint64_t> Nearest(const float* q, const std::set<uint64_t>& among) const {
    std::vector<std::pair<double, uint64_t>> found;
    for (const uint64_t i : among) {
      double sum = 0;
      for (uint32_t j = 0; j < kDim; ++j) sum += std::pow(double{q[j]} - rows_[i * kDim + j], 2);
      found.emplace_back(sum, i);
    }
    std::sort(found.begin(), found.end());
    std::vector<uint64_t> ids;
    for (const auto& [distance, id] : found) ids.push_back(id);
    return ids;
  }

  void CheckAll() {
    const std::vector<float> queries = ClusteredRows(kQueries, kDim, 9);
    for (const char* text : kFilters) {
      const Filter filter = Parsed(text);
      const std::set<uint64_t> passing = Passing(filter);
      const auto count = collection_->Count(filter);
      ASSERT_TRUE(count.ok()) << count.status();
      EXPECT_EQ(*count, passing.size()) << text;
      for (const bool exact : {true, false}) Check(text, filter, passing, queries, exact);
    }
  }

  void Check(const char* text, const Filter& filter, const std::set<uint64_t>& passing,
             const std::vector<float>& queries, bool exact) {
    QueryParams params;
    params.filter = filter;
    params.exact = exact;
    params.explain = true;
    std::vector<QueryResult> batch;
    ASSERT_TRUE(collection_->QueryBatch({queries.data(), kQueries, kDim}, params, batch).ok());
    size_t right = 0, wanted = 0;
    for (size_t q = 0; q < kQueries; ++q) {
      const std::vector<uint64_t> truth = Nearest(queries.data() + q * kDim, passing);
      const size_t k = std::min<size_t>(10, truth.size());
      ASSERT_EQ(batch[q].hits.size(), k) << text << (exact ? " exact" : "");
      EXPECT_EQ(batch[q].exhausted, truth.size() <= 10) << text;
      EXPECT_EQ(batch[q].explain.rows_passing, truth.size());
      const std::set<uint64_t> best(truth.begin(), truth.begin() + static_cast<ptrdiff_t>(k));
      for (const Hit& hit : batch[q].hits) {
        ASSERT_TRUE(passing.count(hit.id.number())) << text << " let " << hit.id.ToString() << " through";
        right += best.count(hit.id.number());
      }
      wanted += k;
      params.explain = false;
      const auto one = collection_->Query(queries.data() + q * kDim, kDim, params);
      ASSERT_TRUE(one.ok()) << one.status();
      ASSERT_EQ(one->hits.size(), k);
      for (size_t i = 0; i < k; ++i) EXPECT_EQ(one->hits[i].id, batch[q].hits[i].id) << text;
    }
    if (exact) {
      EXPECT_EQ(right, wanted) << text;
    }
    EXPECT_GE(static_cast<double>(right), 0.93 * static_cast<double>(wanted)) << text;
  }

  std::vector<float> rows_;
  std::vector<std::string> payloads_;
  std::set<uint64_t> dead_;
};

TEST_P(FilteredSearch, FindsWhatPassesAndNothingElse) {
  Make();
  CheckAll();
}

TEST_P(FilteredSearch, TheSameAfterReopeningAndTraining) {
  Make();
  Reopen();
  CheckAll();
  TrainOptions options;
  options.quantizer = *QuantizerSpec::Parse("IVF30,PQ8x8,Refine(SQ8)");
  ASSERT_TRUE(collection_->Train(options).ok());
  CheckAll();
}

// A kept result is built on: rows that came, went or changed since are seen.
TEST_P(FilteredSearch, SeesWritesBetweenQuestions) {
  Make();
  const Filter filter = Parsed("kind = \"k3\"");
  const uint64_t before = *collection_->Count(filter);
  payloads_[10] = "{\"kind\":\"k3\"}";
  Put(10, 11);
  EXPECT_EQ(*collection_->Count(filter), before + 1);
  ASSERT_TRUE(collection_->Patch({{PointId(10), "{\"kind\":\"k4\"}"}}).ok());
  EXPECT_EQ(*collection_->Count(filter), before);
  payloads_[10] = "{\"kind\":\"k4\"}";
  ASSERT_TRUE(collection_->Delete({PointId(13)}).ok());
  dead_.insert(13);
  CheckAll();
}

TEST_P(FilteredSearch, DeletesWhatPasses) {
  Make();
  const Filter filter = Parsed("cluster = 2 or missing(n)");
  const std::set<uint64_t> passing = Passing(filter);
  DeleteOptions options;
  options.validate_only = true;
  auto deleted = collection_->DeleteByFilter(filter, options);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, passing.size());
  EXPECT_EQ(*collection_->Count(filter), passing.size());
  const uint64_t rows = collection_->Count();
  deleted = collection_->DeleteByFilter(filter);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, passing.size());
  EXPECT_EQ(*collection_->Count(filter), 0u);
  EXPECT_EQ(collection_->Count(), rows - passing.size());
  dead_.insert(passing.begin(), passing.end());
  CheckAll();
}

TEST_P(FilteredSearch, CountsValues) {
  Make();
  const Filter filter = Parsed("n < 1000");
  std::map<std::string, uint64_t> expected;
  for (const uint64_t id : Passing(filter)) {
    const auto values = PayloadValues(payloads_[id], "kind", {});
    ASSERT_TRUE(values.ok());
    for (const PayloadValue& value : *values) ++expected[value.text];
  }
  const auto facet = collection_->Facet("kind", &filter, 100);
  ASSERT_TRUE(facet.ok()) << facet.status();
  std::map<std::string, uint64_t> counted;
  for (const FacetCount& one : *facet) counted[one.value.text] = one.count;
  EXPECT_EQ(counted, expected);
  const auto all = collection_->Facet("kind", nullptr, 2);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(Quantizers, FilteredSearch,
                         ::testing::Values("", "IVF40,PQ8x8,Refine(SQ8)", "OPQ,IVF20,PQ16x4", "IVF40,RaBitQ4"),
                         [](const auto& one) { return "Case" + std::to_string(one.index); });

TEST_F(CollectionTest, AFilterIsCheckedAgainstTheDeclaredFields) {
  CollectionSpec spec;
  spec.dim = kDim;
  spec.auto_train = false;
  spec.payload = *PayloadSchema::Make({{"price", FieldType::kFloat}, {"note", FieldType::kKeyword, false, false}});
  auto made = catalog_->Create("c", spec);
  ASSERT_TRUE(made.ok()) << made.status();
  collection_ = *made;
  const std::vector<float> row(kDim, 1.0f);
  const auto put = [&](const char* payload) {
    return collection_->Upsert({{PointId(1), ElementType::kF32, Bytes(row.data(), kDim), {}, payload}},
                               {.atomic = true});
  };
  EXPECT_TRUE(put("{\"price\":4.5,\"note\":\"x\"}").ok());
  const auto refused = put("{\"price\":\"cheap\"}");
  ASSERT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  EXPECT_NE(MessageOf(refused.status()).find("points[0].payload"), std::string::npos) << refused.status();
  QueryParams params;
  params.filter = Parsed("price < \"a\"");
  EXPECT_TRUE(absl::IsInvalidArgument(collection_->Query(row.data(), kDim, params).status()));
  params.filter = Parsed("note = \"x\"");
  EXPECT_TRUE(absl::IsInvalidArgument(collection_->Query(row.data(), kDim, params).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(collection_->Facet("note", nullptr, 10).status()));
  DeleteOptions options;
  options.request_id = "once";
  const auto deleted = collection_->DeleteByFilter(Parsed("price < 5"), options);
  EXPECT_TRUE(absl::IsInvalidArgument(deleted.status())) << deleted.status();
  Reopen();
  EXPECT_EQ(collection_->spec().payload, spec.payload);
  EXPECT_EQ(*collection_->Count(Parsed("price < 5")), 1u);
}

// Whenever the collection is dropped, the deletion ends with it, between two of its commits.
TEST_F(CollectionTest, ADeletionByFilterEndsWhenTheCollectionIsDropped) {
  const auto rows = ClusteredRows(20000, 4, 1);
  for (int round = 0; round < 3; ++round) {
    Create(4, Metric::kL2);
    Load(rows, 4);
    Status status;
    std::thread deleting([&, collection = collection_] {
      status = collection->DeleteByFilter(Parsed("true")).status();
    });
    if (round > 0) {
      while (collection_->Count() == rows.size() / 4) std::this_thread::yield();  // round 0: at once
    }
    ASSERT_TRUE(catalog_->Drop("c").ok());
    deleting.join();
    EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
  }
}

}  // namespace
}  // namespace tessera

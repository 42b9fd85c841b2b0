#include "client/cli/recall.h"

#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

std::vector<client::Hit> Hits(std::initializer_list<uint64_t> ids) {
  std::vector<client::Hit> hits;
  for (uint64_t id : ids) {
    hits.emplace_back();
    hits.back().id = PointId(id);
  }
  return hits;
}

Truth TruthWith(std::vector<PointId> ids, std::vector<float> scores = {}) {
  return {std::move(ids), std::move(scores)};
}

TEST(Recall, CountsTheIntersectionWithTheTrueTopK) {
  const Truth truth = TruthWith({1, 2, 3, 4, 5});
  const RecallCount count = CountRecall(Hits({3, 9, 1}), truth, 3, Metric::kL2);
  EXPECT_EQ(count.expected, 3u);
  EXPECT_EQ(count.found, 2u);
  EXPECT_TRUE(count.first_found);
  // 4 is a true neighbour, but not of the top 3.
  EXPECT_EQ(CountRecall(Hits({4, 5, 9}), truth, 3, Metric::kL2).found, 0u);
}

TEST(Recall, HitsBeyondKDoNotCount) {
  EXPECT_EQ(CountRecall(Hits({9, 8, 1}), TruthWith({1, 2}), 2, Metric::kL2).found, 0u);
}

TEST(Recall, AnIdFoundTwiceCountsOnce) {
  EXPECT_EQ(CountRecall(Hits({1, 1, 1}), TruthWith({1, 2, 3}), 3, Metric::kL2).found, 1u);
}

TEST(Recall, ATieWithTheKthCountsAndNotMore) {
  const Truth truth = TruthWith({1, 2, 3, 4, 5}, {0.1f, 0.2f, 0.2f, 0.2f, 0.3f});
  EXPECT_EQ(CountRecall(Hits({1, 4}), truth, 2, Metric::kL2).found, 2u);
  EXPECT_EQ(CountRecall(Hits({1, 5}), truth, 2, Metric::kL2).found, 1u);
  // Three are tied for one place: together they are no more than k.
  EXPECT_EQ(CountRecall(Hits({2, 3}), truth, 2, Metric::kL2).found, 2u);
  // Without scores a tie cannot be told.
  EXPECT_EQ(CountRecall(Hits({1, 4}), TruthWith({1, 2, 3, 4, 5}), 2, Metric::kL2).found, 1u);
}

TEST(Recall, AnExactScoreTiesBeyondTheListedTruth) {
  const Truth truth = TruthWith({1, 2}, {0.1f, 0.2f});
  auto hits = Hits({1, 77});
  hits[1].score = 0.2f;
  EXPECT_EQ(CountRecall(hits, truth, 2, Metric::kL2).found, 1u) << "an estimate proves nothing";
  hits[1].exact = true;
  EXPECT_EQ(CountRecall(hits, truth, 2, Metric::kL2).found, 2u);
  hits[1].score = 0.21f;
  EXPECT_EQ(CountRecall(hits, truth, 2, Metric::kL2).found, 1u);
  // Similarities: larger is better.
  const Truth similar = TruthWith({1, 2}, {0.9f, 0.8f});
  hits[1].score = 0.8f;
  EXPECT_EQ(CountRecall(hits, similar, 2, Metric::kCosine).found, 2u);
  hits[1].score = 0.79f;
  EXPECT_EQ(CountRecall(hits, similar, 2, Metric::kCosine).found, 1u);
}

TEST(Recall, SmallCollectionsAreNotBlamed) {
  const RecallCount count = CountRecall(Hits({1, 2}), TruthWith({1, 2}), 10, Metric::kL2);
  EXPECT_EQ(count.expected, 2u);
  EXPECT_EQ(count.found, 2u);
  EXPECT_EQ(CountRecall(Hits({1}), TruthWith({}), 10, Metric::kL2).expected, 0u);
}

TEST(Recall, SumsOverQueries) {
  Recall recall;
  recall.Add({10, 9, true});
  recall.Add({10, 8, false});
  recall.Add({0, 0, false});  // no truth: no query
  EXPECT_DOUBLE_EQ(recall.at_k(), 0.85);
  EXPECT_DOUBLE_EQ(recall.first_at_k(), 0.5);
  EXPECT_DOUBLE_EQ(Recall().at_k(), 0);
}

TEST(TruthOf, AFileRowEndsAtMinusOne) {
  const formats::NeighborTable table{2, 3, {5, 6, 7, 8, -1, -1}};
  EXPECT_EQ(TruthOf(table, 0).ids, (std::vector<PointId>{5, 6, 7}));
  EXPECT_EQ(TruthOf(table, 1).ids, (std::vector<PointId>{8}));
}

TEST(Quantile, NearestRank) {
  EXPECT_EQ(Quantile({}, 0.5), 0);
  EXPECT_EQ(Quantile({7}, 0.99), 7);
  EXPECT_EQ(Quantile({4, 1, 3, 2}, 0.5), 2);
  std::vector<double> hundred;
  for (int i = 100; i >= 1; --i) hundred.push_back(i);
  EXPECT_EQ(Quantile(hundred, 0.99), 99);
  EXPECT_EQ(Quantile(hundred, 1.0), 100);
}

}  // namespace
}  // namespace tessera::cli

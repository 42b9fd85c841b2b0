#include "client/cli/recall.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace tessera::cli {
namespace {

// The ids of the first n true neighbours and of those tied with the n-th.
std::unordered_set<PointId> WithTies(const Truth& truth, size_t n) {
  std::unordered_set<PointId> ids(truth.ids.begin(), truth.ids.begin() + static_cast<ptrdiff_t>(n));
  if (truth.scores.empty()) return ids;
  for (size_t i = n; i < truth.ids.size() && truth.scores[i] == truth.scores[n - 1]; ++i) {
    ids.insert(truth.ids[i]);
  }
  return ids;
}

// True if the hit ranks as well as the n-th true neighbour. Needs exact scores on both sides.
bool Ties(const client::Hit& hit, const Truth& truth, size_t n, Metric metric) {
  return hit.exact && !truth.scores.empty() &&
         !RanksBefore(metric, truth.scores[n - 1], hit.score);
}

}  // namespace

const char* const kRecallDefinition =
    "recall@k: of the true k nearest, the share among the k found (a found vector as near as the "
    "k-th counts)\n"
    "1-recall@k: the share of queries whose nearest is among the k found";

RecallCount CountRecall(const std::vector<client::Hit>& hits, const Truth& truth, size_t k,
                        Metric metric) {
  RecallCount count;
  count.expected = std::min(k, truth.ids.size());
  if (count.expected == 0) return count;
  const auto top = WithTies(truth, count.expected);
  const auto nearest = WithTies(truth, 1);
  std::unordered_set<PointId> seen;
  for (size_t i = 0; i < std::min(k, hits.size()); ++i) {
    const client::Hit& hit = hits[i];
    if (!seen.insert(hit.id).second) continue;
    if (top.contains(hit.id) || Ties(hit, truth, count.expected, metric)) ++count.found;
    if (nearest.contains(hit.id) || Ties(hit, truth, 1, metric)) count.first_found = true;
  }
  count.found = std::min(count.found, count.expected);
  return count;
}

void Recall::Add(const RecallCount& count) {
  if (count.expected == 0) return;
  ++queries_;
  expected_ += count.expected;
  found_ += count.found;
  first_found_ += count.first_found ? 1 : 0;
}

double Recall::at_k() const {
  return expected_ == 0 ? 0 : static_cast<double>(found_) / static_cast<double>(expected_);
}

double Recall::first_at_k() const {
  return queries_ == 0 ? 0 : static_cast<double>(first_found_) / static_cast<double>(queries_);
}

Truth TruthOf(const formats::NeighborTable& table, size_t query) {
  Truth truth;
  for (size_t i = 0; i < table.k && table.row(query)[i] >= 0; ++i) {
    truth.ids.emplace_back(static_cast<uint64_t>(table.row(query)[i]));
  }
  return truth;
}

Truth TruthOf(const client::QueryResult& exact) {
  Truth truth;
  for (const client::Hit& hit : exact.hits) {
    truth.ids.push_back(hit.id);
    truth.scores.push_back(hit.score);
  }
  return truth;
}

double Quantile(std::vector<double> values, double p) {
  if (values.empty()) return 0;
  const auto rank = static_cast<size_t>(std::ceil(p * static_cast<double>(values.size())));
  const size_t index = std::clamp<size_t>(rank, 1, values.size()) - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(index), values.end());
  return values[index];
}

}  // namespace tessera::cli

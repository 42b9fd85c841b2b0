#include "bench/report/recall.h"

#include <algorithm>
#include <unordered_map>

namespace tessera::bench {
namespace {

constexpr size_t kDepths[2] = {10, 100};
constexpr size_t kFirstDepths[3] = {1, 10, 100};

}  // namespace

void Recall::AddQuery(std::span<const int64_t> found, std::span<const int32_t> truth) {
  const auto end = std::find(truth.begin(), truth.end(), -1);
  truth = truth.first(static_cast<size_t>(end - truth.begin()));
  if (truth.empty()) return;
  ++queries_;
  std::unordered_map<int64_t, size_t> place;  // where an id stands first in the answer
  for (size_t i = 0; i < found.size(); ++i) place.emplace(found[i], i);
  const auto place_of = [&](int32_t id) {
    const auto it = place.find(id);
    return it == place.end() ? found.size() : it->second;
  };
  for (size_t d = 0; d < 2; ++d) {
    const size_t k = std::min(kDepths[d], truth.size());
    expected_[d] += k;
    for (size_t i = 0; i < k; ++i) {
      const size_t at = place_of(truth[i]);
      if (at < found.size() && at < kDepths[d]) ++found_[d];
    }
  }
  const size_t nearest = place_of(truth[0]);
  for (size_t d = 0; d < 3; ++d) {
    if (nearest < found.size() && nearest < kFirstDepths[d]) ++first_[d];
  }
}

void Recall::Add(const Recall& other) {
  queries_ += other.queries_;
  for (size_t d = 0; d < 2; ++d) found_[d] += other.found_[d];
  for (size_t d = 0; d < 2; ++d) expected_[d] += other.expected_[d];
  for (size_t d = 0; d < 3; ++d) first_[d] += other.first_[d];
}

}  // namespace tessera::bench

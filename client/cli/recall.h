// Recall of answers against the true neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/formats/neighbors.h"
#include "index/types.h"

namespace tessera::cli {

// True neighbours of one query, nearest first. With scores it may be longer than k, so that ties
// with the k-th are seen.
struct Truth {
  std::vector<PointId> ids;
  std::vector<float> scores;  // as many as ids; or empty: not known, and ties cannot be told
};

extern const char* const kRecallDefinition;  // to be printed beside the numbers

// Of one answer.
struct RecallCount {
  size_t expected = 0;     // min(k, true neighbours there are)
  size_t found = 0;        // of the first k hits: among the true top k, or tied with the k-th
  bool first_found = false;  // the nearest, or one tied with it, is among the first k hits
};
RecallCount CountRecall(const std::vector<client::Hit>& hits, const Truth& truth, size_t k,
                        Metric metric);

// Sums over queries.
class Recall {
 public:
  void Add(const RecallCount& count);
  double at_k() const;      // k-recall@k: found / expected
  double first_at_k() const;  // 1-recall@k: share of queries whose nearest was found

 private:
  size_t queries_ = 0;
  size_t expected_ = 0;
  size_t found_ = 0;
  size_t first_found_ = 0;
};

// Row `query` of a file; ids are row numbers, -1 ends a row.
Truth TruthOf(const formats::NeighborTable& table, size_t query);
Truth TruthOf(const client::QueryResult& exact);

// The p-quantile (nearest rank) of unsorted values; 0 if there are none.
double Quantile(std::vector<double> values, double p);

}  // namespace tessera::cli

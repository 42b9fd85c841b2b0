// Measures a collection: recall, throughput and latency of several settings of the search.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "client/cli/options.h"
#include "client/cli/recall.h"
#include "client/client.h"

namespace tessera::cli {

// Borrowed from whoever evaluates.
struct EvalQueries {
  client::VectorRows rows;
  std::vector<Truth> truth;  // as many as rows
};

struct EvalSettings {
  std::string collection;
  Metric metric = Metric::kL2;
  uint32_t k = 10;
  size_t batch = 1000;         // queries a request for throughput
  size_t latency_queries = 1000;  // asked one by one; 0 = no latencies
};

// One line of the table.
struct EvalPoint {
  client::SearchParams params;  // in effect, as the server says
  double recall = 0;
  double first_recall = 0;
  double queries_per_second = 0;
  double p50_us = 0;  // seen by the client, one query under way
  double p99_us = 0;
};

// `what` tells a stage and how much of it is done; may be empty.
using EvalProgress = std::function<void(double fraction, const std::string& what)>;

// The true neighbours by exact search, some more than k so that ties show.
StatusOr<std::vector<Truth>> ComputeTruth(client::Client& client, const EvalSettings& settings,
                                          const client::VectorRows& rows,
                                          const EvalProgress& progress);

StatusOr<EvalPoint> Evaluate(client::Client& client, const EvalSettings& settings,
                             const EvalQueries& queries, const client::SearchParams& params,
                             const EvalProgress& progress);

}  // namespace tessera::cli

#include "client/cli/evaluation.h"

#include <algorithm>
#include <chrono>

#include "client/cli/interrupt.h"

namespace tessera::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kTieRoom = 10;     // true neighbours beyond k
constexpr size_t kTruthBatch = 500;   // exact queries a request
constexpr double kMinSeconds = 0.5;
constexpr int kMaxPasses = 20;
constexpr size_t kWarmUp = 20;        // single queries before the clock starts

double Seconds(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Status CheckInterrupt() { return InterruptRequested() ? Cancelled("interrupted") : OkStatus(); }

// Recall and throughput: all queries in batches, again while the clock has seen too little.
Status MeasureBatches(client::Client& client, const EvalSettings& settings,
                      const EvalQueries& queries, const client::QueryOptions& query,
                      const EvalProgress& progress, EvalPoint& point) {
  const client::VectorRows& rows = queries.rows;
  Recall recall;
  double seconds = 0;
  size_t asked = 0;
  for (int pass = 0; pass == 0 || (seconds < kMinSeconds && pass < kMaxPasses); ++pass) {
    for (size_t begin = 0; begin < rows.rows; begin += settings.batch) {
      TESSERA_RETURN_IF_ERROR(CheckInterrupt());
      if (progress) progress(static_cast<double>(begin) / static_cast<double>(rows.rows), "batch");
      const size_t count = std::min(settings.batch, rows.rows - begin);
      const auto start = Clock::now();
      TESSERA_ASSIGN_OR_RETURN(
          auto results, client.QueryBatch(settings.collection, rows.Slice(begin, count), query));
      seconds += Seconds(start);
      asked += count;
      for (size_t i = 0; pass == 0 && i < results.size(); ++i) {
        recall.Add(CountRecall(results[i].hits, queries.truth[begin + i], settings.k,
                               settings.metric));
      }
      point.params = results.front().effective;
    }
  }
  point.recall = recall.at_k();
  point.first_recall = recall.first_at_k();
  point.queries_per_second = static_cast<double>(asked) / seconds;
  return OkStatus();
}

StatusOr<EvalPoint> MeasureSingles(client::Client& client, const EvalSettings& settings,
                                   const client::VectorRows& rows,
                                   const client::QueryOptions& query, EvalPoint point) {
  std::vector<double> micros;
  const size_t singles = std::min(settings.latency_queries, rows.rows);
  const size_t warm_up = std::min(kWarmUp, singles);
  for (size_t i = 0; i < warm_up + singles; ++i) {
    TESSERA_RETURN_IF_ERROR(CheckInterrupt());
    const auto start = Clock::now();
    TESSERA_RETURN_IF_ERROR(
        client.Query(settings.collection, rows.Slice(i % singles, 1), query).status());
    if (i >= warm_up) micros.push_back(Seconds(start) * 1e6);
  }
  point.p50_us = Quantile(micros, 0.50);
  point.p99_us = Quantile(micros, 0.99);
  return point;
}

}  // namespace

StatusOr<std::vector<Truth>> ComputeTruth(client::Client& client, const EvalSettings& settings,
                                          const client::VectorRows& rows,
                                          const EvalProgress& progress) {
  client::QueryOptions query;
  query.limit = settings.k + kTieRoom;
  query.params.exact = true;
  std::vector<Truth> truth;
  truth.reserve(rows.rows);
  for (size_t begin = 0; begin < rows.rows; begin += kTruthBatch) {
    TESSERA_RETURN_IF_ERROR(CheckInterrupt());
    if (progress) progress(static_cast<double>(begin) / static_cast<double>(rows.rows), "exact");
    const size_t count = std::min(kTruthBatch, rows.rows - begin);
    TESSERA_ASSIGN_OR_RETURN(
        auto results, client.QueryBatch(settings.collection, rows.Slice(begin, count), query));
    for (const client::QueryResult& result : results) truth.push_back(TruthOf(result));
  }
  return truth;
}

StatusOr<EvalPoint> Evaluate(client::Client& client, const EvalSettings& settings,
                             const EvalQueries& queries, const client::SearchParams& params,
                             const EvalProgress& progress) {
  client::QueryOptions query;
  query.limit = settings.k;
  query.params = params;
  const client::VectorRows& rows = queries.rows;
  EvalPoint point;
  TESSERA_RETURN_IF_ERROR(MeasureBatches(client, settings, queries, query, progress, point));
  return MeasureSingles(client, settings, rows, query, std::move(point));
}

}  // namespace tessera::cli

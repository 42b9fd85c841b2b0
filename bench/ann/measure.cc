#include "bench/ann/measure.h"

#include <algorithm>
#include <functional>
#include <thread>

#include "bench/report/statistics.h"

namespace tessera::bench {
namespace {

constexpr double kWarmUpSeconds = 0.02;
constexpr size_t kWarmUpBatch = 100;

// Runs body(thread) on `threads` threads, the caller's among them, and returns the first error.
Status OnThreads(size_t threads, const std::function<Status(size_t)>& body) {
  std::vector<Status> statuses(threads);
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) {
    others.emplace_back([&, i] { statuses[i] = body(i); });
  }
  statuses[0] = body(0);
  for (std::thread& thread : others) thread.join();
  for (const Status& status : statuses) TESSERA_RETURN_IF_ERROR(status);
  return OkStatus();
}

// The queries in the calls of one thread, around and around.
class Calls {
 public:
  Calls(const QuerySet& queries, size_t batch, size_t next)
      : queries_(queries), batch_(std::min(batch, queries.size())), next_(next % queries.size()) {}

  MatrixView<const float> Next() {
    if (next_ + batch_ > queries_.size()) next_ = 0;
    const MatrixView<const float> rows = queries_.Rows(next_, batch_);
    next_ += batch_;
    return rows;
  }
  size_t next() const { return next_; }

 private:
  const QuerySet& queries_;
  size_t batch_;
  size_t next_;
};

// What one thread saw.
struct Lap {
  size_t asked = 0;
  double begin = 0;  // wall clock
  double end = 0;
  double cpu_seconds = 0;
  std::vector<double> micros;  // of each call
};

Status WarmUp(Collection& collection, const QuerySet& queries, const Setting& setting) {
  const QueryParams params = setting.Params();
  Calls calls(queries, std::min(setting.batch, kWarmUpBatch), 0);
  std::vector<QueryResult> results;
  const double end = WallSeconds() + kWarmUpSeconds;
  do {
    TESSERA_RETURN_IF_ERROR(collection.QueryBatch(calls.Next(), params, results));
  } while (WallSeconds() < end);
  return OkStatus();
}

StatusOr<Lap> RunLap(Collection& collection, Calls& calls, const QueryParams& params,
                     double seconds) {
  Lap lap;
  lap.micros.reserve(1 << 16);
  std::vector<QueryResult> results;  // kept from call to call, as a server does
  const double cpu = ThreadCpuSeconds();
  lap.begin = WallSeconds();
  double last = lap.begin;
  do {
    const MatrixView<const float> rows = calls.Next();
    TESSERA_RETURN_IF_ERROR(collection.QueryBatch(rows, params, results));
    const double now = WallSeconds();
    lap.micros.push_back((now - last) * 1e6);
    lap.asked += rows.rows();
    last = now;
  } while (last < lap.begin + seconds);
  lap.cpu_seconds = ThreadCpuSeconds() - cpu;
  lap.end = last;
  return lap;
}

Timing Summarize(const std::vector<Lap>& laps, const Setting& setting, double cpu_seconds) {
  std::vector<double> micros;
  double asked = 0, begin = laps[0].begin, end = laps[0].end;
  for (const Lap& lap : laps) {
    asked += static_cast<double>(lap.asked);
    begin = std::min(begin, lap.begin);
    end = std::max(end, lap.end);
    micros.insert(micros.end(), lap.micros.begin(), lap.micros.end());
  }
  Timing timing;
  timing.qps_wall = asked / (end - begin);
  timing.qps_cpu = asked / cpu_seconds;
  if (!setting.batched) {
    timing.p50_us = Quantile(micros, 0.50);
    timing.p99_us = Quantile(micros, 0.99);
  }
  return timing;
}

Recall CountRecall(const std::vector<QueryResult>& results, const QuerySet& queries, size_t begin) {
  Recall recall;
  std::vector<int64_t> ids;
  for (size_t i = 0; i < results.size(); ++i) {
    ids.clear();
    for (const Hit& hit : results[i].hits) ids.push_back(static_cast<int64_t>(hit.id.number()));
    recall.AddQuery(ids, queries.Truth(begin + i));
  }
  return recall;
}

}  // namespace

QueryParams Setting::Params() const {
  QueryParams params;
  params.limit = k;
  params.nprobe = nprobe;
  params.rerank = rerank.tier;
  params.rerank_depth = rerank.depth;
  return params;
}

StatusOr<Recall> MeasureRecall(Subject& subject, const QuerySet& queries, const Setting& setting) {
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  subject.UseThreads(setting.batched ? cores : 1);
  const size_t callers = setting.batched ? 1 : cores;
  const QueryParams params = setting.Params();
  std::vector<Recall> recalls(callers);
  TESSERA_RETURN_IF_ERROR(OnThreads(callers, [&](size_t thread) -> Status {
    for (size_t begin = thread * setting.batch; begin < queries.size();
         begin += callers * setting.batch) {
      const size_t count = std::min(setting.batch, queries.size() - begin);
      TESSERA_ASSIGN_OR_RETURN(const auto results,
                               subject.collection().QueryBatch(queries.Rows(begin, count), params));
      recalls[thread].Add(CountRecall(results, queries, begin));
    }
    return OkStatus();
  }));
  for (size_t i = 1; i < callers; ++i) recalls[0].Add(recalls[i]);
  return recalls[0];
}

StatusOr<Timing> MeasureTime(Subject& subject, const QuerySet& queries, const Setting& setting,
                             double seconds, size_t* next) {
  Collection& collection = subject.collection();
  const size_t callers = setting.batched ? 1 : setting.threads;
  std::vector<Lap> laps(callers);
  std::vector<Calls> calls;
  for (size_t i = 0; i < callers; ++i) {
    calls.emplace_back(queries, setting.batch, *next + i * queries.size() / callers);
  }
  TESSERA_RETURN_IF_ERROR(
      OnThreads(callers, [&](size_t) { return WarmUp(collection, queries, setting); }));
  const QueryParams params = setting.Params();
  const double process_cpu = ProcessCpuSeconds();
  TESSERA_RETURN_IF_ERROR(OnThreads(callers, [&](size_t thread) -> Status {
    TESSERA_ASSIGN_OR_RETURN(laps[thread], RunLap(collection, calls[thread], params, seconds));
    return OkStatus();
  }));
  double cpu_seconds = ProcessCpuSeconds() - process_cpu;
  if (!setting.batched || setting.threads == 1) {
    cpu_seconds = 0;
    for (const Lap& lap : laps) cpu_seconds += lap.cpu_seconds;
  }
  *next = calls[0].next();
  return Summarize(laps, setting, cpu_seconds);
}

StatusOr<StageTimes> MeasureStages(Subject& subject, const QuerySet& queries,
                                   const Setting& setting) {
  subject.UseThreads(1);
  QueryParams params = setting.Params();
  params.explain = true;
  StageTimes sum;
  for (size_t i = 0; i < queries.size(); ++i) {
    TESSERA_ASSIGN_OR_RETURN(const auto results,
                             subject.collection().QueryBatch(queries.Rows(i, 1), params));
    const QueryExplain& explain = results[0].explain;
    ++sum.queries;
    sum.rows_scanned += static_cast<double>(explain.rows_scanned);
    sum.coarse_us += explain.coarse_us;
    sum.tables_us += explain.tables_us;
    sum.scan_us += explain.scan_us;
    sum.rerank_us += explain.rerank_us;
    sum.fetch_us += explain.fetch_us;
  }
  return sum;
}

}  // namespace tessera::bench

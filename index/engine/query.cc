#include "index/engine/query.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <span>
#include <utility>

#include "index/elements.h"
#include "index/engine/exact_search.h"
#include "index/engine/hit_builder.h"
#include "index/engine/recall_check.h"
#include "index/engine/search.h"
#include "index/engine/stored_records.h"
#include "index/engine/vector_data.h"
#include "index/simd/kernels.h"

namespace tessera::engine {
namespace {

// Visits of a list by the queries of a group from which on it pays that its codes are read once
// (README).
constexpr size_t kMinVisits = 8;
// Rows whose time has come that are found and then left out; more are kept out as by a filter.
constexpr size_t kFewExpired = 64;
// Queries of a task that goes query by query.
constexpr size_t kTaskQueries = 16;

Status CheckParams(const QueryParams& params) {
  if (params.limit == 0) return InvalidArgument("limit must be at least 1");
  if (uint64_t{params.limit} + params.offset > kMaxLimit) {
    return InvalidArgument("limit + offset is " +
                           std::to_string(uint64_t{params.limit} + params.offset) +
                           ", the most is " + std::to_string(kMaxLimit));
  }
  if (params.score_threshold && std::isnan(*params.score_threshold)) {
    return InvalidArgument("score_threshold is NaN");
  }
  if (params.target_recall == 0) return OkStatus();
  if (!(params.target_recall > 0 && params.target_recall <= 1)) {
    return InvalidArgument("target_recall is " + std::to_string(params.target_recall) +
                           ", expected more than 0 and at most 1");
  }
  if (params.nprobe > 0 || params.rerank_depth > 0 || params.rerank != RerankTier::kAuto) {
    return InvalidArgument("target_recall chooses nprobe, rerank and rerank_depth: leave them out");
  }
  return OkStatus();
}

// Of `nlist` lists the part that nprobe was of those that the curve was measured with: lists may have been split or merged.
uint32_t Probes(uint32_t nprobe, uint32_t measured, uint32_t nlist) {
  return static_cast<uint32_t>((uint64_t{nprobe} * nlist + measured - 1) / measured);
}

// Before a curve is measured: a share of the lists and a depth that reach the target on most data.
void ChooseUnmeasured(float target, uint32_t nlist, QueryParams& params) {
  const uint32_t part = target <= 0.8f ? 16 : target <= 0.9f ? 8 : target <= 0.95f ? 4 : 2;
  params.nprobe = std::max<uint32_t>(16, (nlist + part - 1) / part);
  params.rerank_depth = std::max<uint32_t>(200, 20 * (params.limit + params.offset));
}

// One request: prepared queries on one snapshot.
class QueryRun {
 public:
  QueryRun(const Core& core, const ReadView& view, MatrixView<const float> queries, const QueryParams& params,
           std::vector<RowId> left_out)
      : core_(core),
        view_(view),
        snapshot_(*view.snapshot),
        queries_(queries),
        params_(params),
        left_out_(std::move(left_out)),
        // What a filter leaves out is no loss.
        watched_(core.live_recall.is_on() && !params.filter && view.expired.empty() && left_out_.size() <= 1),
        builder_(core, *view.snapshot, params, left_out_) {
    if (view.expired.size() <= kFewExpired) {
      left_out_.insert(left_out_.end(), view.expired.begin(), view.expired.end());
    }
    // More, in case those left out are among the best.
    wanted_ = params.limit + params.offset + static_cast<uint32_t>(left_out_.size());
  }

  Status Run(std::vector<QueryResult>& results) {
    TESSERA_RETURN_IF_ERROR(FindPassing());
    results.resize(queries_.rows());
    for (QueryResult& result : results) {
      result.exhausted = false;
      result.commit = snapshot_.commit;
      result.generation = snapshot_.generation;
      result.nprobe = 0;
      result.rerank = RerankTier::kNone;
      result.rerank_depth = 0;
      result.read_disk = false;
      result.exact = false;
      result.recall_estimate.reset();
      result.explain = {};
    }
    if (params_.exact || !snapshot_.trained()) return RunExact(results);
    if (params_.target_recall == 0) return RunTrained(params_, std::nullopt, results);
    return RunForTarget(results);
  }

 private:
  Status FindPassing() {
    const bool many_expired = view_.expired.size() > kFewExpired;
    if (!params_.filter && !many_expired) return OkStatus();
    const auto start = std::chrono::steady_clock::now();
    if (params_.filter) {
      TESSERA_ASSIGN_OR_RETURN(passing_, core_.filter_masks.Get(snapshot_, *core_.store, *params_.filter));
    }
    if (many_expired) passing_ = Without(snapshot_, passing_.get(), view_.expired);
    builder_.SetPassing(passing_->mask.rows());
    filter_us_ = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    return OkStatus();
  }

  Status RunExact(std::vector<QueryResult>& results) {
    // Tasks keep k candidates a query: bounded by taking fewer queries at a time when k is large.
    const size_t tile = std::max<size_t>(1, (size_t{4} << 20) / wanted_);
    std::vector<std::vector<RankedRow>> ranked;
    for (size_t begin = 0; begin < queries_.rows(); begin += tile) {
      const size_t count = std::min(tile, queries_.rows() - begin);
      TESSERA_RETURN_IF_ERROR(ExactSearch(snapshot_, core_.store.get(), core_.metric,
                                          queries_.Slice(begin, count), wanted_,
                                          *core_.options.compute, params_.stop, ranked,
                                          passing_ ? &passing_->rows : nullptr));
      for (size_t i = 0; i < count; ++i) {
        QueryResult& result = results[begin + i];
        result.rerank = RerankTier::kRaw;
        result.exact = true;
        if (params_.target_recall > 0) result.recall_estimate = {1, 1, 1};
        result.explain.rows_scanned = passing_ ? passing_->mask.rows() : snapshot_.lists.live_rows();
        TESSERA_RETURN_IF_ERROR(Finish(ranked[i], true, result));
      }
    }
    return OkStatus();
  }

  // The parameters that the curve in force promises the target for.
  Status RunForTarget(std::vector<QueryResult>& results) {
    const float target = params_.target_recall;
    const auto curve = core_.curve.Get();
    QueryParams chosen = params_;
    std::optional<RecallEstimate> estimate;
    if (target >= 1) return RunExact(results);
    if (!curve || curve->grid().generation != snapshot_.generation) {
      ChooseUnmeasured(target, snapshot_.lists.nlist(), chosen);
    } else {
      const std::optional<RecallChoice> choice = curve->Choose(params_.limit + params_.offset, target);
      if (!choice) return RunExact(results);
      chosen.nprobe = Probes(choice->nprobe, curve->grid().nlist, snapshot_.lists.nlist());
      chosen.rerank = choice->tier;
      chosen.rerank_depth = choice->depth;
      estimate = choice->recall;
    }
    return RunTrained(chosen, estimate, results);
  }

  Status RunTrained(const QueryParams& params, const std::optional<RecallEstimate>& estimate,
                    std::vector<QueryResult>& results) {
    if (!passing_) {
      for (QueryResult& result : results) result.recall_estimate = estimate;
    }
    TESSERA_ASSIGN_OR_RETURN(SearchPlan plan,
                             PlanSearch(params, *snapshot_.model, snapshot_.lists.nlist()));
    plan.wanted = wanted_;
    plan.depth = plan.rerank == RerankTier::kNone ? 0 : std::max(plan.depth, wanted_);
    if (passing_) Restrict(passing_->mask, snapshot_.lists.live_rows(), plan);
    if (queries_.rows() == 1) return RunOne(plan, 0, results[0]);
    // By list, as many groups as there are threads. Stages are told apart query by query only.
    const size_t threads = core_.options.compute->Concurrency();
    const size_t group = std::min(kGroupQueries, (queries_.rows() + threads - 1) / threads);
    const uint64_t code_bytes = snapshot_.lists.rows() * (snapshot_.lists.layout().code_bytes + 1);
    // Records are scored row by row: there is little to share.
    const bool by_list = snapshot_.model->record.empty() &&
                         group * plan.nprobe >= kMinVisits * snapshot_.lists.nlist() &&
                         code_bytes >= core_.options.grouped_code_bytes;
    const ScanOrder order = by_list ? ScanOrder::kByList : ScanOrder::kByQuery;
    std::mutex mutex;
    Status first_error;
    ParallelFor(*core_.options.compute, queries_.rows(), by_list ? group : kTaskQueries,
                [&](size_t begin, size_t end) {
                  const Status status = params_.explain
                                            ? RunEach(plan, begin, end, results)
                                            : RunGroup(plan, order, begin, end, results);
                  if (status.ok()) return;
                  std::lock_guard lock(mutex);
                  if (first_error.ok()) first_error = status;
                });
    return first_error;
  }

  Status RunEach(const SearchPlan& plan, size_t begin, size_t end,
                 std::vector<QueryResult>& results) const {
    for (size_t i = begin; i < end; ++i) TESSERA_RETURN_IF_ERROR(RunOne(plan, i, results[i]));
    return OkStatus();
  }

  Status RunGroup(const SearchPlan& plan, ScanOrder order, size_t begin, size_t end,
                  std::vector<QueryResult>& results) const {
    return SearchGroup(snapshot_, core_.store.get(), queries_.Slice(begin, end - begin), plan,
                       params_.stop, order,
                       [&](size_t i, std::vector<RankedRow>& ranked, bool all_searched) {
                         QueryResult& result = results[begin + i];
                         TellPlan(plan, result);
                         if (watched_) Watch(begin + i, ranked, plan.nprobe);
                         return Finish(ranked, all_searched, result);
                       });
  }

  void TellPlan(const SearchPlan& plan, QueryResult& result) const {
    result.nprobe = plan.nprobe;
    result.rerank = plan.rerank;
    result.rerank_depth = plan.depth;
    result.read_disk = plan.rerank == RerankTier::kRaw ||
                       (plan.rerank == RerankTier::kRefine && RefineIsOnDisk(snapshot_));
  }

  Status RunOne(const SearchPlan& plan, size_t i, QueryResult& result) const {
    thread_local std::vector<RankedRow> ranked;
    bool all_searched = false;
    TellPlan(plan, result);
    TESSERA_RETURN_IF_ERROR(Search(snapshot_, core_.store.get(), queries_.row(i), plan, params_.stop,
                                   ranked, all_searched, result.explain));
    if (watched_) Watch(i, ranked, plan.nprobe);
    return Finish(ranked, all_searched, result);
  }

  // Hands on what was answered, if it is drawn for an exact run.
  void Watch(size_t i, const std::vector<RankedRow>& ranked, uint32_t nprobe) const {
    if (!core_.live_recall.Draw()) return;
    AnsweredQuery query;
    query.snapshot = view_.snapshot;
    query.query.assign(queries_.row(i), queries_.row(i) + queries_.dim());
    if (!left_out_.empty()) query.left_out = left_out_.front();
    query.wanted = params_.limit + params_.offset;
    query.nprobe = nprobe;
    for (const RankedRow& row : ranked) {
      if (query.found.size() < query.wanted && row.row != query.left_out) query.found.push_back(row.row);
    }
    WatchRecall(core_, std::move(query));
  }

  Status Finish(std::vector<RankedRow>& ranked, bool all_searched, QueryResult& result) const {
    const auto start = std::chrono::steady_clock::now();
    TESSERA_RETURN_IF_ERROR(builder_.Build(ranked, all_searched, result));
    result.explain.fetch_us =
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    if (params_.explain) {
      result.explain.isa = simd::ActiveKernels().name;
      result.explain.plan = PlanName(result);
      result.explain.filter_us = filter_us_;
      result.explain.rows_passing = passing_ ? passing_->mask.rows() : snapshot_.lists.live_rows();
    } else {
      result.explain = {};
    }
    return OkStatus();
  }

  const char* PlanName(const QueryResult& result) const {
    if (result.exact) return "exact";
    if (!passing_) return "scan";
    return VisitsAll(passing_->mask) ? "visit" : "masked scan";
  }

  const Core& core_;
  const ReadView& view_;
  const Snapshot& snapshot_;
  MatrixView<const float> queries_;
  const QueryParams& params_;
  std::vector<RowId> left_out_;
  const bool watched_;
  HitBuilder builder_;
  uint32_t wanted_ = 0;
  FilteredRowsPtr passing_;  // null without a filter
  double filter_us_ = 0;
};

}  // namespace

Status RunQueries(const Core& core, const ReadView& view, MatrixView<const float> queries,
                  const QueryParams& params, std::vector<QueryResult>& results) {
  TESSERA_RETURN_IF_ERROR(CheckParams(params));
  thread_local std::vector<float> prepared;
  TESSERA_RETURN_IF_ERROR(PrepareVectors(core, queries, "queries", prepared));
  if (!params.exact) {
    for (size_t i = 0; i < queries.rows(); ++i) core.query_sample.Offer(prepared.data() + i * core.dim);
  }
  return QueryRun(core, view, {prepared.data(), queries.rows(), core.dim}, params, {}).Run(results);
}

StatusOr<QueryResult> RunTarget(const Core& core, const ReadView& view, const QueryTarget& target,
                                const QueryParams& params) {
  TESSERA_RETURN_IF_ERROR(CheckParams(params));
  std::vector<QueryResult> results;
  TESSERA_RETURN_IF_ERROR(
      QueryRun(core, view, {target.vector.data(), 1, core.dim}, params, target.left_out).Run(results));
  return std::move(results[0]);
}

StatusOr<std::vector<StoredPoint>> FetchPoints(const Core& core, const store::StoreSnapshot* at,
                                               const std::vector<RowId>& rows, bool with_vector,
                                               bool with_payload, int64_t now_ms) {
  TESSERA_ASSIGN_OR_RETURN(auto records, core.store->GetRows(rows, at));
  std::vector<std::optional<store::RawVector>> vectors(rows.size());
  if (with_vector) { TESSERA_ASSIGN_OR_RETURN(vectors, core.store->GetVectors(rows, at)); }
  std::vector<std::optional<std::string>> payloads(rows.size());
  if (with_payload && core.has_payloads) {
    TESSERA_ASSIGN_OR_RETURN(payloads, core.store->GetPayloads(rows, at));
  }
  std::vector<StoredPoint> out(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!records[i] || (with_vector && !vectors[i])) {
      return DataLoss("row " + std::to_string(rows[i].value) + " has no record or no vector");
    }
    StoredPoint& point = out[i];
    point.id = std::move(records[i]->id);
    point.version = records[i]->version;
    point.expire_at_ms = records[i]->expire_at_ms;
    if (vectors[i]) {
      point.type = vectors[i]->type;
      point.vector = std::move(vectors[i]->bytes);
      point.quantization = vectors[i]->quantization;
    }
    if (payloads[i]) point.payload = *std::move(payloads[i]);
  }
  std::erase_if(out, [&](const StoredPoint& p) { return p.expire_at_ms > 0 && p.expire_at_ms <= now_ms; });
  return out;
}

StatusOr<std::vector<std::optional<StoredPoint>>> GetPoints(const Core& core, const ReadView& view,
                                                            const std::vector<PointId>& ids) {
  std::vector<const PointId*> pointers;
  for (size_t i = 0; i < ids.size(); ++i) {
    TESSERA_RETURN_IF_ERROR(CheckId(ids[i], "ids[" + std::to_string(i) + "]"));
    pointers.push_back(&ids[i]);
  }
  const store::StoreSnapshot* at = view.snapshot->store.get();
  TESSERA_ASSIGN_OR_RETURN(const auto found, core.store->GetIds(pointers, at));
  std::vector<RowId> rows;
  std::vector<size_t> owner;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!found[i] || view.IsExpired(*found[i])) continue;
    rows.push_back(*found[i]);
    owner.push_back(i);
  }
  // Expired ones are left out already; asked as of the beginning of time, none is left out again.
  TESSERA_ASSIGN_OR_RETURN(auto points, FetchPoints(core, at, rows, true, true, 0));
  std::vector<std::optional<StoredPoint>> out(ids.size());
  for (size_t i = 0; i < rows.size(); ++i) out[owner[i]] = std::move(points[i]);
  return out;
}

}  // namespace tessera::engine

namespace tessera {

StatusOr<std::vector<QueryResult>> Collection::QueryBatch(MatrixView<const float> queries,
                                                          const QueryParams& params) {
  std::vector<QueryResult> results;
  TESSERA_RETURN_IF_ERROR(QueryBatch(queries, params, results));
  return results;
}

StatusOr<QueryResult> Collection::Query(const float* query, uint32_t dim,
                                        const QueryParams& params) {
  TESSERA_ASSIGN_OR_RETURN(auto results, QueryBatch({query, 1, dim}, params));
  return std::move(results[0]);
}

}  // namespace tessera

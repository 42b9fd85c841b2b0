#include "index/engine/search.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "index/engine/vector_data.h"
#include "index/lists/scan.h"
#include "index/lists/top_k.h"
#include "index/quant/query.h"
#include "index/simd/kernels.h"

namespace tessera::engine {
namespace {

// Everything a query allocates, kept for the next one on this thread.
struct Scratch {
  quant::TransformedQuery query;
  quant::QueryTables tables;
  quant::RefineQuery refine;
  std::vector<float> coarse;
  std::vector<quant::ProbedList> probed;
  std::vector<float> raw;
  lists::TopK top;
};

class Stopwatch {
 public:
  double LapMicros() {
    const auto now = std::chrono::steady_clock::now();
    const double us = std::chrono::duration<double, std::micro>(now - last_).count();
    last_ = now;
    return us;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Estimates are never NaN in a result, whatever overflowed.
float Sane(float estimate) { return std::isnan(estimate) ? std::numeric_limits<float>::max() : estimate; }

class Searcher {
 public:
  Searcher(const Snapshot& snapshot, const store::Store& store, const SearchPlan& plan,
           const StopToken& stop, Scratch& scratch, QueryExplain& explain)
      : snapshot_(snapshot), store_(store), plan_(plan), stop_(stop), s_(scratch), explain_(explain) {}

  // Fills the scratch's TopK from the nearest lists.
  Status Scan(const float* q, bool& all_searched) {
    const quant::Model& model = *snapshot_.model;
    quant::TransformQuery(model, q, s_.query);
    const uint32_t nlist = snapshot_.lists.nlist();
    uint32_t probes = std::min(plan_.nprobe, nlist);
    quant::CoarseSearch(model, *snapshot_.table, s_.query, probes, s_.coarse, s_.probed);
    explain_.coarse_us += watch_.LapMicros();
    quant::BuildQueryTables(model, s_.query, s_.tables);
    explain_.tables_us += watch_.LapMicros();
    const lists::ScanQuery scan{&simd::ActiveKernels(), &s_.tables, model.code_bytes(), model.pq.bits(),
                                model.correction_step};
    s_.top.Reset(std::max(plan_.depth, plan_.wanted));
    uint64_t found = 0;
    for (uint32_t next = 0;;) {
      for (; next < probes; ++next) {
        const quant::ProbedList& p = s_.probed[next];
        const lists::List* list = snapshot_.lists.list(p.list);
        if (!list) continue;
        TESSERA_RETURN_IF_ERROR(stop_.Check());
        explain_.rows_scanned += lists::ScanList(*list, next, p.base, scan, s_.top);
        found += list->live_rows;
      }
      if (found >= plan_.wanted || probes == nlist) break;
      probes = static_cast<uint32_t>(std::min<uint64_t>(nlist, uint64_t{probes} * 2));
      quant::CoarseSearch(model, *snapshot_.table, s_.query, probes, s_.coarse, s_.probed);
    }
    explain_.lists_probed += probes;
    all_searched = probes == nlist;
    explain_.scan_us += watch_.LapMicros();
    return OkStatus();
  }

  Status Rank(const float* q, std::vector<RankedRow>& out) {
    candidates_ = &s_.top.Sorted();
    out.clear();
    switch (plan_.rerank) {
      case RerankTier::kRefine: RankByRefine(out); break;
      case RerankTier::kRaw: TESSERA_RETURN_IF_ERROR(RankByRaw(q, out)); break;
      default: RankByCodes(out); break;
    }
    const Metric metric = snapshot_.model->metric;
    const size_t keep = std::min<size_t>(out.size(), plan_.wanted);
    std::partial_sort(out.begin(), out.begin() + static_cast<ptrdiff_t>(keep), out.end(),
                      [metric](const RankedRow& a, const RankedRow& b) {
                        return a.score != b.score ? RanksBefore(metric, a.score, b.score) : a.row < b.row;
                      });
    out.resize(keep);
    explain_.rerank_us += watch_.LapMicros();
    return OkStatus();
  }

 private:
  const lists::Chunk& ChunkOf(const lists::Candidate& c) const {
    return *snapshot_.lists.list(s_.probed[c.probe].list)->chunks[c.position / lists::kChunkRows];
  }

  RankedRow RowOf(const lists::Candidate& c, float score, bool exact) const {
    const lists::Chunk& chunk = ChunkOf(c);
    const size_t i = c.position % lists::kChunkRows;
    RankedRow row{score, c.row(), exact, chunk.has_string_id(i), 0};
    if (!row.string_id) row.number = chunk.number(i);
    return row;
  }

  void RankByCodes(std::vector<RankedRow>& out) const {
    for (const lists::Candidate& c : *candidates_) {
      out.push_back(RowOf(c, quant::ScoreFromEstimate(snapshot_.model->metric, c.estimate()), false));
    }
  }

  void RankByRefine(std::vector<RankedRow>& out) {
    const quant::Model& model = *snapshot_.model;
    const lists::RowLayout& layout = snapshot_.lists.layout();
    quant::PrepareRefine(model, s_.query, s_.refine);
    for (const lists::Candidate& c : *candidates_) {
      const uint8_t* record = ChunkOf(c).record(layout, c.position % lists::kChunkRows);
      const float d = Sane(quant::RefineScore(model, s_.refine, s_.probed[c.probe].base, record));
      out.push_back(RowOf(c, quant::ScoreFromEstimate(model.metric, d), false));
    }
    explain_.rows_reranked += candidates_->size();
  }

  Status RankByRaw(const float* q, std::vector<RankedRow>& out) {
    const quant::Model& model = *snapshot_.model;
    std::vector<RowId> rows;
    rows.reserve(candidates_->size());
    for (const lists::Candidate& c : *candidates_) rows.push_back(c.row());
    TESSERA_ASSIGN_OR_RETURN(auto vectors, store_.GetVectors(rows, snapshot_.store.get()));
    TESSERA_RETURN_IF_ERROR(stop_.Check());
    s_.raw.resize(model.dim);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!vectors[i] || vectors[i]->bytes.size() != model.dim * ElementSize(vectors[i]->type)) {
        return DataLoss("vector of row " + std::to_string(rows[i].value) + " is missing or has a wrong length");
      }
      ToFloats(vectors[i]->type, vectors[i]->bytes.data(), model.dim, s_.raw.data());
      if (model.metric == Metric::kCosine) {
        TESSERA_ASSIGN_OR_RETURN(const double norm,
                                 CheckVector(s_.raw.data(), model.dim, model.metric, "stored vector"));
        Normalize(s_.raw.data(), model.dim, norm);
      }
      out.push_back(RowOf((*candidates_)[i],
                          quant::ExactScore(model.metric, q, s_.raw.data(), model.dim), true));
    }
    explain_.rows_reranked += rows.size();
    return OkStatus();
  }

  const Snapshot& snapshot_;
  const store::Store& store_;
  const SearchPlan& plan_;
  const StopToken& stop_;
  Scratch& s_;
  QueryExplain& explain_;
  Stopwatch watch_;
  const std::vector<lists::Candidate>* candidates_ = nullptr;
};

}  // namespace

StatusOr<SearchPlan> PlanSearch(const QueryParams& params, const quant::Model& model, uint32_t nlist) {
  SearchPlan plan;
  plan.wanted = params.limit + params.offset;
  plan.nprobe = params.nprobe > 0 ? params.nprobe : std::max<uint32_t>(8, nlist / 32);
  plan.nprobe = std::min(plan.nprobe, nlist);
  plan.rerank = params.rerank;
  const bool has_refine = model.refine_bytes() > 0;
  if (plan.rerank == RerankTier::kAuto) plan.rerank = has_refine ? RerankTier::kRefine : RerankTier::kRaw;
  if (plan.rerank == RerankTier::kRefine && !has_refine) {
    return FailedPrecondition("rerank: the model (" + model.spec.ToString() + ") has no refine codes");
  }
  if (plan.rerank != RerankTier::kNone) {
    const uint32_t chosen = std::max<uint32_t>(100, 10 * plan.wanted);
    plan.depth = std::max(params.rerank_depth > 0 ? params.rerank_depth : chosen, plan.wanted);
  }
  return plan;
}

Status Search(const Snapshot& snapshot, const store::Store& store, const float* q, const SearchPlan& plan,
              const StopToken& stop, std::vector<RankedRow>& out, bool& all_searched,
              QueryExplain& explain) {
  static thread_local Scratch scratch;
  Searcher searcher(snapshot, store, plan, stop, scratch, explain);
  TESSERA_RETURN_IF_ERROR(searcher.Scan(q, all_searched));
  return searcher.Rank(q, out);
}

}  // namespace tessera::engine

#include "index/engine/search.h"

#include <algorithm>
#include <chrono>

#include "index/base/prefetch.h"
#include "index/engine/vector_data.h"
#include "index/lists/scan.h"
#include "index/lists/top_k.h"
#include "index/quant/coarse.h"
#include "index/quant/query.h"
#include "index/simd/kernels.h"

namespace tessera::engine {
namespace {

// Everything a query allocates, kept for the next one on this thread.
struct Scratch {
  quant::TransformedQuery query;
  quant::QueryTables tables;
  quant::RefineQuery refine;
  quant::CoarseScratch coarse;
  std::vector<quant::ProbedList> probed;
  std::vector<float> raw;
  lists::TopK top;
  lists::Scanner scanner;
  std::vector<const lists::Chunk*> chunks;  // of the candidates
  std::vector<uint32_t> keys;               // of the candidates, after rerank
  std::vector<uint32_t> best;
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

class Searcher {
 public:
  Searcher(const Snapshot& snapshot, const store::Store& store, const SearchPlan& plan,
           const StopToken& stop, Scratch& scratch, QueryExplain& explain)
      : snapshot_(snapshot),
        store_(store),
        plan_(plan),
        stop_(stop),
        s_(scratch),
        explain_(explain) {}

  // Leaves the best candidates of the nearest lists in the scratch's TopK.
  Status Scan(const float* q, bool& all_searched) {
    const quant::Model& model = *snapshot_.model;
    quant::TransformQuery(model, q, s_.query);
    const uint32_t nlist = snapshot_.lists.nlist();
    uint32_t probes = std::min(plan_.nprobe, nlist);
    quant::CoarseSearch(model, *snapshot_.table, s_.query, probes, s_.coarse, s_.probed);
    explain_.coarse_us += watch_.LapMicros();
    quant::BuildQueryTables(model, s_.query, s_.tables);
    explain_.tables_us += watch_.LapMicros();
    TESSERA_RETURN_IF_ERROR(ScanProbed());
    while (counts_.live_rows < plan_.wanted && probes < nlist) {
      // From the start: with more lists asked for, the nearest ones may be others.
      probes = static_cast<uint32_t>(std::min<uint64_t>(nlist, uint64_t{probes} * 2));
      quant::CoarseSearch(model, *snapshot_.table, s_.query, probes, s_.coarse, s_.probed);
      TESSERA_RETURN_IF_ERROR(ScanProbed());
    }
    s_.top.Finish();
    explain_.lists_probed += probes;
    all_searched = probes == nlist;
    explain_.scan_us += watch_.LapMicros();
    return OkStatus();
  }

  Status Rank(const float* q, std::vector<RankedRow>& out) {
    FindChunks();
    switch (plan_.rerank) {
      case RerankTier::kRefine:
        ScoreByRefine();
        break;
      case RerankTier::kRaw:
        TESSERA_RETURN_IF_ERROR(ScoreByRaw(q));
        break;
      default:
        s_.keys.assign(s_.top.keys().begin(), s_.top.keys().end());
        break;
    }
    TakeBest(out);
    explain_.rerank_us += watch_.LapMicros();
    return OkStatus();
  }

 private:
  Status ScanProbed() {
    const quant::Model& model = *snapshot_.model;
    const lists::ScanQuery scan{&simd::ActiveKernels(), &s_.tables, model.code_bytes(),
                                model.pq.bits(), model.correction_step};
    s_.top.Reset(std::max(plan_.depth, plan_.wanted));
    s_.scanner.Start(scan, s_.top);
    counts_ = {};
    const Status status =
        s_.scanner.Scan(snapshot_.lists, s_.probed, 0, s_.probed.size(), stop_, counts_);
    explain_.rows_scanned += counts_.rows_scanned;
    return status;
  }

  // Chunks of the candidates. Their lists were scanned a moment ago, what else a chunk holds was
  // not read: it is asked for here, so that the misses overlap.
  void FindChunks() {
    const auto places = s_.top.places();
    s_.chunks.resize(places.size());
    for (size_t i = 0; i < places.size(); ++i) {
      const lists::List& list = *snapshot_.lists.list(s_.probed[places[i].probe].list);
      const lists::Chunk* chunk = list.chunks[places[i].position / lists::kChunkRows].get();
      s_.chunks[i] = chunk;
      const size_t page = places[i].position % lists::kChunkRows / lists::kPageRows;
      if (plan_.rerank == RerankTier::kRefine) Prefetch(&chunk->pages[page]);
    }
  }

  size_t InChunk(size_t i) const { return s_.top.places()[i].position % lists::kChunkRows; }

  void ScoreByRefine() {
    const quant::Model& model = *snapshot_.model;
    const lists::RowLayout& layout = snapshot_.lists.layout();
    constexpr size_t kAhead = 12;  // records asked for before they are needed
    const auto record = [&](size_t i) { return s_.chunks[i]->record(layout, InChunk(i)); };
    quant::PrepareRefine(model, s_.query, s_.refine);
    const size_t n = s_.top.size();
    s_.keys.resize(n);
    for (size_t i = 0; i < std::min(n, kAhead); ++i) PrefetchRange(record(i), layout.record_bytes);
    for (size_t i = 0; i < n; ++i) {
      if (i + kAhead < n) PrefetchRange(record(i + kAhead), layout.record_bytes);
      const float base = s_.probed[s_.top.places()[i].probe].base;
      s_.keys[i] = lists::OrderedBits(quant::RefineScore(model, s_.refine, base, record(i)));
    }
    explain_.rows_reranked += n;
  }

  Status ScoreByRaw(const float* q) {
    const quant::Model& model = *snapshot_.model;
    const size_t n = s_.top.size();
    std::vector<RowId> rows(n);
    for (size_t i = 0; i < n; ++i) rows[i] = s_.chunks[i]->row_id(InChunk(i));
    TESSERA_ASSIGN_OR_RETURN(auto vectors, store_.GetVectors(rows, snapshot_.store.get()));
    TESSERA_RETURN_IF_ERROR(stop_.Check());
    s_.raw.resize(model.dim);
    s_.keys.resize(n);
    for (size_t i = 0; i < n; ++i) {
      if (!vectors[i] || vectors[i]->bytes.size() != model.dim * ElementSize(vectors[i]->type)) {
        return DataLoss("vector of row " + std::to_string(rows[i].value) +
                        " is missing or has a wrong length");
      }
      ToFloats(vectors[i]->type, vectors[i]->bytes.data(), model.dim, s_.raw.data());
      if (model.metric == Metric::kCosine) {
        TESSERA_ASSIGN_OR_RETURN(const double norm, CheckVector(s_.raw.data(), model.dim,
                                                                model.metric, "stored vector"));
        Normalize(s_.raw.data(), model.dim, norm);
      }
      const float score = quant::ExactScore(model.metric, q, s_.raw.data(), model.dim);
      s_.keys[i] = lists::OrderedBits(model.metric == Metric::kL2 ? score : -score);
    }
    explain_.rows_reranked += n;
    return OkStatus();
  }

  float ScoreOf(uint32_t key) const {
    const float value = lists::FromOrderedBits(key);
    const Metric metric = snapshot_.model->metric;
    if (plan_.rerank == RerankTier::kRaw) return metric == Metric::kL2 ? value : -value;
    return quant::ScoreFromEstimate(metric, value);
  }

  // The best of the candidates by key, ids only for them: an id costs as many cache misses as a
  // record.
  void TakeBest(std::vector<RankedRow>& out) {
    out.clear();
    const size_t n = s_.keys.size();
    if (n == 0) return;
    const simd::Kernels& kernels = simd::ActiveKernels();
    const size_t wanted = std::min<size_t>(n, plan_.wanted);
    const uint32_t bound = kernels.bound_keys(s_.keys.data(), n, wanted, wanted);
    s_.best.resize(n + 16);
    s_.best.resize(kernels.select_keys(s_.keys.data(), n, bound, s_.best.data()));
    for (const uint32_t i : s_.best) Prefetch(&s_.chunks[i]->ids);
    for (const uint32_t i : s_.best) Prefetch(s_.chunks[i]->ids.get());
    for (const uint32_t i : s_.best) s_.chunks[i]->ids->PrefetchRow(InChunk(i));
    for (const uint32_t i : s_.best) {
      const lists::Chunk& chunk = *s_.chunks[i];
      RankedRow row{ScoreOf(s_.keys[i]), chunk.row_id(InChunk(i)), plan_.rerank == RerankTier::kRaw,
                    chunk.has_string_id(InChunk(i)), 0};
      if (!row.string_id) row.number = chunk.number(InChunk(i));
      out.push_back(row);
    }
    const Metric metric = snapshot_.model->metric;
    std::sort(out.begin(), out.end(), [metric](const RankedRow& a, const RankedRow& b) {
      return a.score != b.score ? RanksBefore(metric, a.score, b.score) : a.row < b.row;
    });
    out.resize(wanted);  // ties at the bound go to the smaller rows
  }

  const Snapshot& snapshot_;
  const store::Store& store_;
  const SearchPlan& plan_;
  const StopToken& stop_;
  Scratch& s_;
  QueryExplain& explain_;
  Stopwatch watch_;
  lists::ScanCounts counts_;
};

}  // namespace

StatusOr<SearchPlan> PlanSearch(const QueryParams& params, const quant::Model& model,
                                uint32_t nlist) {
  SearchPlan plan;
  plan.wanted = params.limit + params.offset;
  plan.nprobe = params.nprobe > 0 ? params.nprobe : std::max<uint32_t>(8, nlist / 32);
  plan.nprobe = std::min(plan.nprobe, nlist);
  plan.rerank = params.rerank;
  const bool has_refine = model.refine_bytes() > 0;
  if (plan.rerank == RerankTier::kAuto)
    plan.rerank = has_refine ? RerankTier::kRefine : RerankTier::kRaw;
  if (plan.rerank == RerankTier::kRefine && !has_refine) {
    return FailedPrecondition("rerank: the model (" + model.spec.ToString() +
                              ") has no refine codes");
  }
  if (plan.rerank != RerankTier::kNone) {
    const uint32_t chosen = std::max<uint32_t>(100, 10 * plan.wanted);
    plan.depth = std::max(params.rerank_depth > 0 ? params.rerank_depth : chosen, plan.wanted);
  }
  return plan;
}

Status Search(const Snapshot& snapshot, const store::Store& store, const float* q,
              const SearchPlan& plan, const StopToken& stop, std::vector<RankedRow>& out,
              bool& all_searched, QueryExplain& explain) {
  static thread_local Scratch scratch;
  Searcher searcher(snapshot, store, plan, stop, scratch, explain);
  TESSERA_RETURN_IF_ERROR(searcher.Scan(q, all_searched));
  return searcher.Rank(q, out);
}

}  // namespace tessera::engine

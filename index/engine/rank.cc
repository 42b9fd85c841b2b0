#include "index/engine/rank.h"

#include <algorithm>

#include "index/base/prefetch.h"
#include "index/elements.h"
#include "index/engine/vector_data.h"
#include "index/simd/kernels.h"

namespace tessera::engine {
namespace {

struct RankScratch {
  quant::RefineQuery refine;
  std::vector<float> raw;
  std::vector<const lists::Chunk*> chunks;  // of the candidates
  std::vector<uint32_t> keys;               // of the candidates: smaller is better
  std::vector<uint32_t> best;
};

class Ranker {
 public:
  Ranker(const Snapshot& snapshot, const store::Store* store, const SearchPlan& plan,
         const QueryState& state, const StopToken& stop, RankScratch& scratch)
      : snapshot_(snapshot), store_(store), plan_(plan), state_(state), stop_(stop), s_(scratch) {}

  Status Run(const float* q, std::vector<RankedRow>& out) {
    FindChunks();
    switch (plan_.rerank) {
      case RerankTier::kRefine:
        ScoreByRefine();
        break;
      case RerankTier::kRaw:
        TESSERA_RETURN_IF_ERROR(ScoreByRaw(q));
        break;
      default:
        s_.keys.assign(state_.top.keys().begin(), state_.top.keys().end());
        break;
    }
    TakeBest(out);
    return OkStatus();
  }

  uint64_t reranked() const { return reranked_; }

 private:
  // Chunks of the candidates. Their lists were scanned a moment ago, what else a chunk holds was
  // not read: it is asked for here, so that the misses overlap.
  void FindChunks() {
    const auto places = state_.top.places();
    s_.chunks.resize(places.size());
    for (size_t i = 0; i < places.size(); ++i) {
      const lists::List& list = *snapshot_.lists.list(state_.probed[places[i].probe].list);
      const lists::Chunk* chunk = list.chunks[places[i].position / lists::kChunkRows].get();
      s_.chunks[i] = chunk;
      const size_t page = places[i].position % lists::kChunkRows / lists::kPageRows;
      if (plan_.rerank == RerankTier::kRefine) Prefetch(&chunk->pages[page]);
    }
  }

  size_t InChunk(size_t i) const { return state_.top.places()[i].position % lists::kChunkRows; }

  void ScoreByRefine() {
    const quant::Model& model = *snapshot_.model;
    const lists::RowLayout& layout = snapshot_.lists.layout();
    constexpr size_t kAhead = 12;  // records asked for before they are needed
    const auto record = [&](size_t i) { return s_.chunks[i]->record(layout, InChunk(i)); };
    quant::PrepareRefine(model, state_.query, s_.refine);
    const size_t n = state_.top.size();
    s_.keys.resize(n);
    for (size_t i = 0; i < std::min(n, kAhead); ++i) PrefetchRange(record(i), layout.record_bytes);
    for (size_t i = 0; i < n; ++i) {
      if (i + kAhead < n) PrefetchRange(record(i + kAhead), layout.record_bytes);
      const float base = state_.probed[state_.top.places()[i].probe].base;
      s_.keys[i] = lists::OrderedBits(quant::RefineScore(model, s_.refine, base, record(i)));
    }
    reranked_ += n;
  }

  Status ScoreByRaw(const float* q) {
    const quant::Model& model = *snapshot_.model;
    const size_t n = state_.top.size();
    std::vector<RowId> rows(n);
    for (size_t i = 0; i < n; ++i) rows[i] = s_.chunks[i]->row_id(InChunk(i));
    TESSERA_ASSIGN_OR_RETURN(auto vectors, store_->GetVectors(rows, snapshot_.store.get()));
    TESSERA_RETURN_IF_ERROR(stop_.Check());
    s_.raw.resize(model.dim);
    s_.keys.resize(n);
    for (size_t i = 0; i < n; ++i) {
      if (!vectors[i] || vectors[i]->bytes.size() != model.dim * ElementSize(vectors[i]->type)) {
        return DataLoss("vector of row " + std::to_string(rows[i].value) +
                        " is missing or has a wrong length");
      }
      ToFloats(vectors[i]->type, vectors[i]->quantization, vectors[i]->bytes.data(), model.dim,
               s_.raw.data());
      if (model.metric == Metric::kCosine) {
        TESSERA_ASSIGN_OR_RETURN(const double norm, CheckVector(s_.raw.data(), model.dim,
                                                                model.metric, "stored vector"));
        Normalize(s_.raw.data(), model.dim, norm);
      }
      const float score = quant::ExactScore(model.metric, q, s_.raw.data(), model.dim);
      s_.keys[i] = lists::OrderedBits(model.metric == Metric::kL2 ? score : -score);
    }
    reranked_ += n;
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
  const store::Store* store_;
  const SearchPlan& plan_;
  const QueryState& state_;
  const StopToken& stop_;
  RankScratch& s_;
  uint64_t reranked_ = 0;
};

}  // namespace

Status Rank(const Snapshot& snapshot, const store::Store* store, const SearchPlan& plan,
            const float* q, const QueryState& state, const StopToken& stop,
            std::vector<RankedRow>& out, uint64_t& reranked) {
  static thread_local RankScratch scratch;
  Ranker ranker(snapshot, store, plan, state, stop, scratch);
  const Status status = ranker.Run(q, out);
  reranked += ranker.reranked();
  return status;
}

}  // namespace tessera::engine

#include "index/engine/rank.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "index/base/prefetch.h"
#include "index/elements.h"
#include "index/engine/stored_records.h"
#include "index/engine/vector_data.h"
#include "index/simd/kernels.h"

namespace tessera::engine {
namespace {

// Rows read between two looks at what they have to beat.
constexpr size_t kGroupRows = 16;
// Standard deviations of RaBitQ's error that count as possible.
constexpr float kDeviations = 3.0f;

struct RankScratch {
  quant::RecordQuery refine;
  std::vector<float> raw;
  std::vector<const lists::Chunk*> chunks;  // of the candidates
  std::vector<uint32_t> keys;               // of the candidates: smaller is better
  std::vector<uint32_t> best;
  std::vector<uint32_t> order;  // candidates by estimate
  std::vector<uint32_t> group;  // candidates to be scored next
  std::vector<RowId> rows;      // of the group
  std::vector<ListId> lists;    // of the candidates, whose records are read
  StoredRecords stored;
  std::vector<uint8_t> code;
  std::vector<float> heap;      // the least distances so far, the largest in front
};

class Ranker {
 public:
  Ranker(const Snapshot& snapshot, const store::Store* store, const SearchPlan& plan,
         const QueryState& state, const StopToken& stop, RankScratch& scratch)
      : snapshot_(snapshot), store_(store), plan_(plan), state_(state), stop_(stop), s_(scratch) {}

  Status Run(const float* q, std::vector<RankedRow>& out) {
    FindChunks();
    if (plan_.float_tables) {
      ScoreByTables();
    } else if (plan_.rerank == RerankTier::kNone) {
      s_.keys.assign(state_.top.keys().begin(), state_.top.keys().end());
    } else {
      TESSERA_RETURN_IF_ERROR(Rerank(q));
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
      if (!on_disk_ && plan_.rerank == RerankTier::kRefine) Prefetch(&chunk->pages[page]);
    }
  }

  size_t InChunk(size_t i) const { return state_.top.places()[i].position % lists::kChunkRows; }

  void ScoreByTables() {
    const auto places = state_.top.places();
    s_.keys.resize(places.size());
    for (size_t i = 0; i < places.size(); ++i) {
      s_.keys[i] = TableKey(*snapshot_.model, state_, *s_.chunks[i], places[i], s_.code);
    }
  }

  // Scores candidates again, those of the best estimates first, a group at a time, and leaves out
  // those that cannot be among the best any more even if their estimate errs as far as it may.
  // Without a bound on errors that is one group of all.
  Status Rerank(const float* q) {
    const size_t n = state_.top.size();
    const auto estimates = state_.top.keys();
    const bool bounded = plan_.adaptive && HasBound() && n > plan_.wanted + kGroupRows;
    if (plan_.rerank == RerankTier::kRefine) {
      snapshot_.model->refine.Prepare(state_.query.for_refine(), s_.refine);
    }
    if (on_disk_) TESSERA_RETURN_IF_ERROR(ReadRecords());
    s_.order.resize(n);
    std::iota(s_.order.begin(), s_.order.end(), 0u);
    if (bounded) {
      std::sort(s_.order.begin(), s_.order.end(), [estimates, this](uint32_t a, uint32_t b) {
        if (estimates[a] != estimates[b]) return estimates[a] < estimates[b];
        return state_.top.places()[a] < state_.top.places()[b];
      });
    }
    s_.keys.assign(n, std::numeric_limits<uint32_t>::max());  // of rows left out
    s_.heap.clear();
    for (size_t next = 0; next < n;) {
      s_.group.clear();
      while (next < n && (!bounded || s_.group.size() < kGroupRows)) {
        const uint32_t i = s_.order[next++];
        if (!bounded || MayEnter(i)) s_.group.push_back(i);
      }
      TESSERA_RETURN_IF_ERROR(plan_.rerank == RerankTier::kRefine ? ScoreByRefine()
                                                                  : ScoreByRaw(q));
      if (bounded) Gather();
    }
    return OkStatus();
  }

  // Of all candidates at once, though some may not be needed: which ones depends on the scores of those before.
  Status ReadRecords() {
    const auto places = state_.top.places();
    s_.lists.clear();
    s_.rows.clear();
    for (size_t i = 0; i < places.size(); ++i) {
      s_.lists.push_back(state_.probed[places[i].probe].list);
      s_.rows.push_back(s_.chunks[i]->row_id(InChunk(i)));
    }
    TESSERA_RETURN_IF_ERROR(s_.stored.Read(snapshot_, *store_, s_.lists, s_.rows));
    return stop_.Check();
  }

  bool HasBound() const {
    return snapshot_.model->record.has_slack() || snapshot_.model->error_bound > 0;
  }

  // How much less than its estimate the distance of candidate i may be.
  float Slack(uint32_t i) const {
    const quant::Model& model = *snapshot_.model;
    const float base = state_.probed[state_.top.places()[i].probe].base;
    const float length2 =
        model.metric == Metric::kInnerProduct ? state_.query.y_norm2 : std::max(base, 0.0f);
    if (!model.record.has_slack()) {
      // Rows out there were drawn in: where they are the code does not say.
      const bool beyond = model.residual_limit > 0 && base > model.residual_limit;
      return beyond ? std::numeric_limits<float>::infinity() : model.error_bound * std::sqrt(length2);
    }
    const uint8_t* code = s_.chunks[i]->page_row(snapshot_.lists.layout(), InChunk(i));
    return kDeviations * model.record.Slack(code) * std::sqrt(length2);
  }

  bool MayEnter(uint32_t i) const {
    if (s_.heap.size() < plan_.wanted) return true;
    return !(lists::FromOrderedBits(state_.top.keys()[i]) - Slack(i) > s_.heap.front());
  }

  // The scores of the group among the best so far, as distances in the sense of estimates.
  void Gather() {
    for (const uint32_t i : s_.group) {
      float distance = lists::FromOrderedBits(s_.keys[i]);
      const bool raw = plan_.rerank == RerankTier::kRaw;
      if (raw && snapshot_.model->metric == Metric::kCosine) distance = 2.0f + 2.0f * distance;
      if (s_.heap.size() == plan_.wanted) {
        if (!(distance < s_.heap.front())) continue;
        std::pop_heap(s_.heap.begin(), s_.heap.end());
        s_.heap.back() = distance;
      } else {
        s_.heap.push_back(distance);
      }
      std::push_heap(s_.heap.begin(), s_.heap.end());
    }
  }

  Status ScoreByRefine() {
    const quant::Model& model = *snapshot_.model;
    const lists::RowLayout& layout = snapshot_.lists.layout();
    constexpr size_t kAhead = 12;  // records asked for before they are needed
    const auto record = [&](size_t g) {
      const lists::Chunk& chunk = *s_.chunks[s_.group[g]];
      const size_t at = InChunk(s_.group[g]);
      return on_disk_ ? s_.stored.record(chunk.row_id(at)) : chunk.record(layout, at);
    };
    const size_t n = s_.group.size();
    const size_t ahead = on_disk_ ? n : kAhead;  // those that were just read are in the cache
    for (size_t g = 0; g < std::min(n, kAhead) && !on_disk_; ++g) PrefetchRange(record(g), layout.record_bytes);
    for (size_t g = 0; g < n; ++g) {
      if (g + ahead < n) PrefetchRange(record(g + ahead), layout.record_bytes);
      const uint32_t i = s_.group[g];
      const float base = state_.probed[state_.top.places()[i].probe].base;
      s_.keys[i] = lists::OrderedBits(model.refine.Score(s_.refine, base, record(g)));
    }
    reranked_ += n;
    return OkStatus();
  }

  Status ScoreByRaw(const float* q) {
    const quant::Model& model = *snapshot_.model;
    const size_t n = s_.group.size();
    s_.rows.resize(n);
    for (size_t g = 0; g < n; ++g) {
      s_.rows[g] = s_.chunks[s_.group[g]]->row_id(InChunk(s_.group[g]));
    }
    TESSERA_ASSIGN_OR_RETURN(auto vectors, store_->GetVectors(s_.rows, snapshot_.store.get()));
    TESSERA_RETURN_IF_ERROR(stop_.Check());
    s_.raw.resize(model.dim);
    for (size_t g = 0; g < n; ++g) {
      if (!vectors[g] || vectors[g]->bytes.size() != model.dim * ElementSize(vectors[g]->type)) {
        return DataLoss("vector of row " + std::to_string(s_.rows[g].value) +
                        " is missing or has a wrong length");
      }
      ToFloats(vectors[g]->type, vectors[g]->quantization, vectors[g]->bytes.data(), model.dim,
               s_.raw.data());
      if (model.metric == Metric::kCosine) {
        TESSERA_ASSIGN_OR_RETURN(const double norm, CheckVector(s_.raw.data(), model.dim,
                                                                model.metric, "stored vector"));
        Normalize(s_.raw.data(), model.dim, norm);
      }
      const float score = quant::ExactScore(model.metric, q, s_.raw.data(), model.dim);
      s_.keys[s_.group[g]] = lists::OrderedBits(model.metric == Metric::kL2 ? score : -score);
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
  const bool on_disk_ = plan_.rerank == RerankTier::kRefine && RefineIsOnDisk(snapshot_);
  uint64_t reranked_ = 0;
};

}  // namespace

uint32_t TableKey(const quant::Model& model, const QueryState& state, const lists::Chunk& chunk,
                  const lists::Place& place, std::vector<uint8_t>& scratch) {
  const size_t code_bytes = model.code_bytes();
  const size_t at = place.position % lists::kChunkRows;
  const lists::CodeBlock& block = *chunk.blocks[at / lists::kBlockRows];
  scratch.resize(code_bytes);
  block.CopyCode(code_bytes, at % lists::kBlockRows, scratch.data());
  const quant::ProbedList& list = state.probed[place.probe];
  const int64_t units = int64_t{list.origin} + block.correction(code_bytes, at % lists::kBlockRows);
  const auto correction = static_cast<float>(static_cast<double>(units) * double{model.correction_step});
  return lists::OrderedBits(quant::TableScore(model, state.tables, list, correction, scratch.data()));
}

Status Rank(const Snapshot& snapshot, const store::Store* store, const SearchPlan& plan,
            const float* q, const QueryState& state, const StopToken& stop,
            std::vector<RankedRow>& out, uint64_t& reranked) {
  static thread_local RankScratch scratch;
  Ranker ranker(snapshot, store, plan, state, stop, scratch);
  const Status status = ranker.Run(q, out);
  scratch.stored.Clear();
  reranked += ranker.reranked();
  return status;
}

}  // namespace tessera::engine

#include "index/engine/recall_meter.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include "index/engine/exact_search.h"
#include "index/engine/probe.h"
#include "index/engine/rank.h"
#include "index/engine/stored_records.h"
#include "index/quant/coarse.h"

namespace tessera::engine {
namespace {

constexpr size_t kTies = 28;
constexpr size_t kTaskQueries = 8;
constexpr size_t kExactQueries = 1024;  // a pass over the rows
constexpr double kProbedShare = 0.9995;
constexpr size_t kBuckets = kRecallBuckets.size();

// Runs body(query) on the executor; the first error ends it.
Status ForEachQuery(Executor& executor, size_t n, const StopToken& stop,
                    const std::function<Status(size_t begin, size_t end)>& body) {
  std::mutex mutex;
  Status first;
  ParallelFor(executor, n, kTaskQueries, [&](size_t begin, size_t end) {
    Status status = stop.Check();
    if (status.ok()) status = body(begin, end);
    if (status.ok()) return;
    std::lock_guard lock(mutex);
    if (first.ok()) first = status;
  });
  return first;
}

std::vector<TrueNeighbor> MarkBuckets(Metric metric, const std::vector<RankedRow>& ranked) {
  std::vector<TrueNeighbor> out;
  for (const RankedRow& row : ranked) {
    TrueNeighbor one{row.row, 0};
    for (size_t b = 0; b < kBuckets; ++b) {
      const size_t last = std::min<size_t>(kRecallBuckets[b], ranked.size()) - 1;
      if (!RanksBefore(metric, ranked[last].score, row.score)) one.buckets |= 1u << b;
    }
    if (one.buckets == 0) break;
    out.push_back(one);
  }
  return out;
}

// List of every live row; UINT32_MAX for the others.
std::vector<uint32_t> ListOfRows(const Snapshot& snapshot) {
  std::vector<uint32_t> list_of(snapshot.next_row, UINT32_MAX);
  for (uint32_t l = 0; l < snapshot.lists.nlist(); ++l) {
    const lists::List* list = snapshot.lists.list(ListId{l});
    if (!list) continue;
    for (const lists::ChunkPtr& chunk : list->chunks) {
      for (size_t i = 0; i < chunk->rows; ++i) {
        if (chunk->is_live(i)) list_of[chunk->row_id(i).value] = l;
      }
    }
  }
  return list_of;
}

// Hits by form, nprobe and bucket over queries: whole numbers, so that their order does not show.
struct Sums {
  explicit Sums(const RecallGrid& grid)
      : hits(grid.forms() * grid.nprobe.size() * kBuckets),
        squares(hits.size()),
        rows(grid.nprobe.size()) {}
  void Add(const Sums& other) {
    for (size_t i = 0; i < hits.size(); ++i) {
      hits[i] += other.hits[i];
      squares[i] += other.squares[i];
    }
    for (size_t p = 0; p < rows.size(); ++p) rows[p] += other.rows[p];
  }
  std::vector<uint64_t> hits;
  std::vector<uint64_t> squares;
  std::vector<uint64_t> rows;
};

// One thread's way through its queries.
class Meter {
 public:
  Meter(const Snapshot& snapshot, const store::Store& store, const RecallGrid& grid, const StopToken& stop)
      : snapshot_(snapshot),
        store_(store),
        grid_(grid),
        stop_(stop),
        marks_(snapshot.next_row),
        hits_(grid.forms() * kBuckets),
        sums_(grid) {}

  Status Measure(const float* q, const std::vector<TrueNeighbor>& truth,
                 std::optional<RowId> self) {
    const quant::Model& model = *snapshot_.model;
    for (const TrueNeighbor& one : truth) marks_[one.row.value] = static_cast<uint8_t>(one.buckets);
    self_ = self;
    quant::TransformQuery(model, q, state_.query);
    quant::CoarseSearch(model, *snapshot_.table, state_.query, grid_.nprobe.back(), coarse_,
                        state_.probed);
    if (model.record.empty()) quant::BuildQueryTables(model, state_.query, state_.tables);
    if (grid_.refine) model.refine.Prepare(state_.query.for_refine(), refine_);
    SearchPlan plan;
    plan.depth = grid_.depths.back() + 1;  // its own row, too
    StartScan(snapshot_, plan, state_);
    order_.clear();
    stored_.Clear();
    short_probes_.fill(0);
    added_.assign(grid_.nprobe.size() * kBuckets, false);
    Status status;
    size_t scanned = 0;
    uint64_t rows = 0;
    for (size_t p = 0; p < grid_.nprobe.size() && status.ok(); ++p) {
      const size_t end = std::min<size_t>(grid_.nprobe[p], state_.probed.size());
      status = ScanProbed(snapshot_, scanned, end, stop_, state_);
      for (; scanned < end; ++scanned) {
        const lists::List* list = snapshot_.lists.list(state_.probed[scanned].list);
        rows += list ? list->rows : 0;
      }
      if (status.ok()) status = TakeCandidates();
      if (status.ok() && new_candidates_) CountHits();
      AddHits(p, state_.counts.live_rows);
      sums_.rows[p] += rows;
    }
    for (const TrueNeighbor& one : truth) marks_[one.row.value] = 0;
    return status;
  }

  const Sums& sums() const { return sums_; }

 private:
  struct Candidate {
    uint32_t key;
    lists::Place place;
    friend auto operator<=>(const Candidate&, const Candidate&) = default;
  };

  Status ReadRecords() {
    if (!grid_.refine || !RefineIsOnDisk(snapshot_)) return OkStatus();
    lists_.clear();
    rows_.clear();
    for (const Candidate& c : order_) {
      const ListId list = state_.probed[c.place.probe].list;
      lists_.push_back(list);
      rows_.push_back(snapshot_.lists.list(list)->chunks[c.place.position / lists::kChunkRows]->row_id(
          c.place.position % lists::kChunkRows));
    }
    return stored_.Read(snapshot_, store_, lists_, rows_);
  }

  // The candidates so far, best first; new_candidates_ is false if they are those of the last time.
  Status TakeCandidates() {
    top_ = state_.top;  // the scan goes on with its own
    top_.Finish();
    next_.clear();
    for (size_t i = 0; i < top_.size(); ++i) next_.push_back({top_.keys()[i], top_.places()[i]});
    std::sort(next_.begin(), next_.end());
    new_candidates_ = order_.empty() || next_ != order_;
    if (!new_candidates_) return OkStatus();
    order_.swap(next_);
    TESSERA_RETURN_IF_ERROR(ReadRecords());
    found_.clear();
    refined_.clear();
    by_tables_.clear();
    const quant::Model& model = *snapshot_.model;
    const size_t tables = model.record.empty() ? SearchPlan::TableCandidates(kRecallBuckets.back()) : 0;
    for (const Candidate& c : order_) {
      const lists::List& list = *snapshot_.lists.list(state_.probed[c.place.probe].list);
      const lists::Chunk& chunk = *list.chunks[c.place.position / lists::kChunkRows];
      const size_t at = c.place.position % lists::kChunkRows;
      const RowId row = chunk.row_id(at);
      if (self_ && row == *self_) continue;
      if (grid_.refine) {
        const uint8_t* record =
            RefineIsOnDisk(snapshot_) ? stored_.record(row) : chunk.record(snapshot_.lists.layout(), at);
        const float score = snapshot_.model->refine.Score(refine_, state_.probed[c.place.probe].base, record);
        refined_.push_back({lists::OrderedBits(score), static_cast<uint32_t>(found_.size())});
      }
      if (by_tables_.size() < tables) {
        by_tables_.push_back({TableKey(model, state_, chunk, c.place, code_),
                              static_cast<uint32_t>(found_.size())});
      }
      found_.push_back(marks_[row.value]);
    }
    std::sort(refined_.begin(), refined_.end());
    std::sort(by_tables_.begin(), by_tables_.end());
    return OkStatus();
  }

  void Count(size_t form, size_t bucket, uint32_t hits) {
    hits_[form * kBuckets + bucket] = std::min(hits, kRecallBuckets[bucket]);
  }

  void CountHits() {
    std::fill(hits_.begin(), hits_.end(), 0);
    for (size_t b = 0; b < kBuckets; ++b) {
      uint32_t hits = 0;
      size_t at = 0;
      const auto count_to = [&](size_t end) {
        for (; at < std::min(end, found_.size()); ++at) hits += found_[at] >> b & 1;
      };
      count_to(kRecallBuckets[b]);
      Count(0, b, by_tables_.empty() ? hits : HitsByTables(b));
      const size_t first_raw = grid_.refine ? 1 + grid_.depths.size() : 1;
      for (size_t d = 0; d < grid_.depths.size(); ++d) {
        if (grid_.depths[d] < kRecallBuckets[b]) continue;
        count_to(grid_.depths[d]);
        Count(first_raw + d, b, hits);
      }
    }
    if (!grid_.refine) return;
    for (size_t d = 0; d < grid_.depths.size(); ++d) CountRefined(d);
  }

  // Of the candidates that a search by codes alone takes for that bucket, the best by the tables in float.
  uint32_t HitsByTables(size_t b) const {
    const size_t depth = SearchPlan::TableCandidates(kRecallBuckets[b]);
    uint32_t hits = 0;
    uint32_t rank = 0;
    for (const auto& [key, at] : by_tables_) {
      if (at >= depth) continue;
      hits += found_[at] >> b & 1;
      if (++rank == kRecallBuckets[b]) break;
    }
    return hits;
  }

  // The best of the first `depth` candidates by their refine scores.
  void CountRefined(size_t d) {
    const uint32_t depth = grid_.depths[d];
    uint32_t hits[kBuckets] = {};
    uint32_t rank = 0;
    for (const auto& [key, at] : refined_) {
      if (at >= depth) continue;
      for (size_t b = 0; b < kBuckets; ++b) {
        if (rank < kRecallBuckets[b]) hits[b] += found_[at] >> b & 1;
      }
      if (++rank == kRecallBuckets.back()) break;
    }
    for (size_t b = 0; b < kBuckets; ++b) {
      if (depth >= kRecallBuckets[b]) Count(1 + d, b, hits[b]);
    }
  }

  // A search of fewer lists than hold k rows doubles them until they do, and finds what is found there.
  void AddHits(size_t probe, uint64_t live_rows) {
    const bool last = probe + 1 == grid_.nprobe.size();
    for (size_t b = 0; b < kBuckets; ++b) {
      if (live_rows < kRecallBuckets[b]) short_probes_[b] = grid_.nprobe[probe];
      if (live_rows < kRecallBuckets[b] && !last) continue;
      for (size_t p = 0; p <= probe; ++p) {
        uint64_t doubled = grid_.nprobe[p];
        while (doubled <= short_probes_[b]) doubled *= 2;
        if (added_[p * kBuckets + b] || (grid_.nprobe[probe] < doubled && !last)) continue;
        added_[p * kBuckets + b] = true;
        AddBucket(p, b);
      }
    }
  }

  void AddBucket(size_t probe, size_t b) {
    for (size_t f = 0; f < grid_.forms(); ++f) {
      const uint64_t hits = hits_[f * kBuckets + b];
      sums_.hits[grid_.index(f, probe, b)] += hits;
      sums_.squares[grid_.index(f, probe, b)] += hits * hits;
    }
  }

  const Snapshot& snapshot_;
  const store::Store& store_;
  const RecallGrid& grid_;
  const StopToken& stop_;
  std::vector<uint8_t> marks_;  // by row: buckets of the query's true neighbours
  std::optional<RowId> self_;
  QueryState state_;
  quant::CoarseScratch coarse_;
  quant::RecordQuery refine_;
  lists::TopK top_;
  std::vector<Candidate> order_, next_;
  bool new_candidates_ = false;
  StoredRecords stored_;
  std::vector<ListId> lists_;  // of the candidates
  std::vector<RowId> rows_;
  std::vector<uint8_t> found_;                          // marks of the candidates, best first
  std::vector<std::pair<uint32_t, uint32_t>> refined_;  // key, place in found_; best first
  std::vector<std::pair<uint32_t, uint32_t>> by_tables_;
  std::vector<uint8_t> code_;
  std::array<uint32_t, kBuckets> short_probes_;  // the most lists that did not hold k rows, by bucket
  std::vector<bool> added_;                      // by nprobe and bucket: hits are in the sums
  std::vector<uint32_t> hits_;                          // forms x buckets
  Sums sums_;
};

void FillCells(const Sums& sums, size_t queries, uint64_t rows, RecallGrid& grid) {
  const auto n = static_cast<double>(queries);
  grid.cells.resize(sums.hits.size());
  for (size_t i = 0; i < grid.cells.size(); ++i) {
    const auto k = static_cast<double>(std::min<uint64_t>(rows, kRecallBuckets[i % kBuckets]));
    const double mean = static_cast<double>(sums.hits[i]) / (n * k);
    const double square = static_cast<double>(sums.squares[i]) / (n * k * k);
    grid.cells[i] = {static_cast<float>(std::min(1.0, mean)),
                     static_cast<float>(std::clamp(square - mean * mean, 0.0, 1.0))};
  }
  grid.rows_scanned.clear();
  for (const uint64_t sum : sums.rows)
    grid.rows_scanned.push_back(static_cast<float>(static_cast<double>(sum) / n));
}

}  // namespace

StatusOr<Truth> FindTruth(const Snapshot& snapshot, const store::Store& store,
                          const CalibrationQueries& queries, Executor& executor,
                          const StopToken& stop) {
  const Metric metric = snapshot.model->metric;
  const size_t k = kRecallBuckets.back() + kTies + (queries.self.empty() ? 0 : 1);
  Truth truth;
  std::vector<std::vector<RankedRow>> ranked;
  for (size_t begin = 0; begin < queries.size(); begin += kExactQueries) {
    const size_t count = std::min(kExactQueries, queries.size() - begin);
    TESSERA_RETURN_IF_ERROR(ExactSearch(snapshot, &store, metric, queries.view().Slice(begin, count),
                                        k, executor, stop, ranked));
    for (size_t i = 0; i < count; ++i) {
      if (!queries.self.empty()) {
        std::erase_if(ranked[i],
                      [&](const RankedRow& r) { return r.row == queries.self[begin + i]; });
      }
      truth.push_back(MarkBuckets(metric, ranked[i]));
    }
  }
  return truth;
}

StatusOr<uint32_t> MostProbes(const Snapshot& snapshot, const CalibrationQueries& queries,
                              const Truth& truth, Executor& executor, const StopToken& stop) {
  const uint32_t nlist = snapshot.lists.nlist();
  const std::vector<uint32_t> list_of = ListOfRows(snapshot);
  std::vector<uint64_t> by_rank(nlist);
  std::mutex mutex;
  TESSERA_RETURN_IF_ERROR(
      ForEachQuery(executor, queries.size(), stop, [&](size_t begin, size_t end) {
        QueryState state;
        quant::CoarseScratch coarse;
        std::vector<uint32_t> rank(nlist);
        std::vector<uint64_t> counts(nlist);
        for (size_t q = begin; q < end; ++q) {
          quant::TransformQuery(*snapshot.model, queries.view().row(q), state.query);
          quant::CoarseSearch(*snapshot.model, *snapshot.table, state.query, nlist, coarse,
                              state.probed);
          for (size_t i = 0; i < state.probed.size(); ++i)
            rank[state.probed[i].list.value] = static_cast<uint32_t>(i);
          for (const TrueNeighbor& one : truth[q]) {
            const uint32_t list = list_of[one.row.value];
            if (list < nlist) ++counts[rank[list]];
          }
        }
        std::lock_guard lock(mutex);
        for (uint32_t r = 0; r < nlist; ++r) by_rank[r] += counts[r];
        return OkStatus();
      }));
  const auto all =
      static_cast<double>(std::accumulate(by_rank.begin(), by_rank.end(), uint64_t{0}));
  double seen = 0;
  for (uint32_t r = 0; r < nlist; ++r) {
    seen += static_cast<double>(by_rank[r]);
    if (seen >= kProbedShare * all) return r + 1;
  }
  return nlist;
}

Status MeasureGrid(const Snapshot& snapshot, const store::Store& store, const CalibrationQueries& queries,
                   const Truth& truth, Executor& executor, const StopToken& stop, RecallGrid& grid) {
  Sums total(grid);
  std::mutex mutex;
  // As many meters as threads, each with marks for every row; a task takes one that is free.
  std::vector<std::unique_ptr<Meter>> idle;
  TESSERA_RETURN_IF_ERROR(
      ForEachQuery(executor, queries.size(), stop, [&](size_t begin, size_t end) {
        std::unique_ptr<Meter> meter;
        {
          std::lock_guard lock(mutex);
          if (!idle.empty()) {
            meter = std::move(idle.back());
            idle.pop_back();
          }
        }
        if (!meter) meter = std::make_unique<Meter>(snapshot, store, grid, stop);
        for (size_t q = begin; q < end; ++q) {
          std::optional<RowId> self;
          if (!queries.self.empty()) self = queries.self[q];
          TESSERA_RETURN_IF_ERROR(meter->Measure(queries.view().row(q), truth[q], self));
        }
        std::lock_guard lock(mutex);
        idle.push_back(std::move(meter));
        return OkStatus();
      }));
  for (const auto& meter : idle) total.Add(meter->sums());
  const uint64_t rows = snapshot.lists.live_rows() - (queries.self.empty() ? 0 : 1);
  FillCells(total, queries.size(), std::max<uint64_t>(1, rows), grid);
  return OkStatus();
}

}  // namespace tessera::engine

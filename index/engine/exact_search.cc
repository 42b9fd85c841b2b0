#include "index/engine/exact_search.h"

#include <algorithm>
#include <cfloat>
#include <mutex>
#include <span>
#include <utility>

#include "index/elements.h"
#include "index/engine/vector_data.h"
#include "index/lists/top_k.h"
#include "index/quant/blas.h"
#include "index/quant/query.h"

namespace tessera::engine {
namespace {

constexpr size_t kBlockRows = 512;
constexpr size_t kQueryTile = 64;
constexpr uint64_t kFetchShare = 20;  // a row fetched by itself takes so many times as long as one of a scan
constexpr size_t kGemmQueries = 4;  // below this, direct scores are cheaper

// The best k keys (OrderedBits of "smaller is better" << 32 | row): a max-heap.
class BestKeys {
 public:
  explicit BestKeys(size_t k) : k_(k) {}
  void Push(uint64_t key) {
    if (keys_.size() < k_) {
      keys_.push_back(key);
      std::push_heap(keys_.begin(), keys_.end());
    } else if (key < keys_.front()) {
      std::pop_heap(keys_.begin(), keys_.end());
      keys_.back() = key;
      std::push_heap(keys_.begin(), keys_.end());
    }
  }
  // Distances above this cannot enter.
  float threshold() const {
    return keys_.size() < k_ ? FLT_MAX : lists::FromOrderedBits(static_cast<uint32_t>(keys_.front() >> 32));
  }
  void Merge(const BestKeys& other) {
    for (const uint64_t key : other.keys_) Push(key);
  }
  std::vector<uint64_t> Sorted() && {
    std::sort(keys_.begin(), keys_.end());
    return std::move(keys_);
  }

 private:
  size_t k_;
  std::vector<uint64_t> keys_;
};

// Squared norms in double, for bounds only.
std::vector<double> SquaredNorms(MatrixView<const float> m) {
  std::vector<double> norms(m.rows());
  for (size_t i = 0; i < m.rows(); ++i) {
    for (size_t j = 0; j < m.dim(); ++j) norms[i] += static_cast<double>(m.row(i)[j]) * m.row(i)[j];
  }
  return norms;
}

// One task's share of the rows against all queries.
class Accumulator {
 public:
  Accumulator(MatrixView<const float> queries, const std::vector<double>& query_norms, size_t k,
              Metric metric)
      : queries_(queries), query_norms_(query_norms), metric_(metric), best_(queries.rows(), BestKeys(k)) {}

  // rows: up to kBlockRows, dense. ids parallel; a row whose `live` is false is left out.
  void Add(const float* rows, const RowId* ids, size_t n) {
    if (queries_.rows() < kGemmQueries) {
      for (size_t q = 0; q < queries_.rows(); ++q) {
        for (size_t i = 0; i < n; ++i) Score(q, rows + i * queries_.dim(), ids[i]);
      }
      return;
    }
    const MatrixView<const float> block(rows, n, queries_.dim());
    const std::vector<double> norms = SquaredNorms(block);
    products_.resize(kQueryTile * n);
    for (size_t q0 = 0; q0 < queries_.rows(); q0 += kQueryTile) {
      const size_t tile = std::min(kQueryTile, queries_.rows() - q0);
      quant::MultiplyTransposed(tile, n, queries_.dim(), queries_.row(q0), queries_.stride(), rows,
                                queries_.dim(), products_.data(), n);
      for (size_t q = 0; q < tile; ++q) Filter(q0 + q, products_.data() + q * n, block, norms, ids);
    }
  }

  std::vector<BestKeys>& best() { return best_; }

 private:
  // |computed - true product| <= (dim + 4) 2^-24 |q| |x| for any order of summation; doubled for the direct
  // score's own rounding.
  void Filter(size_t q, const float* products, MatrixView<const float> block,
              const std::vector<double>& norms, const RowId* ids) {
    const double unit = 2.0 * (static_cast<double>(queries_.dim()) + 8) * 0x1p-24;
    for (size_t i = 0; i < block.rows(); ++i) {
      const double qn = query_norms_[q];
      const double sum = qn + norms[i];
      const double distance = metric_ == Metric::kL2 ? sum - 2.0 * products[i] : -products[i];
      // 2 |q| |x| <= |q|^2 + |x|^2 spares a square root; the threshold may have moved within the block.
      if (distance - unit * sum <= best_[q].threshold()) Score(q, block.row(i), ids[i]);
    }
  }

  void Score(size_t q, const float* row, RowId id) {
    const float score = quant::ExactScore(metric_, queries_.row(q), row, queries_.dim());
    const uint32_t order = lists::OrderedBits(metric_ == Metric::kL2 ? score : -score);
    best_[q].Push(uint64_t{order} << 32 | id.value);
  }

  MatrixView<const float> queries_;
  const std::vector<double>& query_norms_;
  Metric metric_;
  std::vector<BestKeys> best_;
  std::vector<float> products_;
};

// Merges the tasks' results. Thread-safe.
class Merger {
 public:
  Merger(size_t queries, size_t k) : best_(queries, BestKeys(k)) {}
  void Add(const Status& status, std::vector<BestKeys>& part) {
    std::lock_guard lock(mutex_);
    if (!status.ok()) {
      if (status_.ok()) status_ = status;
      return;
    }
    for (size_t q = 0; q < best_.size(); ++q) best_[q].Merge(part[q]);
  }
  Status status() const { return status_; }
  std::vector<BestKeys>& best() { return best_; }

 private:
  std::mutex mutex_;
  Status status_;
  std::vector<BestKeys> best_;
};

// Live rows of an untrained snapshot's chunks.
Status AddChunks(const Snapshot& snapshot, size_t dim, size_t begin, size_t end, const filter::RowSet* only,
                 const StopToken& stop, Accumulator& out) {
  const lists::List& list = *snapshot.lists.list(ListId{0});
  std::vector<float> rows(kBlockRows * dim);
  std::vector<RowId> ids(kBlockRows);
  for (size_t c = begin; c < end; ++c) {
    TESSERA_RETURN_IF_ERROR(stop.Check());
    const lists::Chunk& chunk = *list.chunks[c];
    size_t n = 0;
    for (size_t i = 0; i < chunk.rows; ++i) {
      if (!chunk.is_live(i) || (only && !only->Contains(chunk.row_id(i)))) continue;
      const auto* record = reinterpret_cast<const float*>(chunk.record(snapshot.lists.layout(), i));
      std::copy_n(record, dim, rows.data() + n * dim);
      ids[n++] = chunk.row_id(i);
    }
    out.Add(rows.data(), ids.data(), n);
  }
  return OkStatus();
}

// Stored vectors on their way to an accumulator.
class StoredRows {
 public:
  StoredRows(Metric metric, size_t dim, Accumulator& out)
      : metric_(metric), dim_(dim), out_(out), rows_(kBlockRows * dim), ids_(kBlockRows) {}

  Status Add(RowId row, const store::VectorView& vector) {
    if (vector.bytes.size() != dim_ * ElementSize(vector.type)) {
      return DataLoss("vector of row " + std::to_string(row.value) + " has a wrong length");
    }
    float* v = rows_.data() + n_ * dim_;
    ToFloats(vector.type, vector.quantization, vector.bytes.data(), dim_, v);
    if (metric_ == Metric::kCosine) {
      TESSERA_ASSIGN_OR_RETURN(const double norm, CheckVector(v, dim_, metric_, "stored vector"));
      Normalize(v, dim_, norm);
    }
    ids_[n_++] = row;
    if (n_ == kBlockRows) Flush();
    return OkStatus();
  }
  void Flush() {
    out_.Add(rows_.data(), ids_.data(), n_);
    n_ = 0;
  }
  bool empty() const { return n_ == 0; }

 private:
  const Metric metric_;
  const size_t dim_;
  Accumulator& out_;
  std::vector<float> rows_;
  std::vector<RowId> ids_;
  size_t n_ = 0;
};

// Rows [begin, end) of the store's view.
Status AddStored(const Snapshot& snapshot, const store::Store& store, RowId begin, RowId end,
                 const filter::RowSet* only, const StopToken& stop, StoredRows& out) {
  TESSERA_RETURN_IF_ERROR(store.ScanVectors(
      begin, end, snapshot.store.get(), [&](RowId row, const store::VectorView& vector) -> Status {
        if (only && !only->Contains(row)) return OkStatus();
        TESSERA_RETURN_IF_ERROR(out.Add(row, vector));
        return out.empty() ? stop.Check() : OkStatus();
      }));
  out.Flush();
  return OkStatus();
}

// Some rows, those of them that are dead left out.
Status AddFetched(const Snapshot& snapshot, const store::Store& store, std::span<const RowId> rows,
                  const StopToken& stop, StoredRows& out) {
  for (size_t begin = 0; begin < rows.size(); begin += kBlockRows) {
    const auto part = rows.subspan(begin, std::min(kBlockRows, rows.size() - begin));
    const std::vector<RowId> wanted(part.begin(), part.end());
    TESSERA_ASSIGN_OR_RETURN(const auto vectors, store.GetVectors(wanted, snapshot.store.get()));
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (vectors[i]) TESSERA_RETURN_IF_ERROR(out.Add(wanted[i], vectors[i]->view()));
    }
    TESSERA_RETURN_IF_ERROR(stop.Check());
  }
  out.Flush();
  return OkStatus();
}

void Collect(Metric metric, std::vector<BestKeys>& best, std::vector<std::vector<RankedRow>>& out) {
  out.resize(best.size());
  for (size_t q = 0; q < best.size(); ++q) {
    out[q].clear();
    for (const uint64_t key : std::move(best[q]).Sorted()) {
      const float distance = lists::FromOrderedBits(static_cast<uint32_t>(key >> 32));
      out[q].push_back({metric == Metric::kL2 ? distance : -distance,
                        RowId{static_cast<uint32_t>(key)}, true, true, 0});
    }
  }
}

}  // namespace

Status ExactSearch(const Snapshot& snapshot, const store::Store* store, Metric metric,
                   MatrixView<const float> queries, size_t k, Executor& executor, const StopToken& stop,
                   std::vector<std::vector<RankedRow>>& out, const filter::RowSet* only) {
  const std::vector<double> query_norms = SquaredNorms(queries);
  const size_t dim = queries.dim();
  Merger merger(queries.rows(), k);
  const size_t tasks = executor.Concurrency() == 1 ? 1 : executor.Concurrency() * 4;
  const auto share = [&](size_t n, size_t least) { return std::max<size_t>(least, n / tasks); };
  // Calls add(begin, end, accumulator) for parts of [0, n).
  const auto run = [&](size_t n, size_t least, const auto& add) {
    ParallelFor(executor, n, share(n, least), [&](size_t begin, size_t end) {
      Accumulator part(queries, query_norms, k, metric);
      merger.Add(add(begin, end, part), part.best());
    });
  };
  if (!snapshot.trained()) {
    const lists::List* list = snapshot.lists.list(ListId{0});
    run(list ? list->chunks.size() : 0, 1, [&](size_t begin, size_t end, Accumulator& part) {
      return AddChunks(snapshot, dim, begin, end, only, stop, part);
    });
  } else if (only && only->cardinality() * kFetchShare < snapshot.next_row) {
    const std::vector<RowId> rows = only->Rows();
    run(rows.size(), kBlockRows, [&](size_t begin, size_t end, Accumulator& part) {
      StoredRows stored(metric, dim, part);
      return AddFetched(snapshot, *store, {rows.data() + begin, end - begin}, stop, stored);
    });
  } else {
    run(snapshot.next_row, kBlockRows, [&](size_t begin, size_t end, Accumulator& part) {
      StoredRows stored(metric, dim, part);
      return AddStored(snapshot, *store, RowId{static_cast<uint32_t>(begin)},
                       RowId{static_cast<uint32_t>(end)}, only, stop, stored);
    });
  }
  TESSERA_RETURN_IF_ERROR(merger.status());
  Collect(metric, merger.best(), out);
  return OkStatus();
}

}  // namespace tessera::engine

#include "index/engine/held_out.h"

#include <algorithm>
#include <utility>

#include "index/engine/exact_search.h"
#include "index/quant/random.h"

namespace tessera::engine {
namespace {

constexpr uint64_t kHoldOutStream = 301;  // of random numbers under one seed

// Base rows as an untrained collection, whose exact search gives the truth.
Snapshot UntrainedSnapshot(MatrixView<const float> rows) {
  Snapshot snapshot;
  const lists::RowLayout layout = LayoutOf(nullptr, static_cast<uint32_t>(rows.dim()));
  std::vector<lists::NewRow> added(rows.rows());
  for (size_t i = 0; i < rows.rows(); ++i) {
    added[i].row = RowId{static_cast<uint32_t>(i)};
    added[i].number = i;
    added[i].record = reinterpret_cast<const uint8_t*>(rows.row(i));
  }
  const lists::ListSet empty(1, layout);
  lists::ListSetEditor editor(empty);
  editor.SetList(ListId{0}, lists::ListSetEditor::BuildList(added, layout));
  snapshot.lists = editor.Finish();
  return snapshot;
}

}  // namespace

HeldOut HoldOut(std::vector<float> sample, uint32_t dim, Metric metric, uint32_t count,
                uint64_t seed) {
  HeldOut held;
  held.metric = metric;
  held.dim = dim;
  quant::Random random(seed, kHoldOutStream);
  const size_t rows = sample.size() / dim;
  const std::vector<uint32_t> chosen = quant::SampleIndices(rows, count, random);
  held.queries.reserve(chosen.size() * dim);
  size_t kept = 0;
  for (size_t i = 0, next = 0; i < rows; ++i) {
    const auto row = sample.begin() + static_cast<ptrdiff_t>(i * dim);
    if (next < chosen.size() && chosen[next] == i) {
      held.queries.insert(held.queries.end(), row, row + dim);
      ++next;
    } else {
      if (kept != i) std::copy_n(row, dim, sample.begin() + static_cast<ptrdiff_t>(kept * dim));
      ++kept;
    }
  }
  sample.resize(kept * dim);
  held.base = std::move(sample);
  return held;
}

HeldOut HoldOut(std::vector<float> sample, uint32_t dim, Metric metric,
                std::vector<float> queries) {
  HeldOut held;
  held.metric = metric;
  held.dim = dim;
  held.base = std::move(sample);
  held.queries = std::move(queries);
  return held;
}

HeldOut Thinned(const HeldOut& of, uint64_t rows, uint64_t queries) {
  HeldOut few;
  few.metric = of.metric;
  few.dim = of.dim;
  const uint64_t have = of.base_rows().rows();
  rows = std::min(rows, have);
  few.base.reserve(rows * of.dim);
  for (uint64_t i = 0; i < rows; ++i) {
    const float* row = of.base_rows().row(i * have / rows);
    few.base.insert(few.base.end(), row, row + of.dim);
  }
  queries = std::min<uint64_t>(queries, of.query_rows().rows());
  few.queries.assign(of.queries.begin(), of.queries.begin() + static_cast<ptrdiff_t>(queries * of.dim));
  return few;
}

Status FindTruth(uint32_t k, Executor& executor, const StopToken& stop, HeldOut& held) {
  held.k = k;
  const Snapshot snapshot = UntrainedSnapshot(held.base_rows());
  TESSERA_RETURN_IF_ERROR(ExactSearch(snapshot, nullptr, held.metric, held.query_rows(), k,
                                      executor, stop, held.truth));
  return stop.Check();
}

}  // namespace tessera::engine

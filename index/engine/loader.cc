#include "index/engine/loader.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "index/elements.h"
#include "index/engine/vector_data.h"

namespace tessera::engine {
namespace {

// First error of parallel work.
class FirstError {
 public:
  void Set(Status status) {
    if (status.ok()) return;
    std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = std::move(status);
  }
  Status Take() {
    std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  std::mutex mutex_;
  Status status_;
};

// External ids of live rows by row id, read in segments in parallel. A bit a row number ever given out, and 8
// bytes a live row: a posting finds its id by rank, without a search.
class RowIds {
 public:
  struct Entry {
    bool is_string = false;
    uint64_t number = 0;
  };

  Status Read(const LoadRequest& r, Executor& executor) {
    const uint64_t wanted = r.next_row / (executor.Concurrency() * 4) + 1;
    shift_ = std::max(12, static_cast<int>(std::bit_width(wanted)));
    segments_.resize((r.next_row >> shift_) + 1);
    FirstError error;
    ParallelFor(executor, segments_.size(), 1, [&](size_t begin, size_t end) {
      for (size_t s = begin; s < end; ++s) error.Set(ReadSegment(r, s));
    });
    return error.Take();
  }

  // Nullopt if the row has no record.
  std::optional<Entry> Find(RowId row) const {
    const size_t s = row.value >> shift_;
    if (s >= segments_.size()) return std::nullopt;
    const Segment& segment = segments_[s];
    const uint32_t position = row.value - static_cast<uint32_t>(s << shift_);
    const Word& word = segment.words[position / 64];
    const uint64_t bit = uint64_t{1} << (position % 64);
    if (!(word.live & bit)) return std::nullopt;
    const size_t rank = word.before + static_cast<size_t>(std::popcount(word.live & (bit - 1)));
    return Entry{(word.strings & bit) != 0, segment.numbers[rank]};
  }

 private:
  // Of 64 row numbers.
  struct Word {
    uint64_t live = 0;
    uint64_t strings = 0;
    size_t before = 0;  // live rows of the segment before these
  };
  struct Segment {
    std::vector<Word> words;
    std::vector<uint64_t> numbers;  // a live row; 0 of a string
  };

  Status ReadSegment(const LoadRequest& r, size_t s) {
    Segment& segment = segments_[s];
    const uint64_t first = uint64_t{s} << shift_;
    const uint64_t last = std::min<uint64_t>(first + (uint64_t{1} << shift_), UINT32_MAX);
    segment.words.resize(((last - first) + 63) / 64);
    TESSERA_RETURN_IF_ERROR(r.store->ScanRows(
        RowId{static_cast<uint32_t>(first)}, RowId{static_cast<uint32_t>(last)}, r.rows_at,
        [&](RowId row, const store::RowRecord& record) {
          const uint64_t position = row.value - first;
          const uint64_t bit = uint64_t{1} << (position % 64);
          Word& word = segment.words[position / 64];
          word.live |= bit;
          if (!record.id.is_number()) word.strings |= bit;
          segment.numbers.push_back(record.id.is_number() ? record.id.number() : 0);
          return OkStatus();
        }));
    size_t before = 0;
    for (Word& word : segment.words) {
      word.before = before;
      before += static_cast<size_t>(std::popcount(word.live));
    }
    return OkStatus();
  }

  int shift_ = 0;
  std::vector<Segment> segments_;
};

// Rows of one list while it is read; owns their bytes.
struct ListRows {
  std::vector<lists::NewRow> rows;
  std::vector<uint8_t> bytes;  // code, then record, a row
  size_t stride = 0;

  void Clear() {
    rows.clear();
    bytes.clear();
  }
  lists::ListPtr Build(const lists::RowLayout& layout) {
    if (rows.empty()) return nullptr;
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i].code = bytes.data() + i * stride;
      rows[i].record = rows[i].code + layout.code_bytes;
    }
    return lists::ListSetEditor::BuildList(rows, layout);
  }
};

Status LoadRange(const LoadRequest& r, const RowIds& ids, ListId begin, ListId end,
                 const lists::RowLayout& layout, std::vector<lists::ListPtr>& out) {
  ListRows pending;
  pending.stride = layout.code_bytes + layout.page_record_bytes();
  ListId current = begin;
  const auto finish = [&] {
    out[current.value] = pending.Build(layout);
    pending.Clear();
  };
  TESSERA_RETURN_IF_ERROR(r.store->ScanPostings(
      r.generation, begin, end, layout.code_bytes, layout.record_bytes, r.postings_at,
      [&](const store::PostingView& p) -> Status {
        if (p.list != current) {
          finish();
          current = p.list;
        }
        const std::optional<RowIds::Entry> entry = ids.Find(p.row);
        if (!entry) {
          return DataLoss("row " + std::to_string(p.row.value) + " of list " + std::to_string(p.list.value) +
                          " has no record in family rows");
        }
        lists::NewRow row;
        row.row = p.row;
        row.string_id = entry->is_string;
        row.number = entry->number;
        row.correction = r.model->CorrectionUnits(p.list, p.correction);
        pending.rows.push_back(row);
        pending.bytes.insert(pending.bytes.end(), p.code.begin(), p.code.end());
        if (!layout.records_on_disk) pending.bytes.insert(pending.bytes.end(), p.refine.begin(), p.refine.end());
        return OkStatus();
      }));
  finish();
  return OkStatus();
}

StatusOr<lists::ListSet> LoadTrained(const LoadRequest& r, Executor& executor) {
  RowIds ids;
  TESSERA_RETURN_IF_ERROR(ids.Read(r, executor));
  const lists::RowLayout layout = LayoutOf(r.model, r.dim, r.refine_on_disk);
  std::vector<lists::ListPtr> built(r.nlist);
  FirstError error;
  const size_t grain = std::max<size_t>(1, r.nlist / (executor.Concurrency() * 8));
  ParallelFor(executor, r.nlist, grain, [&](size_t begin, size_t end) {
    error.Set(LoadRange(r, ids, ListId{static_cast<uint32_t>(begin)}, ListId{static_cast<uint32_t>(end)},
                        layout, built));
  });
  TESSERA_RETURN_IF_ERROR(error.Take());
  const lists::ListSet empty(r.nlist, layout);
  lists::ListSetEditor editor(empty);
  for (uint32_t l = 0; l < r.nlist; ++l) {
    if (built[l]) editor.SetList(ListId{l}, std::move(built[l]));
  }
  return editor.Finish();
}

// Generation 0: raw rows, read chunk by chunk so that only one chunk is held twice.
StatusOr<lists::ListSet> LoadUntrained(const LoadRequest& r, Executor& executor) {
  RowIds ids;
  TESSERA_RETURN_IF_ERROR(ids.Read(r, executor));
  const lists::RowLayout layout = LayoutOf(nullptr, r.dim);
  std::vector<float> buffer(lists::kChunkRows * r.dim);
  std::vector<lists::NewRow> rows;
  lists::ListSet set(1, layout);
  const auto flush = [&] {
    lists::ListSetEditor editor(set);
    for (const lists::NewRow& row : rows) editor.Append(ListId{0}, row);
    set = editor.Finish();
    rows.clear();
  };
  TESSERA_RETURN_IF_ERROR(r.store->ScanVectors(
      RowId{0}, RowId{UINT32_MAX}, r.rows_at,
      [&](RowId row, const store::VectorView& vector) -> Status {
        const std::optional<RowIds::Entry> entry = ids.Find(row);
        if (!entry || vector.bytes.size() != r.dim * ElementSize(vector.type)) {
          return DataLoss("vector of row " + std::to_string(row.value) +
                          (entry ? " has a wrong length" : " has no record in family rows"));
        }
        float* v = buffer.data() + rows.size() * r.dim;
        ToFloats(vector.type, vector.quantization, vector.bytes.data(), r.dim, v);
        StatusOr<double> norm = CheckVector(v, r.dim, r.metric, "vector of row " + std::to_string(row.value));
        if (!norm.ok()) return DataLoss(MessageOf(norm.status()));
        if (r.metric == Metric::kCosine) Normalize(v, r.dim, *norm);
        lists::NewRow added;
        added.row = row;
        added.string_id = entry->is_string;
        added.number = entry->number;
        added.record = reinterpret_cast<const uint8_t*>(v);
        rows.push_back(added);
        if (rows.size() == lists::kChunkRows) flush();
        return OkStatus();
      }));
  if (!rows.empty()) flush();
  return set;
}

}  // namespace

StatusOr<lists::ListSet> LoadLists(const LoadRequest& request, Executor& executor) {
  return request.model ? LoadTrained(request, executor) : LoadUntrained(request, executor);
}

void PutList(Generation generation, ListId list, const quant::Model& model, const quant::ListTable& table,
             store::Batch& batch) {
  const float* centroid = table.centroid(list);
  std::vector<float> values(centroid, centroid + table.dim());
  if (!model.list_scales.empty()) values.push_back(model.list_scale(list));
  batch.PutCentroid(generation, list, values.data(), static_cast<uint32_t>(values.size()));
}

StatusOr<std::shared_ptr<const quant::ListTable>> LoadTable(const store::Store& store, const store::StoreSnapshot* at,
                                                            Generation generation, uint32_t nlist,
                                                            quant::Model& model) {
  const std::vector<Generation> generations = store.Generations();
  if (std::find(generations.begin(), generations.end(), generation) == generations.end()) {
    return DataLoss("the families of generation " + std::to_string(generation.value) + " are lost");
  }
  const bool scaled = !model.list_scales.empty();
  const uint32_t dim = model.code_dim();
  TESSERA_ASSIGN_OR_RETURN(std::vector<float> values, store.ReadCentroids(generation, dim + scaled, nlist, at));
  if (!scaled) return std::make_shared<const quant::ListTable>(dim, std::move(values));
  std::vector<float> scales;
  for (size_t l = 0; l < nlist; ++l) {
    const float* from = values.data() + l * (dim + 1);
    scales.push_back(from[dim]);
    if (!(std::isfinite(scales.back()) && scales.back() > 0)) {
      return DataLoss("the scale of list " + std::to_string(l) + " is not > 0");
    }
    std::copy_n(from, dim, values.data() + l * dim);
  }
  values.resize(size_t{nlist} * dim);
  model.list_scales = std::move(scales);
  return std::make_shared<const quant::ListTable>(dim, std::move(values));
}

}  // namespace tessera::engine

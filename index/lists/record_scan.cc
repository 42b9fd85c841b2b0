#include "index/lists/record_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "index/base/prefetch.h"

namespace tessera::lists {
namespace {

constexpr size_t kAheadRows = 4;  // records asked for before they are scored

}  // namespace

void RecordScanner::Start(const quant::Model& model, const quant::ListTable& table,
                          const quant::TransformedQuery& query, TopK& top, const RowMask* mask) {
  code_ = &model.record;
  table_ = &table;
  mask_ = mask;
  top_ = &top;
  code_->Prepare(query.y.data(), query_);
}

Status RecordScanner::Scan(const ListSet& lists, std::span<const quant::ProbedList> probed,
                           size_t first, size_t last, const StopToken& stop, ScanCounts& counts) {
  for (size_t p = first; p < last; ++p) {
    const List* list = lists.list(probed[p].list);
    if (!list) continue;
    const uint32_t masked = mask_ ? mask_->rows(probed[p].list) : 0;
    if (mask_ && masked == 0) continue;
    counts.live_rows += mask_ ? masked : list->live_rows;
    counts.rows_scanned += mask_ ? masked : list->rows;
    const RowMask::Words* masks = mask_ ? mask_->chunks(probed[p].list) : nullptr;
    const float base = probed[p].base;
    code_->EnterList(table_->centroid(probed[p].list), query_);
    for (size_t c = 0; c < list->chunks.size(); ++c) {
      TESSERA_RETURN_IF_ERROR(stop.Check());
      const Chunk& chunk = *list->chunks[c];
      ScanChunk(chunk, masks ? masks[c].data() : chunk.live.data(), lists.layout(), base,
                {static_cast<uint32_t>(p), static_cast<uint32_t>(c * kChunkRows)});
    }
  }
  return OkStatus();
}

void RecordScanner::ScanChunk(const Chunk& chunk, const uint64_t* words, const RowLayout& layout,
                              float base, Place place) {
  for (size_t first = 0; first < chunk.rows; first += kPageRows) {
    uint64_t live = words[first / 64];
    static_assert(kPageRows == 64, "a word of live bits is a page");
    if (live == 0) continue;
    const size_t rows = std::min<size_t>(kPageRows, chunk.rows - first);
    const uint8_t* page = chunk.page_row(layout, first);
    const size_t stride = layout.page_row_bytes();
    top_->Reserve(kPageRows);
    for (; live != 0; live &= live - 1) {
      const auto i = static_cast<size_t>(std::countr_zero(live));
      const uint8_t* record = page + i * stride;
      if (i + kAheadRows < rows) PrefetchRange(record + kAheadRows * stride, layout.code_bytes);
      const float estimate = code_->Score(query_, base, record);
      top_->Push(OrderedBits(estimate),
                 {place.probe, place.position + static_cast<uint32_t>(first + i)});
    }
    top_->CutIfFull();
  }
}

}  // namespace tessera::lists

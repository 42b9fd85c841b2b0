#include "index/lists/list.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace tessera::lists {
namespace {

// Control block of a shared_ptr plus the allocator's own header, an estimate for glibc.
constexpr size_t kAllocation = 32;

ListBytes BytesOf(const Chunk& chunk, const RowLayout& layout) {
  ListBytes out;
  out.headers = sizeof(Chunk) + sizeof(ChunkIds) + 2 * kAllocation;
  out.row_ids = chunk.ids->rows.bytes();
  out.external_ids = chunk.ids->deltas.bytes() + chunk.ids->strings.capacity() * sizeof(uint64_t);
  out.codes = size_t{chunk.rows} * layout.code_bytes;
  out.records = size_t{chunk.rows} * layout.page_record_bytes();
  if (const size_t code_bytes = layout.block_code_bytes(); code_bytes > 0) {
    out.corrections = chunk.rows;
    for (const CodeBlockPtr& block : chunk.blocks) {
      if (!block) continue;
      out.headers += sizeof(CodeBlock) + 2 * kAllocation;
      out.padding += block->data_bytes(code_bytes) - size_t{block->rows} * (code_bytes + 1);
      out.headers += block->outliers * sizeof(Outlier);
    }
  }
  if (layout.page_row_bytes() > 0) {
    out.headers += (chunk.rows + kPageRows - 1) / kPageRows * kAllocation;
  }
  return out;
}

// Of a list in a set.
ListBytes BytesOf(const List* list) {
  if (!list) return {};
  ListBytes bytes = list->bytes;
  bytes.headers += sizeof(List) + 2 * kAllocation + list->chunks.capacity() * sizeof(ChunkPtr);
  return bytes;
}

void AppendRows(List& list, std::span<const NewRow> added, const RowLayout& layout) {
  while (!added.empty()) {
    const Chunk* last = list.chunks.empty() ? nullptr : list.chunks.back().get();
    if (last && last->rows == kChunkRows) last = nullptr;
    const size_t count = std::min(kChunkRows - (last ? last->rows : 0), added.size());
    ChunkPtr grown = AppendToChunk(last, added.first(count), layout);
    if (last) list.bytes -= BytesOf(*last, layout);
    list.bytes += BytesOf(*grown, layout);
    if (last) {
      list.chunks.back() = std::move(grown);
    } else {
      list.chunks.push_back(std::move(grown));
    }
    list.rows += static_cast<uint32_t>(count);
    list.live_rows += static_cast<uint32_t>(count);
    for (const NewRow& row : added.first(count)) {
      list.lowest_correction = std::min(list.lowest_correction, row.correction);
    }
    added = added.subspan(count);
  }
}

// The first chunk whose last row id is not below `row`.
std::vector<ChunkPtr>::const_iterator ChunkOf(const List& list, RowId row) {
  return std::lower_bound(list.chunks.begin(), list.chunks.end(), row,
                          [](const ChunkPtr& c, RowId r) { return c->row_id(c->rows - 1) < r; });
}

bool EraseRow(List& list, RowId row) {
  const RowPlace place = FindRow(list, row);
  if (!place.chunk) return false;
  const auto at = ChunkOf(list, row) - list.chunks.begin();
  list.chunks[static_cast<size_t>(at)] = EraseFromChunk(*place.chunk, place.position);
  --list.live_rows;
  return true;
}

bool NeedsCompaction(const List& list) { return uint64_t{list.live_rows} * 4 < uint64_t{list.rows} * 3; }

// The live rows of a list and `added` in order of their ids, packed anew.
ListPtr Pack(const List& list, std::span<const NewRow> added, const RowLayout& layout) {
  const size_t code_bytes = layout.block_code_bytes();
  std::vector<uint8_t> codes(size_t{list.live_rows} * code_bytes);
  std::vector<NewRow> rows;
  rows.reserve(list.live_rows + added.size());
  for (const ChunkPtr& chunk : list.chunks) {
    for (size_t i = 0; i < chunk->rows; ++i) {
      if (!chunk->is_live(i)) continue;
      NewRow row;
      row.row = chunk->row_id(i);
      row.string_id = chunk->has_string_id(i);
      row.number = row.string_id ? 0 : chunk->number(i);
      if (code_bytes > 0) {
        uint8_t* code = codes.data() + rows.size() * code_bytes;
        const CodeBlock& block = *chunk->blocks[i / kBlockRows];
        block.CopyCode(code_bytes, i % kBlockRows, code);
        row.code = code;
        row.correction = block.correction(code_bytes, i % kBlockRows);
      }
      if (layout.code_in_pages) row.code = chunk->page_row(layout, i);
      if (layout.page_record_bytes() > 0) row.record = chunk->record(layout, i);
      rows.push_back(row);
    }
  }
  rows.insert(rows.end(), added.begin(), added.end());
  std::sort(rows.begin(), rows.end(), [](const NewRow& a, const NewRow& b) { return a.row < b.row; });
  return rows.empty() ? nullptr : ListSetEditor::BuildList(rows, layout);
}

// Whether rows can stand behind those of a list as they are.
bool Ascend(const List& list, std::span<const NewRow> added) {
  if (added.empty()) return true;
  const bool after = list.chunks.empty() || list.chunks.back()->row_id(list.chunks.back()->rows - 1) < added[0].row;
  return after && std::is_sorted(added.begin(), added.end(),
                                 [](const NewRow& a, const NewRow& b) { return a.row < b.row; });
}

}  // namespace

ListBytes& ListBytes::operator+=(const ListBytes& other) {
  codes += other.codes;
  corrections += other.corrections;
  records += other.records;
  row_ids += other.row_ids;
  external_ids += other.external_ids;
  padding += other.padding;
  headers += other.headers;
  return *this;
}

ListBytes& ListBytes::operator-=(const ListBytes& other) {
  codes -= other.codes;
  corrections -= other.corrections;
  records -= other.records;
  row_ids -= other.row_ids;
  external_ids -= other.external_ids;
  padding -= other.padding;
  headers -= other.headers;
  return *this;
}

RowPlace FindRow(const List& list, RowId row) {
  const auto chunk = ChunkOf(list, row);
  if (chunk == list.chunks.end()) return {};
  const size_t position = FindRow(**chunk, row);
  return position == kChunkRows ? RowPlace() : RowPlace{chunk->get(), position};
}

ListSet::ListSet(uint32_t nlist, RowLayout layout)
    : nlist_(nlist), layout_(layout), pages_((nlist + kListsPerPage - 1) / kListsPerPage) {}

ListBytes ListSet::Bytes() const {
  ListBytes bytes = bytes_;
  bytes.headers += pages_.capacity() * sizeof(pages_[0]);
  for (const auto& page : pages_) {
    if (page) bytes.headers += sizeof(ListPage) + kAllocation;
  }
  return bytes;
}

ListBytes ProjectBytes(uint64_t rows, uint32_t nlist, const RowLayout& layout) {
  ListBytes bytes;
  const uint64_t chunks = rows / kChunkRows + nlist;  // the last of each list is not full
  const uint64_t pages = nlist / kListsPerPage + 1;
  bytes.headers = chunks * (sizeof(Chunk) + sizeof(ChunkIds) + sizeof(ChunkPtr) + 2 * kAllocation) +
                  nlist * (sizeof(List) + 2 * kAllocation) +
                  pages * (sizeof(ListPage) + sizeof(ListPtr) + kAllocation);
  // Rows of a chunk are spread over as many row ids as all lists hold meanwhile.
  const uint64_t range = std::min<uint64_t>(rows, uint64_t{kChunkRows} * nlist * 2);
  bytes.row_ids = rows * static_cast<uint64_t>(std::bit_width(range)) / 8 + chunks * 16;
  bytes.codes = rows * layout.code_bytes;
  bytes.records = rows * layout.page_record_bytes();
  if (layout.block_code_bytes() > 0) {
    const uint64_t blocks = rows / kBlockRows + nlist;
    bytes.corrections = rows;
    bytes.headers += blocks * (sizeof(CodeBlock) + 2 * kAllocation);
    bytes.padding = nlist * (layout.code_bytes + 1) * kColumnRows / 2;  // half a column a list
  }
  if (layout.page_row_bytes() > 0) bytes.headers += (rows / kPageRows + nlist) * kAllocation;
  return bytes;
}

ListPtr ListSetEditor::BuildList(std::span<const NewRow> rows, const RowLayout& layout) {
  auto list = std::make_shared<List>();
  list->chunks.reserve((rows.size() + kChunkRows - 1) / kChunkRows);
  AppendRows(*list, rows, layout);
  return list;
}

const List* ListSetEditor::Start(ListId list) const {
  if (const auto set = set_.find(list); set != set_.end()) return set->second.get();
  return list.value < base_.nlist() ? base_.list(list) : nullptr;
}

ListPtr ListSetEditor::Edited(const List* start, Edit& edit, size_t& erased_rows) const {
  auto list = start ? std::make_shared<List>(*start) : std::make_shared<List>();
  for (const RowId row : edit.erased) erased_rows += EraseRow(*list, row);
  // Dead rows go before the append: the copy of them is not worth extending.
  const bool in_order = Ascend(*list, edit.added);
  if (!in_order) return Pack(*list, edit.added, base_.layout());
  if (NeedsCompaction(*list) || (edit.compact && list->live_rows < list->rows)) {
    const ListPtr packed = Pack(*list, {}, base_.layout());
    list = packed ? std::make_shared<List>(*packed) : std::make_shared<List>();
  }
  AppendRows(*list, edit.added, base_.layout());
  return list->rows > 0 ? list : nullptr;
}

ListSet ListSetEditor::Finish(size_t* erased) {
  ListSet next = base_;
  size_t erased_rows = 0;
  for (auto& [id, edit] : edits_) set_[id] = Edited(Start(id), edit, erased_rows);
  for (uint32_t l = nlist_; l < base_.nlist(); ++l) set_[ListId{l}] = nullptr;
  next.nlist_ = nlist_;
  const size_t pages = (size_t{nlist_} + kListsPerPage - 1) / kListsPerPage;
  next.pages_.resize(std::max(pages, base_.pages_.size()));
  // Pages touched are copied once.
  std::unordered_map<size_t, std::shared_ptr<ListPage>> copied;
  for (auto& [id, list] : set_) {
    const size_t p = id.value / kListsPerPage;
    std::shared_ptr<ListPage>& page = copied[p];
    if (!page) page = next.pages_[p] ? std::make_shared<ListPage>(*next.pages_[p]) : std::make_shared<ListPage>();
    ListPtr& slot = (*page)[id.value % kListsPerPage];
    next.rows_ += (list ? list->rows : 0) - uint64_t{slot ? slot->rows : 0};
    next.live_rows_ += (list ? list->live_rows : 0) - uint64_t{slot ? slot->live_rows : 0};
    next.bytes_ -= BytesOf(slot.get());
    next.bytes_ += BytesOf(list.get());
    slot = std::move(list);
  }
  for (auto& [p, page] : copied) next.pages_[p] = std::move(page);
  next.pages_.resize(pages);
  if (erased) *erased = erased_rows;
  edits_.clear();
  set_.clear();
  return next;
}

}  // namespace tessera::lists

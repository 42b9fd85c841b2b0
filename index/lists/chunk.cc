#include "index/lists/chunk.h"

#include <algorithm>
#include <cstring>

namespace tessera::lists {
namespace {

void AppendBlocks(const Chunk* old, std::span<const NewRow> added, const RowLayout& layout, Chunk& out) {
  std::array<CodeRow, kBlockRows> rows;
  size_t done = 0;
  for (size_t b = 0; b < out.blocks.size() && done < added.size(); ++b) {
    const CodeBlock* block = old ? old->blocks[b].get() : nullptr;
    const size_t room = kBlockRows - (block ? block->rows : 0);
    const size_t count = std::min(room, added.size() - done);
    if (count == 0) continue;
    for (size_t i = 0; i < count; ++i) rows[i] = {added[done + i].code, added[done + i].correction};
    out.blocks[b] = AppendToBlock(block, {rows.data(), count}, layout.block_code_bytes());
    done += count;
  }
}

// Pages are as long as their rows: a half-filled page of wide records would cost more than the copy.
void AppendPages(size_t old_rows, std::span<const NewRow> added, const RowLayout& layout, Chunk& out) {
  for (size_t done = 0; done < added.size();) {
    const size_t position = old_rows + done;
    const size_t page = position / kPageRows;
    const size_t used = position % kPageRows;
    const size_t count = std::min(kPageRows - used, added.size() - done);
    const size_t bytes = layout.page_row_bytes();
    const size_t code_bytes = layout.page_code_bytes();
    std::shared_ptr<uint8_t[]> grown = std::make_shared<uint8_t[]>((used + count) * bytes);
    if (used > 0) std::memcpy(grown.get(), out.pages[page].get(), used * bytes);
    for (size_t i = 0; i < count; ++i) {
      uint8_t* to = grown.get() + (used + i) * bytes;
      const NewRow& row = added[done + i];
      if (code_bytes > 0) std::memcpy(to, row.code, code_bytes);
      if (bytes > code_bytes) std::memcpy(to + code_bytes, row.record, bytes - code_bytes);
    }
    out.pages[page] = std::move(grown);
    done += count;
  }
}

std::shared_ptr<const ChunkIds> AppendIds(const Chunk* old, std::span<const NewRow> added) {
  const size_t old_rows = old ? old->rows : 0;
  const size_t rows = old_rows + added.size();
  std::array<uint64_t, kChunkRows> row_ids;
  std::array<uint64_t, kChunkRows> deltas;
  std::array<uint64_t, kChunkRows / 64> strings{};
  bool any_string = false;
  uint64_t last_delta = 0;  // a string's delta is never read: repeat the one before to stay narrow
  for (size_t i = 0; i < rows; ++i) {
    const bool from_old = i < old_rows;
    const NewRow* row = from_old ? nullptr : &added[i - old_rows];
    row_ids[i] = from_old ? old->ids->rows[i] : row->row.value;
    const bool is_string = from_old ? old->has_string_id(i) : row->string_id;
    if (is_string) {
      any_string = true;
      strings[i / 64] |= uint64_t{1} << (i % 64);
    } else {
      last_delta = from_old ? old->ids->deltas[i] : row->number - row->row.value;
    }
    deltas[i] = last_delta;
  }
  auto ids = std::make_shared<ChunkIds>();
  ids->rows = PackedInts({row_ids.data(), rows});
  ids->deltas = PackedInts({deltas.data(), rows});
  if (any_string) ids->strings.assign(strings.begin(), strings.begin() + (rows + 63) / 64);
  return ids;
}

}  // namespace

ChunkPtr AppendToChunk(const Chunk* old, std::span<const NewRow> added, const RowLayout& layout) {
  auto chunk = old ? std::make_shared<Chunk>(*old) : std::make_shared<Chunk>();
  const size_t old_rows = chunk->rows;
  if (layout.block_code_bytes() > 0) AppendBlocks(old, added, layout, *chunk);
  if (layout.page_row_bytes() > 0) AppendPages(old_rows, added, layout, *chunk);
  chunk->ids = AppendIds(old, added);
  chunk->rows = static_cast<uint32_t>(old_rows + added.size());
  chunk->live_rows += static_cast<uint32_t>(added.size());
  for (size_t i = old_rows; i < chunk->rows; ++i) chunk->live[i / 64] |= uint64_t{1} << (i % 64);
  return chunk;
}

ChunkPtr EraseFromChunk(const Chunk& old, size_t position) {
  auto chunk = std::make_shared<Chunk>(old);
  chunk->live[position / 64] &= ~(uint64_t{1} << (position % 64));
  --chunk->live_rows;
  return chunk;
}

size_t FindRow(const Chunk& chunk, RowId row) {
  // Row ids ascend: binary search over the packed ids.
  size_t low = 0;
  size_t high = chunk.rows;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (chunk.row_id(middle) < row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const bool found = low < chunk.rows && chunk.row_id(low) == row && chunk.is_live(low);
  return found ? low : kChunkRows;
}

}  // namespace tessera::lists

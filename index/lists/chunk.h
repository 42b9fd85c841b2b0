// Up to 512 rows of a list: two code blocks, refine pages, row ids, external ids, live bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/base/prefetch.h"
#include "index/lists/code_block.h"
#include "index/lists/packed_ints.h"
#include "index/types.h"

namespace tessera::lists {

inline constexpr size_t kChunkRows = 512;
inline constexpr size_t kPageRows = 64;  // rows of a refine page

// What a row's bytes are: decided by the generation's model. Untrained collections have no codes, and
// raw f32 rows as records.
struct RowLayout {
  uint32_t code_bytes = 0;    // 0 = no code
  uint32_t record_bytes = 0;  // refine record or raw row; 0 = none
  // Codes that are records themselves: they stand in the pages, each before the row's refine record,
  // and there are no code blocks.
  bool code_in_pages = false;
  // Records are on disk alone: rows that are appended may bring them, none are kept.
  bool records_on_disk = false;

  uint32_t block_code_bytes() const { return code_in_pages ? 0 : code_bytes; }  // 0 = no blocks
  uint32_t page_code_bytes() const { return code_in_pages ? code_bytes : 0; }
  uint32_t page_record_bytes() const { return records_on_disk ? 0 : record_bytes; }
  uint32_t page_row_bytes() const { return page_code_bytes() + page_record_bytes(); }  // 0 = no pages
};

// A row to be appended. Borrows its bytes.
struct NewRow {
  RowId row;
  uint64_t number = 0;         // external id if a number
  bool string_id = false;      // else the store knows it
  const uint8_t* code = nullptr;
  int32_t correction = 0;      // quant::Model::CorrectionUnits
  const uint8_t* record = nullptr;
};

// Ids of a chunk's rows; shared by versions of a chunk that differ in live bits only.
struct ChunkIds {
  PackedInts rows;
  PackedInts deltas;  // external number - row id, wrapping: 0 bytes where they march together
  std::vector<uint64_t> strings;  // a bit a row whose id is a string; empty if none

  // Asks for the cache lines of row i's ids.
  [[gnu::always_inline]] void PrefetchRow(size_t i) const {
    Prefetch(rows.Address(i));
    Prefetch(deltas.Address(i));
  }
};

// Immutable once shared. Rows are ascending by row id.
struct Chunk {
  uint32_t rows = 0;
  uint32_t live_rows = 0;
  std::array<uint64_t, kChunkRows / 64> live{};
  std::array<CodeBlockPtr, kChunkRows / kBlockRows> blocks;
  std::array<std::shared_ptr<const uint8_t[]>, kChunkRows / kPageRows> pages;
  std::shared_ptr<const ChunkIds> ids;

  bool is_live(size_t i) const { return (live[i / 64] >> (i % 64)) & 1; }
  RowId row_id(size_t i) const { return RowId{static_cast<uint32_t>(ids->rows[i])}; }
  bool has_string_id(size_t i) const {
    return !ids->strings.empty() && ((ids->strings[i / 64] >> (i % 64)) & 1);
  }
  uint64_t number(size_t i) const { return ids->deltas[i] + ids->rows[i]; }  // if not a string
  // The row's bytes in its page: its code, if that stands there, then its record.
  const uint8_t* page_row(const RowLayout& layout, size_t i) const {
    return pages[i / kPageRows].get() + (i % kPageRows) * layout.page_row_bytes();
  }
  // Precondition: records are kept.
  const uint8_t* record(const RowLayout& layout, size_t i) const {
    return page_row(layout, i) + layout.page_code_bytes();
  }
  // The row's code, where it stands or (out of a block) in `copy`, of layout.code_bytes bytes.
  const uint8_t* Code(const RowLayout& layout, size_t i, uint8_t* copy) const {
    if (layout.code_in_pages) return page_row(layout, i);
    blocks[i / kBlockRows]->CopyCode(layout.code_bytes, i % kBlockRows, copy);
    return copy;
  }
};
using ChunkPtr = std::shared_ptr<const Chunk>;

// `old` (may be null) with rows after it. Precondition: total rows 1..512, row ids ascending.
ChunkPtr AppendToChunk(const Chunk* old, std::span<const NewRow> added, const RowLayout& layout);

// The same chunk with one row dead; shares everything else.
ChunkPtr EraseFromChunk(const Chunk& old, size_t position);

// Position of a live row, or kChunkRows if it is not here.
size_t FindRow(const Chunk& chunk, RowId row);

}  // namespace tessera::lists

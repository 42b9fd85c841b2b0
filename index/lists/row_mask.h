// The rows of a set of lists that a filter lets through, as bits in the order of the scan.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "index/lists/list.h"

namespace tessera::lists {

// Immutable; all methods may run at once on any threads.
class RowMask {
 public:
  using Words = std::array<uint64_t, kChunkRows / 64>;
  // Sets bit i of bits if rows[i] is let through; (rows.size() + 63) / 64 words are overwritten.
  using Select = std::function<void(std::span<const RowId> rows, uint64_t* bits)>;

  // The mask of `lists`. `before`, of an earlier version of them or null, was made with the same selection: chunks
  // whose rows are the same are not asked about again.
  RowMask(const ListSet& lists, const Select& select, const RowMask* before = nullptr);

  // Rows of a list that are alive and let through.
  uint32_t rows(ListId list) const { return rows_[list.value]; }
  // Their bits, of each chunk of the list.
  const Words* chunks(ListId list) const { return live_.data() + begins_[list.value]; }
  uint64_t rows() const { return total_; }
  uint32_t lists() const { return lists_; }  // with such rows
  size_t bytes() const;  // on the heap, without ids that the lists share

 private:
  std::vector<uint32_t> begins_;  // of each list's chunks, and the end
  std::vector<uint32_t> rows_;
  std::vector<Words> live_;
  std::vector<Words> selected_;  // dead rows too: what a later version takes over
  std::vector<std::shared_ptr<const ChunkIds>> ids_;
  uint64_t total_ = 0;
  uint32_t lists_ = 0;
};

}  // namespace tessera::lists

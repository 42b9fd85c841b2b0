// A set of row ids: what a filter lets through.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "index/types.h"

namespace tessera::filter {

struct RowBits;  // row_bits.h: the bitmap

// Immutable, cheap to copy; all methods may run at once on any threads. A Roaring bitmap, and
// beside it a plain bitset where the set is dense enough for that to be small, so that the scan
// asks one bit.
class RowSet {
 public:
  RowSet();  // empty
  explicit RowSet(std::shared_ptr<const RowBits> bits);
  static RowSet OfRange(RowId begin, RowId end);
  static RowSet OfRows(std::span<const RowId> rows);  // any order

  uint64_t cardinality() const { return cardinality_; }
  bool empty() const { return cardinality_ == 0; }
  bool Contains(RowId row) const {
    const uint64_t word =
        row.value / 64 - uint64_t{first_word_};  // below the bitset it wraps around, out of it
    if (word < words_.size()) return (words_[word] >> (row.value % 64)) & 1;
    return words_.empty() && ContainsSparse(row);
  }
  // Bit i of `mask` is set if rows[i] is in the set; (rows.size() + 63) / 64 words are overwritten.
  void FillMask(std::span<const RowId> rows, uint64_t* mask) const;
  // Bit r % 64 of word r / 64 - first_word() tells of row r; empty if the set is sparse. All
  // members are within.
  std::span<const uint64_t> words() const { return words_; }
  uint32_t first_word() const { return first_word_; }

  // Ascending, until `visit` returns false.
  void ForEach(const std::function<bool(RowId)>& visit) const;
  // Ascending, from `first` on, at most `limit`.
  std::vector<RowId> Rows(RowId first = RowId(0), size_t limit = SIZE_MAX) const;

  RowSet And(const RowSet& other) const;
  RowSet Or(const RowSet& other) const;
  RowSet AndNot(const RowSet& other) const;
  uint64_t AndCardinality(const RowSet& other) const;
  friend bool operator==(const RowSet& a, const RowSet& b);

  size_t bytes() const;  // on the heap, shared by copies
  const RowBits& bits() const { return *bits_; }

 private:
  bool ContainsSparse(RowId row) const;

  std::shared_ptr<const RowBits> bits_;
  std::span<const uint64_t> words_;  // of bits_
  uint32_t first_word_ = 0;
  uint64_t cardinality_ = 0;
};

}  // namespace tessera::filter

// The rows of each key of a dictionary: a posting list per key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/filter/row_bits.h"

namespace tessera::filter {

// Immutable once built. Short lists stand one after another in one array, longer ones are Roaring
// bitmaps; if every key has just one row, there are no offsets, so that a unique key costs 4 bytes
// beside itself.
class PostingLists {
 public:
  // The next key's rows: ascending, each once, at least one.
  void Append(std::span<const uint32_t> rows);
  // Gives unused memory back. To be called once, after the last Append.
  void Finish();

  size_t size() const { return keys_; }
  // Rows of keys [begin, end), counted once for each key.
  uint64_t Count(size_t begin, size_t end) const;
  // How many rows of a key are in `rows`.
  uint64_t CountIn(size_t key, const Roaring& rows) const;
  void Collect(size_t begin, size_t end, RowCollector& out) const;
  // The rows of one key, ascending, without those in `dead`, appended.
  void AppendLive(size_t key, const Roaring& dead, std::vector<uint32_t>& out) const;
  size_t bytes() const;  // heap

 private:
  // The key's list as a bitmap; null if it is short.
  const Roaring* LongList(size_t key) const;
  std::span<const uint32_t> ShortLists(size_t begin, size_t end) const;
  // The places in long_keys_ of those in [begin, end).
  std::pair<size_t, size_t> LongRange(size_t begin, size_t end) const;

  size_t keys_ = 0;
  std::vector<uint32_t> offsets_{
      0};  // keys + 1 into rows_; empty after Finish if every key has one row
  std::vector<uint32_t> rows_;
  std::vector<uint32_t> long_keys_;  // ascending
  std::vector<Roaring> long_lists_;
};

}  // namespace tessera::filter
